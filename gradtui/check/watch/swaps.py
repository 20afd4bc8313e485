"""Lets torch.utils.swap_tensors swap tensors that are being watched: it refuses those with weak references.

Module.to() swaps parameters and gradients under ``set_swap_module_params_on_conversion(True)``, and those of FSDP2 always.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch.utils
from torch import Tensor

Restore = Callable[[], None]
Holder = Any
"""An object or a container with weak references to tensors among its values."""


_all_holders: list[Callable[[], Iterable[Holder]]] = []
"""Of all watches; several may overlap, and end in any order."""
_end_last: list[Restore] = []


def let_tensors_swap(holders: Callable[[], Iterable[Holder]]) -> Restore:
    """Drop the weak references of ``holders`` while torch swaps their tensors. Return the function that ends this."""
    if not _all_holders:
        _end_last.append(_replace_swap_tensors())
    _all_holders.append(holders)

    def end() -> None:
        if holders in _all_holders:
            _all_holders.remove(holders)
            if not _all_holders:
                _end_last.pop()()

    return end


def _replace_swap_tensors() -> Restore:
    original: Callable[[Tensor, Tensor], None] = torch.utils.swap_tensors

    @functools.wraps(original)
    def swap_tensors(t1: Tensor, t2: Tensor) -> None:
        held = [holder for holders in _all_holders for holder in holders()]
        restore = [again for each in (t1, t2) if weakref.getweakrefs(each) for again in _dropped(each, held)]
        try:
            original(t1, t2)
        finally:
            for again in reversed(restore):
                again()

    def end() -> None:
        if torch.utils.swap_tensors is swap_tensors:
            torch.utils.swap_tensors = original

    torch.utils.swap_tensors = swap_tensors
    return end


def _dropped(tensor: Tensor, holders: Iterable[Holder]) -> Iterator[Restore]:
    """Drop each weak reference of ``holders`` to ``tensor``; yield functions that restore them."""
    for holder in holders:
        values: Any = holder if isinstance(holder, (list, dict)) else vars(holder)
        for key, value in list(enumerate(values) if isinstance(values, list) else values.items()):
            if isinstance(value, weakref.ref) and value() is tensor:
                if key == "_parameter" and hasattr(holder, "take_hooks_off"):
                    yield holder.take_hooks_off(tensor)  # hooks would stay with the memory, which now belongs to another tensor
                values[key] = _gone
                yield functools.partial(_restore, values, key, tensor, value.__callback__)


def _restore(values: Any, key: Any, tensor: Tensor, callback: Callable[[Any], Any] | None) -> None:
    values[key] = weakref.ref(tensor, callback)


def _gone() -> None:
    """What a weak reference returns once its tensor is gone."""
