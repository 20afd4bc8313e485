"""Make zero_grad() do nothing, which is what defines WITHOUT."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn
from torch.optim import Optimizer


def make_zero_grad_void() -> None:
    """Disable zero_grad() of all optimizers and modules, including existing and future classes that override it."""
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
            """Do nothing: this side of the run trains without it."""

        owner.zero_grad = zero_grad  # type: ignore[attr-defined]


def _subclasses(base: type) -> set[type]:
    direct: set[type] = set(base.__subclasses__())
    return direct.union(*map(_subclasses, direct))


def _watch_for_subclasses(base: type) -> None:
    def __init_subclass__(cls: type, **kwargs: Any) -> None:  # noqa: N807
        super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]  # bound by classmethod()
        _make_void(cls)

    base.__init_subclass__ = classmethod(__init_subclass__)  # type: ignore[assignment, arg-type]
