"""Notice when a script clips gradients, before it does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import clip_grad

FUNCTIONS = ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "clip_grad_norm")
"""torch's functions that clip; versions differ in which they have. One may call another, which changes nothing."""


def watch_clipping(before: Callable[[list[Tensor]], None]) -> None:
    """Call ``before`` with the parameters whenever the script is about to clip their gradients."""
    for name in FUNCTIONS:
        for module in (clip_grad, nn.utils):
            if hasattr(module, name):
                setattr(module, name, _watched(getattr(module, name), before))


def _watched(clip: Callable[..., Any], before: Callable[[list[Tensor]], None]) -> Callable[..., Any]:
    @functools.wraps(clip)
    def watched(parameters: Any, *args: Any, **kwargs: Any) -> Any:
        clipped = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        before([each for each in clipped if isinstance(each, Tensor)])
        if isinstance(parameters, Iterator):
            parameters = (each for each in clipped)  # a generator again: torch warns of an empty one
        return clip(parameters, *args, **kwargs)

    return watched
