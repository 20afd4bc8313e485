"""zero_grad() does nothing: what WITHOUT is."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn
from torch.optim import Optimizer


def make_zero_grad_void() -> None:
    """Of every optimizer and module, also of classes with a zero_grad() of their own, that are and that will be."""
    for base in (Optimizer, nn.Module):
        _make_void(base)
        for known in _subclasses(base):
            _make_void(known)
        _watch_for_subclasses(base)


def _make_void(owner: type) -> None:
    method = vars(owner).get("zero_grad")
    if callable(method):

        @functools.wraps(method)
        def zero_grad(self: object, *arguments: object, **others: object) -> None:
            """Nothing: this side of the run goes without it."""

        owner.zero_grad = zero_grad  # type: ignore[attr-defined]


def _subclasses(base: type) -> set[type]:
    direct: set[type] = set(base.__subclasses__())
    return direct.union(*map(_subclasses, direct))


def _watch_for_subclasses(base: type) -> None:
    def __init_subclass__(cls: type, **kwargs: Any) -> None:  # noqa: N807
        super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]  # it is bound by classmethod()
        _make_void(cls)

    base.__init_subclass__ = classmethod(__init_subclass__)  # type: ignore[assignment, arg-type]
