"""Batches, gathered without loader processes and in the same order for both variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        order = torch.randperm(len(split), generator=self._shuffle).to(split.inputs.device)
        batch_bytes = size * split.inputs[0].numel() * 4  # as float32
        for window in order.split(size * max(1, WINDOW_BYTES // batch_bytes)):
            inputs = as_inputs(split.inputs[window].to(self._device))
            targets = split.targets[window].to(self._device)
            yield from zip(inputs.split(size), targets.split(size), strict=True)


class SeedBatches:
    """The batches of all seeds at once: inputs and targets of shape (samples, seeds, ...).

    Each seed has the order of batches that it has alone, drawn from its own ``shuffle``. ``splits`` are the samples of each
    seed; all are the same split if the seeds share their data.
    """

    def __init__(
        self, splits: Sequence[Split], batch_size: int, shuffles: Sequence[torch.Generator], device: torch.device
    ) -> None:
        self._inputs = _of_all_seeds([split.inputs for split in splits])
        self._targets = _of_all_seeds([split.targets for split in splits])
        self._samples = len(splits[0])
        self._batch_size = batch_size
        self._shuffles = shuffles
        self._device = device
        self._only = [self._batch(self._inputs, self._targets)] if batch_size >= self._samples else []

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self._only) if self._only else self._shuffled()

    def of_each_size(self) -> Iterator[tuple[Tensor, Tensor]]:
        """A batch of each size that an epoch has, with the first samples, for a rehearsal."""
        if self._only:
            yield from self._only
            return
        for size in {self._batch_size: 0, self._samples % self._batch_size: 0}:
            if size:
                yield self._batch(self._inputs[:, :size].contiguous(), self._targets[:, :size].contiguous())

    def _shuffled(self) -> Iterator[tuple[Tensor, Tensor]]:
        size = self._batch_size
        orders = torch.stack([torch.randperm(self._samples, generator=shuffle) for shuffle in self._shuffles])
        orders = orders.to(self._inputs.device)  # (seeds, samples)
        # (batches, seeds, size); samples gathered by it have the layout that it has
        whole = orders[:, : self._samples // size * size].unflatten(1, (-1, size)).transpose(0, 1).contiguous()
        batch_bytes = len(orders) * size * self._inputs[0, 0].numel() * 4  # as float32
        for window in whole.split(max(1, WINDOW_BYTES // batch_bytes)):
            yield from map(self._batch, self._gathered(self._inputs, window), self._gathered(self._targets, window))
        if self._samples % size:
            rest = orders[:, len(whole) * size :].contiguous()
            yield self._batch(self._gathered(self._inputs, rest), self._gathered(self._targets, rest))

    def _gathered(self, samples: Tensor, orders: Tensor) -> Tensor:
        """Gather samples of shape (seeds, samples, ...) in orders of shape (..., seeds, batch size), all at once."""
        if samples.stride(0) == 0:  # the seeds share them
            return samples[0][orders]
        return samples[torch.arange(len(samples), device=samples.device).unsqueeze(1), orders]

    def _batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return as_inputs(inputs.to(self._device)).transpose(0, 1), targets.to(self._device).transpose(0, 1)


def _of_all_seeds(samples: Sequence[Tensor]) -> Tensor:
    """The samples of all seeds, of shape (seeds, samples, ...); samples that the seeds share take no more memory."""
    first = samples[0]
    if all(other is first for other in samples):
        return first.expand(len(samples), *first.shape)
    return torch.stack(list(samples))
