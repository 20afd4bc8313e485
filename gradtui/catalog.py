"""What can be trained and with what: the experiments and the optimizers, as data.

Everything that offers a choice (the form, the command line, the error messages) reads these two tables, and none of it
needs torch. The code of an experiment is the module of the same name in ``gradtui.training.experiments``; the code of
an optimizer is the class of the same name in ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Experiment:
    """What is trained.

    ``samples`` are the training samples of one epoch; ``defaults`` are the settings that this experiment starts from.
    """

    help: str
    samples: int
    defaults: Mapping[str, object]


@dataclass(frozen=True)
class Optimizer:
    """A class of ``torch.optim``.

    ``options`` are the settings that it takes beside the learning rate, with torch's own defaults. ``lr`` is torch's
    default learning rate; None means that the experiment's is used.
    """

    lr: float | None
    options: Mapping[str, float | bool]


EXPERIMENTS: Mapping[str, Experiment] = {
    "linear": Experiment(
        help="nn.Linear(2, 1) on one sample, MSE",
        samples=1,
        defaults={"lr": 0.1, "epochs": 20, "batch_size": 1},
    ),
    "digits": Experiment(
        help="1,797 handwritten 8x8 digits, MLP 64-128-64-10, cross entropy",
        samples=1500,
        defaults={"lr": 0.1, "epochs": 10, "batch_size": 64},
    ),
}

OPTIMIZERS: Mapping[str, Optimizer] = {
    "SGD": Optimizer(lr=None, options={"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}),
    "Adam": Optimizer(lr=1e-3, options={"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}),
}
