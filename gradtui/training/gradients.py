"""Measure each step's gradients: the numbers that explain training without zero_grad().

There are three per step: the norm of the gradient that the optimizer applies (accumulated in ``.grad``), the norm of the
fresh gradient (added by this step's backward passes), and the cosine between the two: 1 if the step follows the current
slope downhill, below 0 if old gradients drag it uphill.

They cost a pass over the gradients, so only some steps are measured; see :func:`measured_steps`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

PIECE = 1 << 20
"""Large gradients are measured this many elements at a time, so that measuring a large model takes little memory."""


def measured_steps(planned_steps: int | None) -> Iterator[int]:
    """Yield the steps whose gradients are measured, in ascending order, then 0 forever.

    All steps of a short run, else the first 5, every n-th, and the last.

    Measuring takes about as long as a small model's step, so n is at least 40; it grows with the run so that about 200
    steps are measured, more than a chart can show. If the length is unknown: the first 100, then every 40th.
    """
    if planned_steps is None:
        yield from range(1, 101)
        yield from itertools.count(120, 40)
    elif planned_steps <= 100:
        yield from range(1, planned_steps + 1)
    else:
        n = max(40, planned_steps // 200)
        yield from range(1, 6)
        yield from range(n, planned_steps, n)
        yield planned_steps
    yield from itertools.repeat(0)


class GradientProbe:
    """Measures the gradients of steps taken inside ``with probe:``; costs other steps nothing.

    ``reading`` is the last reading, left on the device so that nothing waits for it; :func:`norms` decodes it. It is None
    if the optimizer's tensors got no gradient. A gradient that was cleared before the step counts as 0.

    ``stacked`` says that the first dimension of each tensor is that of the seeds; the reading has one per seed then.
    """

    def __init__(self, optimizer: Optimizer, *, stacked: bool = False) -> None:
        self.reading: Tensor | None = None
        self._stacked = stacked
        self._parameters: list[Tensor] = [p for group in optimizer.param_groups for p in group["params"]]
        self._optimizer = optimizer
        self._fresh: dict[Tensor, Tensor] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> None:
        self.reading = None
        self._fresh.clear()
        self._hooks = [self._optimizer.register_step_pre_hook(self._before_step)]
        for parameter in self._parameters:
            # A tensor hook sees the gradient before it is added to .grad.
            self._hooks.append(parameter.register_hook(partial(self._add_fresh, parameter)))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        for hook in self._hooks:
            hook.remove()

    def _add_fresh(self, parameter: Tensor, fresh: Tensor) -> None:
        before = self._fresh.get(parameter)
        # A copy, as autograd may use this very tensor as .grad and write to it later.
        self._fresh[parameter] = fresh.clone() if before is None else before + fresh

    def _before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        both = [
            (p.grad if p.grad is not None else torch.zeros_like(self._fresh[p]), self._fresh[p])
            for p in self._parameters
            if p in self._fresh
        ]
        self.reading = _products(both, stacked=self._stacked) if both else None


def _products(gradients: list[tuple[Tensor, Tensor]], *, stacked: bool = False) -> Tensor:
    """All inner products of the applied and the fresh gradient, each taken as one long vector; shape (2, 2).

    Those of ``stacked`` seeds: shape (seeds, 2, 2). Computed in double precision, as the square of a gradient overflows long
    before the gradient does.
    """
    exact = torch.float32 if gradients[0][0].device.type == "mps" else torch.float64  # mps has no float64
    total: Tensor | None = None
    for applied, fresh in _in_pieces([(_flat(a, stacked), _flat(b, stacked)) for a, b in gradients]):
        both = torch.stack([applied, fresh], dim=-2).to(exact)
        total = both @ both.mT if total is None else total + both @ both.mT
    assert total is not None
    return total


def _flat(gradient: Tensor, stacked: bool) -> Tensor:
    return gradient.flatten(1) if stacked else gradient.reshape(-1)


def _in_pieces(gradients: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The gradients as vectors: small ones joined into one, large ones split into at most PIECE elements."""
    small = [pair for pair in gradients if pair[0].numel() < PIECE // 16]
    if small:
        yield torch.cat([applied for applied, _ in small], dim=-1), torch.cat([fresh for _, fresh in small], dim=-1)
    for applied, fresh in gradients:
        if applied.numel() >= PIECE // 16:
            length = max(1, PIECE * applied.shape[-1] // applied.numel())
            yield from zip(applied.split(length, dim=-1), fresh.split(length, dim=-1), strict=True)


def norms(products: list[list[float]]) -> dict[str, float]:
    """The measured columns of a step, by name, from a reading of the probe; the cosine is nan if either norm is 0."""
    (applied, between), (_, fresh) = products
    size = math.sqrt(applied) * math.sqrt(fresh)
    return {
        "grad_norm": math.sqrt(applied),
        "fresh_grad_norm": math.sqrt(fresh),
        "cosine": max(-1.0, min(1.0, between / size)) if size else math.nan,
    }
