"""When gradients are cleared: the heart of gradtui, a few plain lines for each policy.

``loss.backward()`` *adds* to every parameter's ``.grad``. A policy is one training step that decides when that sum
starts anew. The loop calls the policy once per optimizer step, and the app shows its lines to the user as they stand
here, with the clearing line marked.

A new policy is one decorated function: it then appears in the form, on the command line and in the files. This module
does not import torch; what it trains is handed in.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import Optimizer

TrainStep = Callable[["Module", "Module", "Optimizer", "Tensor", "Tensor"], "Tensor"]
"""``(model, loss_fn, optimizer, inputs, targets) -> loss``: one optimizer step and the loss whose gradient it applied."""


@dataclass(frozen=True)
class Policy:
    """A way of clearing gradients. ``variant`` is its name in files, ``title`` its name on screen."""

    name: str
    variant: str
    title: str
    short: str
    help: str
    train_step: TrainStep

    def source(self) -> str:
        """The lines of the training step that run, read from this file."""
        lines = inspect.getsource(self.train_step).splitlines()
        start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
        return textwrap.dedent("\n".join(lines[start + 1 :]))


POLICIES: dict[str, Policy] = {}


def policy(name: str, *, variant: str, title: str, short: str, help: str) -> Callable[[TrainStep], TrainStep]:
    """Register a training step as a policy under ``name``."""

    def register(train_step: TrainStep) -> TrainStep:
        POLICIES[name] = Policy(name, variant, title, short, help, train_step)
        return train_step

    return register


@policy(
    "every_step",
    variant="with_zero_grad",
    title="WITH zero_grad()",
    short="WITH",
    help="cleared before every backward()",
)
def every_step(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss: Tensor = loss_fn(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


@policy(
    "never",
    variant="without_zero_grad",
    title="WITHOUT zero_grad()",
    short="WITHOUT",
    help="never cleared: every step applies the sum of all gradients so far",
)
def never(model: Module, loss_fn: Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor) -> Tensor:
    loss: Tensor = loss_fn(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss
