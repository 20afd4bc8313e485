"""Sharpness: lr times the largest eigenvalue of the Hessian of the training loss, at some points of a run.

It explains what plain SGD does: on a quadratic loss, with full batches, WITH is stable while it is below 2, and WITHOUT stays
bounded while it is below 4.

The eigenvalue comes from power iteration with Hessian-vector products (a backward pass through a backward pass), over all
training samples or a fixed part of them, in float32. It is the largest one in sign, not in size:

- Plain iteration finds the eigenvalue that is largest in size. If that is positive, it is the one.
- If it is negative, or if eigenvalues of both signs are equally large (which never settles; networks whose loss is a sum of
  products have them), the Hessian is shifted by the size of that eigenvalue: then none is negative, and the largest in size
  is the largest in sign.

Each point starts from the eigenvector of the last one, with some noise, as an eigenvector would stay one even when another
direction has become the sharper one. Like all power iteration it can still settle on an eigenvalue that is nearly the largest;
what it gives is then too low, never too high. On `digits` it was within 0.2 % of the largest at all points that were compared.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gradtui.runs.results.sharpness_notes import samples_measured
from gradtui.runs.results.thresholds import CONVERGED_RESIDUAL
from gradtui.training.batches import as_inputs
from gradtui.training.experiments import Split
from gradtui.training.journal import Journal
from gradtui.training.preparation import Autocast, Training

POINTS = 50
"""Measured at this many steps, evenly spaced, the first and the last among them: more than a curve needs."""

MOST_ITERATIONS = 200
"""An eigenvalue of q times the largest adds at most (1 - q) q^k to the residual of iteration k, so less than 1 / (e k), however
close it is: 40 iterations suffice if all start alike, and 20 on average on `digits`. Beyond 200, ``residual`` tells."""
PATIENCE = 20
"""After this many iterations, what is positive alone has a residual below MIXED."""
MIXED = 0.2
"""A larger residual, relative to ``|H v|``, means eigenvalues of both signs: they are then told apart by a shift."""
COLD_STARTS = 3
"""The first point takes the largest result of this many random vectors: one that happens to have next to nothing of the
sharpest direction settles on another before that has grown."""
NOISE = 0.1
"""The share of noise in the vector that a later point starts from."""

PIECE_VALUES = 1 << 18
"""The samples of a Hessian-vector product are taken this many input values at a time, so that a large model needs little
memory, and a turn or a stop does not wait for more than one piece."""


def sharpness_steps(planned_steps: int | None) -> Iterator[int]:
    """Yield the steps before which it is measured, in ascending order, then 0 forever."""
    last = planned_steps or 0
    yield from range(1, last + 1) if last <= POINTS else (1 + i * (last - 1) // (POINTS - 1) for i in range(POINTS))
    yield from itertools.repeat(0)


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue, the residual ``|H v - e v|`` as a share of the largest eigenvalue in size, and the unit vector v."""

    value: float
    residual: float
    vector: Tensor | None


class SharpnessProbe:
    """Measures a side's sharpness in the middle of its training, and leaves no trace there: it neither touches ``.grad`` nor
    moves a random generator, and its time is no step's."""

    def __init__(self, training: Training, journal: Journal) -> None:
        settings = training.settings
        self._to_measure = sharpness_steps(settings.planned_steps(training.side) if settings.sharpness else None)
        self.next_step = next(self._to_measure)
        """The step before which :meth:`measure` is due; 0 if none is."""
        self._lr, self._device, self._journal = settings.lr, training.device, journal
        self._training = training
        self._vector: Tensor | None = None
        self._seconds = self._began = 0.0

    @cached_property
    def _hessian(self) -> Hessian:
        return Hessian(self._training)

    def measure(self) -> None:
        """Measure at the weights that ``next_step`` starts from, and record it. Raises ``journal.Stopped``."""
        self._seconds, self._began = 0.0, time.perf_counter()
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            found = self._largest()
        self._hessian.forget()
        self._count_seconds()
        self._journal.sharpness(
            self.next_step,
            sharpness=self._lr * found.value,
            lambda_max=found.value,
            residual=found.residual,
            seconds=self._seconds,
        )
        self.next_step = next(self._to_measure)

    def _count_seconds(self) -> None:
        """Count the time since the work last began."""
        self._seconds += time.perf_counter() - self._began

    def _product(self, vector: Tensor) -> Tensor:
        """The Hessian times a vector. Passes on a turn that is over; the wait is not counted. Raises ``journal.Stopped``."""
        total = torch.zeros_like(vector)
        for part in self._hessian.parts(vector):
            total += part
            self._count_seconds()
            self._journal.breathe()
            self._began = time.perf_counter()
        return total

    def _largest(self) -> Eigenvalue:
        """The largest eigenvalue in sign; its vector is kept for the next point."""
        if self._vector is None:
            found = max((self._iterate(self._hessian.noise()) for _ in range(COLD_STARTS)), key=lambda found: found.value)
        else:
            found = self._iterate(_unit(self._vector + NOISE * self._hessian.noise()))
        self._vector = found.vector
        return found

    def _iterate(self, vector: Tensor) -> Eigenvalue:
        """Power iteration from this unit vector; see the module."""
        shift = eigenvalue = residual = 0.0
        for iteration in range(MOST_ITERATIONS):
            product = self._product(vector)
            eigenvalue, length, rest = _fit(vector, product)
            if not math.isfinite(length):  # the training has diverged
                return Eigenvalue(math.nan, math.nan, None)
            if length == 0:  # the loss has no curvature at all
                return Eigenvalue(0.0, 0.0, None)
            residual = rest / max(length, shift)
            settled = residual <= CONVERGED_RESIDUAL
            if settled and (shift or eigenvalue > 0):
                break
            if not shift and (settled or (iteration >= PATIENCE and residual > MIXED)):
                shift = length
                vector = self._hessian.noise()  # an eigenvector would stay one
            else:
                vector = _unit(product + shift * vector)
        return Eigenvalue(eigenvalue, residual, vector)


class Hessian:
    """The Hessian of a side's training loss with respect to the tensors of its optimizer, as a linear map of flat vectors."""

    def __init__(self, training: Training) -> None:
        # bfloat16 is a setting of the training's forward pass; its rounding would drown a second derivative.
        self._model = training.model.model if isinstance(training.model, Autocast) else training.model
        self._loss_fn = training.loss_fn
        self._device = training.device
        self._tensors = [tensor for group in training.optimizer.param_groups for tensor in group["params"]]
        self._sizes = [tensor.numel() for tensor in self._tensors]
        self._pieces = _pieces(training.data.train)
        self._samples = sum(map(len, self._pieces))
        self._draw = torch.Generator().manual_seed(0)
        self._kept: list[Tensor] | None = None

    def noise(self) -> Tensor:
        """A random unit vector. It comes from a generator that nothing else uses."""
        return _unit(torch.randn(sum(self._sizes), generator=self._draw).to(self._device))

    def parts(self, vector: Tensor) -> Iterator[Tensor]:
        """The products with ``vector`` of the Hessian's parts, which add up to it: one for each piece of the samples."""
        for piece in self._pieces:
            gradients = self._kept or self._gradients(piece)
            if len(self._pieces) == 1:  # the same graph serves all products at these weights
                self._kept = gradients
            yield self._times(gradients, vector)

    def forget(self) -> None:
        """Drop what holds only at the current weights."""
        self._kept = None

    def _gradients(self, piece: Split) -> list[Tensor]:
        """The gradient of the piece's share of the mean loss, ready to be differentiated again."""
        inputs, targets = as_inputs(piece.inputs.to(self._device)), piece.targets.to(self._device)
        with torch.enable_grad():
            loss = self._loss_fn(self._model(inputs), targets) * (len(piece) / self._samples)
            gradients = torch.autograd.grad(loss, self._tensors, create_graph=True, materialize_grads=True)
        return list(gradients)

    def _times(self, gradients: list[Tensor], vector: Tensor) -> Tensor:
        parts = [part.view_as(tensor) for part, tensor in zip(vector.split(self._sizes), self._tensors, strict=True)]
        curved = [(gradient, part) for gradient, part in zip(gradients, parts, strict=True) if gradient.requires_grad]
        if not curved:  # the loss is linear in all tensors, or does not depend on them
            return torch.zeros_like(vector)
        outputs, seeds = zip(*curved, strict=True)
        products = torch.autograd.grad(outputs, self._tensors, seeds, retain_graph=True, materialize_grads=True)
        return torch.cat([product.reshape(-1) for product in products])


def _pieces(train: Split) -> list[Split]:
    """The samples to measure on, all or evenly spaced ones, in pieces of at most PIECE_VALUES input values."""
    count = samples_measured(len(train))
    places = torch.arange(count, device=train.inputs.device) * len(train) // count
    inputs, targets = (train.inputs, train.targets) if count == len(train) else (train.inputs[places], train.targets[places])
    size = max(1, PIECE_VALUES // inputs[0].numel())
    return [Split(*piece) for piece in zip(inputs.split(size), targets.split(size), strict=True)]


def _exact(vector: Tensor) -> Tensor:
    """In double precision where the device has it, as squares of float32 overflow early."""
    return vector if vector.device.type == "mps" else vector.double()


def _fit(vector: Tensor, product: Tensor) -> tuple[float, float, float]:
    """How a unit vector v fits as an eigenvector: the eigenvalue ``e = v . Hv``, then ``|Hv|`` and ``|Hv - e v|``."""
    v, hv = _exact(vector), _exact(product)
    inner = v @ hv
    fit: list[float] = torch.stack([inner, hv.norm(), (hv - inner * v).norm()]).tolist()
    return fit[0], fit[1], fit[2]


def _unit(vector: Tensor) -> Tensor:
    exact = _exact(vector)
    unit: Tensor = exact / exact.norm()
    return unit.to(vector.dtype)
