"""When gradients are cleared: the heart of gradtui, a few plain lines for each policy.

``loss.backward()`` *adds* to every parameter's ``.grad``. A policy is one training step that decides when that sum
starts anew. The loop calls it once per optimizer step, and the app shows its lines to the user as they stand here, with
the clearing line marked.

A new policy is one decorated function: it then appears in the form, on the command line and in the files. It is made
with ``k``, a whole number that some of them need. This module does not import torch; what is trained is handed in.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import Optimizer

TrainStep = Callable[["Module", "Module", "Optimizer", "Tensor", "Tensor"], "Tensor"]
"""``(model, loss_fn, optimizer, inputs, targets) -> loss``: one optimizer step and the loss whose gradient it applied."""

Make = Callable[[int], TrainStep]

PLAIN_SGD: Mapping[str, object] = {
    "optimizer": "SGD",
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
}
"""The settings of plain SGD, whose step is lr times what is in ``.grad`` and nothing else. Theory applies only there."""


@dataclass(frozen=True)
class Policy:
    """A way of clearing gradients.

    ``name`` is its name as a setting, ``variant`` in files and tables, ``title`` on screen, ``short`` in a table's head;
    in these three ``{k}`` stands for k. ``batches`` says whether a step takes k batches instead of one.

    ``needs`` are the only settings with which it is offered; ``optimizer_options`` are options that its optimizer gets in
    place of the settings'. ``limit`` is the theory: plain SGD on full batches of a quadratic loss stays bounded as long as
    lr times the largest curvature is below it; None if no such limit is known.
    """

    name: str
    variant: str
    title: str
    short: str
    help: str
    make: Make
    takes_k: bool
    batches: bool
    needs: Mapping[str, object]
    optimizer_options: Mapping[str, float]
    limit: int | None

    def obstacle(self, values: Mapping[str, object]) -> str:
        """Which of these settings keeps the policy from being offered, such as ``momentum is 0.9``; empty if none does."""
        return in_the_way(self.needs, values)

    def source(self) -> list[str]:
        """The lines of the training step that run, read from this file."""
        lines = inspect.getsource(self.make(2)).splitlines()
        start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
        return textwrap.dedent("\n".join(lines[start + 1 :])).splitlines()


def in_the_way(needs: Mapping[str, object], values: Mapping[str, object]) -> str:
    """The first of ``values`` that is not as needed, in words: ``weight_decay is 0.01``. Empty if all are, or not known yet."""
    return next((f"{name} is {values[name]}" for name, need in needs.items() if values.get(name, need) != need), "")


POLICIES: dict[str, Policy] = {}


def policy(
    name: str,
    *,
    variant: str,
    title: str,
    short: str,
    help: str,
    takes_k: bool = False,
    batches: bool = False,
    needs: Mapping[str, object] = MappingProxyType({}),
    optimizer_options: Mapping[str, float] = MappingProxyType({}),
    limit: int | None = None,
) -> Callable[[Make], Make]:
    """Register what makes a training step as a policy under ``name``."""

    def register(make: Make) -> Make:
        POLICIES[name] = Policy(name, variant, title, short, help, make, takes_k, batches, needs, optimizer_options, limit)
        return make

    return register


@policy(
    "every_step",
    variant="with_zero_grad",
    title="WITH zero_grad()",
    short="WITH",
    help="cleared before every backward(); .grad becomes None, torch's default",
    limit=2,
)
def every_step(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


@policy(
    "every_step_to_zeros",
    variant="with_zero_grad_to_zeros",
    title="WITH zero_grad(set_to_none=False)",
    short="TO ZEROS",
    help="cleared before every backward(); .grad is kept and filled with zeros",
    limit=2,
)
def every_step_to_zeros(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad(set_to_none=False)
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


@policy(
    "never",
    variant="without_zero_grad",
    title="WITHOUT zero_grad()",
    short="WITHOUT",
    help="never cleared: every step applies the sum of all gradients so far",
    limit=4,
)
def never(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


@policy(
    "momentum_one",
    variant="with_zero_grad_momentum_1",
    title="WITH zero_grad(), momentum 1",
    short="MOMENTUM 1",
    help="the twin of never: cleared before every backward(), but plain SGD gets momentum 1.0; the same losses, bit for bit",
    needs=PLAIN_SGD,
    optimizer_options={"momentum": 1.0},
    limit=4,
)
def momentum_one(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()  # SGD with momentum 1.0: its buffer is the sum of all gradients so far
        return loss

    return train_step


@policy(
    "accumulate",
    variant="accumulate_{k}",
    title="accumulate over {k} batches",
    short="ACCUM {k}",
    help="on purpose: the gradients of k batches are added up, applied, and cleared; equals a batch k times as large",
    takes_k=True,
    batches=True,
    limit=2,
)
def accumulate(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        losses = []
        for part, wanted in zip(inputs.chunk(k), targets.chunk(k), strict=True):
            loss = loss_fn(model(part), wanted) * (len(part) / len(inputs))  # 1/k where the parts are equal
            loss.backward()
            losses.append(loss.detach())
        optimizer.step()
        return sum(losses[1:], losses[0])

    return train_step


@policy(
    "every_kth_step",
    variant="every_{k}_steps",
    title="zero_grad() every {k} steps",
    short="EVERY {k}",
    help="the forgotten branch: cleared only after every k-th step",
    takes_k=True,
)
def every_kth_step(k: int) -> TrainStep:
    steps = count(1)

    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        if next(steps) % k == 0:
            optimizer.zero_grad()
        return loss

    return train_step


@policy(
    "before_step",
    variant="cleared_before_step",
    title="zero_grad() before step()",
    short="TOO EARLY",
    help="the wrong place: cleared between backward() and step(), so nothing is learned",
)
def before_step(k: int) -> TrainStep:
    def train_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        return loss

    return train_step
