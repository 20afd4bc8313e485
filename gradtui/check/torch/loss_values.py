"""Is the loss a finite number? Asked at every backward(), so it must cost next to nothing and never wait for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gradtui.check.watch.guard import guarded
from gradtui.check.watch.values import local

AT_ONCE = 64
"""Losses on a device are brought to the host so many at a time, and read when the next ones are brought."""


class Loss:
    """A scalar that was backpropagated. ``value`` is None where it is no scalar, or is still on its device."""

    __slots__ = ("lost", "tensor", "value")

    def __init__(self, tensor: Tensor) -> None:
        self.value: float | None = None
        self.tensor: Tensor | None = None
        self.lost = ""
        self._read(tensor)

    @guarded
    def _read(self, tensor: Tensor) -> None:
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
        """What the loss is, is not known."""
        self.value = self.tensor = None


def is_finite(value: float) -> bool:
    """False for nan and the infinities: only with them the difference to itself is not 0."""
    return value - value == 0.0


class LossesOnDevice:
    """Losses that lie on a device. They are copied to the host many at a time, without waiting for the copy."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Callable[[float], None]]] = []
        self._copied: tuple[Tensor, torch.cuda.Event | None, list[Callable[[float], None]]] | None = None
        self.lost = ""

    def give_up(self, *arguments: object) -> None:
        """Let go of the losses that cannot be read."""
        self._copied = None
        self._waiting.clear()

    @guarded
    def add(self, loss: Tensor, tell: Callable[[float], None]) -> None:
        """``tell`` is called with the loss's value, at some later time; at :meth:`read_all` at the latest."""
        self._waiting.append((loss, tell))
        if len(self._waiting) >= AT_ONCE:
            self._read_copied()
            self._copy()

    @guarded
    def read_all(self) -> None:
        """Read what has not been read; waits for the device."""
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
            done.synchronize()  # was reached long ago, or this waits
        for value, tell in zip(values.tolist(), tells, strict=True):
            tell(value)
