"""Checks whether the loss is finite. Runs at every backward(), so it must cost almost nothing and never wait for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gradtui.check.watch.guard import guarded
from gradtui.check.watch.values import local

AT_ONCE = 64
"""Copy losses from a device to the host in batches of this size, and read each batch when the next one is copied."""


BEFORE_SCALING = "_gradtui_before_scaling"
"""The attribute of a scaled loss that holds the loss itself: the scaled one may overflow and do no harm."""


class Loss:
    """A scalar that was backpropagated. ``value`` is None if it is not a scalar or is still on its device."""

    __slots__ = ("lost", "tensor", "value")

    def __init__(self, tensor: Tensor) -> None:
        self.value: float | None = None
        self.tensor: Tensor | None = None
        self.lost = ""
        self._read(tensor)

    @guarded
    def _read(self, tensor: Tensor) -> None:
        tensor = getattr(tensor, BEFORE_SCALING, tensor)
        if tensor.numel() != 1 or tensor.is_complex():
            return
        loss = local(tensor.detach())
        if loss.is_cpu:
            self.value = float(loss.item())
        elif loss.is_meta:
            self.lost = "a loss on the meta device has no value"
        else:
            self.tensor = loss

    def give_up(self, tensor: Tensor) -> None:
        """Mark the loss as unknown."""
        self.value = self.tensor = None


def is_finite(value: float) -> bool:
    """False for nan and the infinities: only for them is the difference to itself not 0."""
    return value - value == 0.0


class LossesOnDevice:
    """Losses on a device. They are copied to the host in batches, without waiting for the copy."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Callable[[float], None]]] = []
        self._copied: tuple[Tensor, torch.cuda.Event | None, list[Callable[[float], None]]] | None = None
        self.lost = ""

    def give_up(self, *arguments: object) -> None:
        """Drop the losses that cannot be read."""
        self._copied = None
        self._waiting.clear()

    @guarded
    def add(self, loss: Tensor, tell: Callable[[float], None]) -> None:
        """Call ``tell`` with the loss's value at some later time, at :meth:`read_all` at the latest."""
        self._waiting.append((loss, tell))
        if len(self._waiting) >= AT_ONCE:
            self._read_copied()
            self._copy()

    @guarded
    def read_all(self) -> None:
        """Read all remaining losses. Waits for the device."""
        self._read_copied()
        for loss, tell in self._waiting:
            tell(float(loss.item()))
        self._waiting.clear()

    def _copy(self) -> None:
        device = self._waiting[0][0].device
        if any(loss.device != device for loss, _ in self._waiting):
            self.read_all()
            return
        together = torch.stack([loss.reshape(()).float() for loss, _ in self._waiting])
        on_cuda = device.type == "cuda"
        values = together.to("cpu", non_blocking=on_cuda)
        done = torch.cuda.Event() if on_cuda else None
        if done is not None:
            done.record(torch.cuda.current_stream(device))
        self._copied = values, done, [tell for _, tell in self._waiting]
        self._waiting.clear()

    def _read_copied(self) -> None:
        if self._copied is None:
            return
        values, done, tells = self._copied
        self._copied = None
        if done is not None:
            done.synchronize()  # normally reached long ago; else wait
        for value, tell in zip(values.tolist(), tells, strict=True):
            tell(value)
