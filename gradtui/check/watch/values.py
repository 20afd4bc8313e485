"""Reads the values of gradients, wherever a tensor keeps them. Raises CannotLook if that is not possible now.

Each rank reads only its own shard of a DTensor: to read all of it, the ranks would have to communicate and wait for each other.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from gradtui.check.watch.tensors import PLAIN

SUM_ROUNDING = 1e-5
"""Two sums that differ by less than this part are of the same values, added up in another order: float32 keeps 1e-7."""
SCALED_ROUNDING = 1e-4
"""Values that differ by less than this part from scaled or clamped ones are taken for those: float32 needs 1e-7, and the factor
is itself computed from rounded values."""


class CannotLook(RuntimeError):
    """The values cannot be read; the message says why."""


def is_sharded(tensor: Tensor) -> bool:
    """Whether the tensor is a DTensor."""
    if type(tensor) in PLAIN:
        return False
    module = sys.modules.get("torch.distributed.tensor")  # there are none until it is imported
    kind = getattr(module, "DTensor", None)
    return kind is not None and isinstance(tensor, kind)


def local(tensor: Tensor) -> Tensor:
    """The shard of a DTensor that this rank holds; any other tensor unchanged."""
    if not is_sharded(tensor):
        return tensor
    with torch.no_grad():  # returns the tensor itself, not a view
        shard: Tensor = tensor.to_local()  # type: ignore[attr-defined]
        return shard


def nonzero(tensor: Tensor) -> Tensor:
    """Whether any value is nonzero, as a bool tensor on the tensor's device."""
    return _scalar(_readable(tensor).any(), "any()")


def any_nonzero(tensor: Tensor) -> bool:
    """Whether any value is nonzero. Waits for the device."""
    return bool(nonzero(tensor))


def total(tensor: Tensor) -> Tensor:
    """The sum of all values, on the tensor's device."""
    values = _readable(tensor.detach())
    if values.is_floating_point() and values.element_size() == 1:  # torch cannot sum float8
        values = values.float()
    return _scalar(values.sum(), "sum()")


def is_about(value: Tensor, other: Tensor) -> bool:
    """Whether two sums are equal up to a rounding error."""
    return torch.allclose(value, other, rtol=SUM_ROUNDING, atol=0.0, equal_nan=True)


def derived(gradient: Tensor, before: Tensor | None) -> bool:
    """Whether ``gradient`` is ``before``, scaled or clamped."""
    if before is None or gradient.shape != before.shape or gradient.is_sparse or before.is_sparse:
        return False
    if not any_nonzero(gradient):
        return False
    now, old = (_readable(each.detach()).double().flatten() for each in (gradient, before))
    scaled = old * (now @ old / (old @ old))
    clamped = old.clamp(now.min(), now.max())
    return torch.allclose(now, scaled, rtol=SCALED_ROUNDING, atol=0.0) or torch.allclose(
        now, clamped, rtol=SCALED_ROUNDING, atol=0.0
    )


def _readable(tensor: Tensor) -> Tensor:
    """The local tensor, if its values can be read safely. Raises CannotLook otherwise."""
    values = local(tensor)
    if values.is_cuda and torch.cuda.is_current_stream_capturing():
        raise CannotLook("a CUDA graph is being captured")  # waiting for the device would break the capture
    # Torch would read memory that no longer exists and crash the process.
    if values.layout == torch.strided and values.numel():
        last = values.storage_offset() + sum(
            (size - 1) * stride for size, stride in zip(values.shape, values.stride(), strict=True)
        )
        if values.untyped_storage().nbytes() < (last + 1) * values.element_size():
            raise CannotLook("its memory has been freed")
    return values


def _scalar(result: object, called: str) -> Tensor:
    if isinstance(result, Tensor) and result.numel() == 1:
        return result
    raise CannotLook(f"{called} of a tensor gives {type(result).__name__}")  # a subclass may return anything
