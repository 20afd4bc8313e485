"""Batches, gathered without loader processes and in the same order for both variants."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradtui.training.experiments import Split

WINDOW_BYTES = 32 * 1024 * 1024
"""Shuffled samples are gathered in windows of this size: one gather for many small batches, little memory for large ones."""


def as_inputs(inputs: Tensor) -> Tensor:
    """Convert inputs to what the model sees: pixels become numbers from 0 to 1, everything else is unchanged."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


class Batches:
    """The batches of a split, ``(inputs, targets)``; each iteration is an epoch, in a new order.

    The order is drawn from ``shuffle``, on the CPU, so that it is the same on every device. The last batch may be
    smaller. If one batch holds all samples, no order is drawn.
    """

    def __init__(self, split: Split, batch_size: int, shuffle: torch.Generator, device: torch.device) -> None:
        self._split = split
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._device = device
        self._only: tuple[tuple[Tensor, Tensor], ...] = ()
        if batch_size >= len(split):
            self._only = ((as_inputs(split.inputs.to(device)), split.targets.to(device)),)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._only) if self._only else self._shuffled()

    def _shuffled(self) -> Iterator[tuple[Tensor, Tensor]]:
        split, size = self._split, self._batch_size
        order = torch.randperm(len(split), generator=self._shuffle)
        on_gpu = split.inputs.is_cuda
        if on_gpu:  # a copy from other memory would wait for all steps that are queued
            order = order.pin_memory()
        order = order.to(split.inputs.device, non_blocking=on_gpu)
        batch_bytes = size * split.inputs[0].numel() * 4  # as float32
        for window in order.split(size * max(1, WINDOW_BYTES // batch_bytes)):
            inputs = as_inputs(split.inputs[window].to(self._device))
            targets = split.targets[window].to(self._device)
            yield from zip(inputs.split(size), targets.split(size), strict=True)
