"""Small things about torch's tensors, some of which have no public or no typed name."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle, unserializable_hook

Hook = TypeVar("Hook", bound=Callable[..., Any])

PLAIN = (Tensor, Parameter)
"""The classes of torch's own that do nothing of their own."""

version_of: Callable[[Tensor], int] = attrgetter("_version")
"""The tensor's version counter: it grows with each write in place, but for those through ``.data``."""


def tensor_hook(function: Hook) -> Hook:
    """Mark a tensor hook as one that need not survive when its tensor is saved: torch would warn that it does not."""
    unserializable_hook(function)
    return function


def remove_hook(handle: RemovableHandle, tensor: Tensor | None) -> None:
    """Remove a tensor hook, and what torch would keep in its place: its last one leaves a call from C++ to an empty dict."""
    handle.remove()
    if tensor is not None and not tensor._backward_hooks:  # noqa: SLF001 (no public name)
        tensor._backward_hooks = None  # noqa: SLF001


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All its parameters, group by group."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def same(ones: list[Tensor], others: list[Tensor]) -> bool:
    """Whether both hold the very same tensors. (== would compare their values.)"""
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))
