"""Small operations on torch's tensors, some of which have no public or no typed name."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from torch import Tensor
from torch.nn import Parameter
from torch.utils.hooks import RemovableHandle, unserializable_hook

Hook = TypeVar("Hook", bound=Callable[..., Any])

PLAIN = (Tensor, Parameter)
"""Torch's own tensor classes that add no special behavior."""

version_of: Callable[[Tensor], int] = attrgetter("_version")
"""The tensor's version counter: it grows with each in-place write, except those through ``.data``."""


def tensor_hook(function: Hook) -> Hook:
    """Mark a tensor hook as one that need not survive saving its tensor: torch would warn that it does not."""
    unserializable_hook(function)
    return function


def remove_hook(handle: RemovableHandle, tensor: Tensor | None) -> None:
    """Remove a tensor hook and, after the last one, the empty dict that torch would keep calling from C++."""
    handle.remove()
    if tensor is not None and not tensor._backward_hooks:  # noqa: SLF001 (no public name)
        tensor._backward_hooks = None  # noqa: SLF001


def drop_empty_hooks(tensor: Tensor) -> None:
    """Drop the empty dict that a removed post_accumulate_grad_hook has left, for torch would keep calling into it from C++.

    Not while a backward() runs: torch may be iterating over it.
    """
    if not tensor._post_accumulate_grad_hooks:  # noqa: SLF001 (no public name)
        tensor._post_accumulate_grad_hooks = None  # type: ignore[assignment]  # noqa: SLF001


def same(ones: list[Tensor], others: list[Tensor]) -> bool:
    """Whether both lists hold the same tensor objects. (== would compare values.)"""
    return len(ones) == len(others) and all(one is other for one, other in zip(ones, others, strict=True))
