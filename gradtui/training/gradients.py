"""Measure each step's gradients: the numbers that explain training without zero_grad().

There are three per step: the norm of the gradient that the optimizer applies (accumulated in ``.grad``), the norm of the
fresh gradient (added by this step's backward passes), and the cosine between the two: 1 if the step follows the current
slope downhill, below 0 if old gradients drag it uphill. All three are taken before any clipping, so that they compare; a run
that clips has a fourth, the norm of what was then applied.

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
from torch.optim.optimizer import register_optimizer_step_pre_hook

PIECE = 1 << 20
"""Large gradients are measured this many elements at a time, so that measuring a large model takes little memory."""


def measured_steps(planned_steps: int | None, *periods: int) -> Iterator[int]:
    """Yield the steps whose gradients are measured, in ascending order, then 0 forever.

    All steps of a short run, else the first 5, every n-th, and the last.

    Measuring takes about as long as a small model's step, so n is more than 20, except that at least about 50 steps are
    measured; it grows with the run so that no more than about 200 are, as many as a chart can show. It has no divisor in
    common with the ``periods`` of the run, such as the steps from one clearing to the next: else only some phases would be
    seen. If the length is unknown: the first 100, then every 41st.
    """
    if planned_steps is None:
        yield from range(1, 101)
        yield from itertools.count(123, 41)
    elif planned_steps <= 100:
        yield from range(1, planned_steps + 1)
    else:
        least = max(planned_steps // 200, min(21, max(5, planned_steps // 50)))
        n = next(n for n in itertools.count(least) if math.gcd(n, math.prod(periods)) == 1)
        yield from range(1, 6)
        yield from range(n, planned_steps, n)
        yield planned_steps
    yield from itertools.repeat(0)


class GradientProbe:
    """Measures the gradients of steps taken inside ``with probe:``; costs other steps nothing.

    ``clips`` says that a step pre-hook of the optimizer, registered before, clips gradients. ``reading`` is the last
    reading, left on the device so that nothing waits for it; :func:`norms` decodes it. It is None if the optimizer's tensors
    got no gradient. A gradient that was cleared before the step counts as 0.

    ``stacked`` says that the first dimension of each tensor is that of the seeds; the reading has one per seed then.
    """

    def __init__(self, optimizer: Optimizer, *, clips: bool = False, stacked: bool = False) -> None:
        self.reading: Tensor | None = None
        self.clips = clips
        self._stacked = stacked
        self._parameters: list[Tensor] = [p for group in optimizer.param_groups for p in group["params"]]
        self._optimizer = optimizer
        self._fresh: dict[Tensor, Tensor] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> None:
        self.reading = None
        self._fresh.clear()
        # Global hooks run before an optimizer's own, and those in the order of their registration: one before and one after
        # a hook that clips.
        self._hooks = [
            register_optimizer_step_pre_hook(self._before_own_hooks),
            self._optimizer.register_step_pre_hook(self._after_own_hooks),
        ]
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

    def _before_own_hooks(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if optimizer is self._optimizer:
            self._measure()

    def _after_own_hooks(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.clips:
            self._measure_clipped()

    def _measure(self) -> None:
        """Read what is about to be applied, before any clipping, and the fresh gradient."""
        both = self._applied_and_fresh()
        self.reading = _reading(_products(both, stacked=self._stacked)) if both else None

    def _measure_clipped(self) -> None:
        """Add to the reading the norm of what is applied after clipping."""
        both = self._applied_and_fresh()
        if both and self.reading is not None:
            self.reading[..., CLIPPED] = _products(both, stacked=self._stacked)[..., 0, 0]

    def _applied_and_fresh(self) -> list[tuple[Tensor, Tensor]]:
        return [
            (p.grad if p.grad is not None else torch.zeros_like(self._fresh[p]), self._fresh[p])
            for p in self._parameters
            if p in self._fresh
        ]


CLIPPED = 3
"""Index of the clipped gradient's square in a reading."""
NOT_CLIPPED = -1.0


def _reading(products: Tensor) -> Tensor:
    """What a probe reads: the squares of the applied gradient, of both together, of the fresh one and of the clipped one.

    ``products``: shape (..., 2, 2); the reading's is (..., 4).
    """
    return torch.cat([products.flatten(-2)[..., [0, 1, 3]], products.new_full((*products.shape[:-2], 1), NOT_CLIPPED)], dim=-1)


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


def norms(reading: list[float]) -> dict[str, float]:
    """The measured columns of a step, by name, from a reading of the probe; the cosine is nan if either norm is 0."""
    applied, between, fresh, clipped = reading
    size = math.sqrt(applied) * math.sqrt(fresh)
    measured = {
        "grad_norm": math.sqrt(applied),
        "fresh_grad_norm": math.sqrt(fresh),
        "cosine": max(-1.0, min(1.0, between / size)) if size else math.nan,
    }
    return measured if clipped == NOT_CLIPPED else {**measured, "clipped_norm": math.sqrt(clipped)}
