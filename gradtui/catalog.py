"""What can be trained and with what: the experiments and the optimizers, as data.

Everything that offers a choice (the form, the command line, the error messages) reads these two tables, without needing
torch. The code of an experiment is the module of the same name in ``gradtui.training.experiments``; the code of an optimizer
is the class of the same name in ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Abilities:
    """What the runs of an experiment can do. The defaults are those of an experiment whose loop is gradtui's own."""

    count_epochs: bool = True
    """Its number of epochs, and of steps per epoch, is known in advance."""
    choose_optimizer: bool = True
    """The optimizer is a setting, so a sweep can vary it."""
    repeat_exactly: bool = True
    """The same settings give the same losses, because gradtui itself draws every random number."""
    probe_times: bool = True
    """A timing probe can time both policies against each other."""
    pack_rows: bool = True
    """Its rows have the columns that packed rows have."""
    start_warm: bool = True
    """Its workers can import torch before they know their run."""
    run_script: bool = False
    """Its sides run a user's script, in a worker made for that, rather than gradtui's own loop."""
    use_several_optimizers: bool = False
    """Its rows say which optimizer took the step."""
    log_scalars: bool = False
    """It can record numbers of its own with ``gradtui.log``, its accuracy among them."""
    leave_processes: bool = False
    """It can start processes that outlive it."""


A_SCRIPT = Abilities(
    count_epochs=False,
    choose_optimizer=False,
    repeat_exactly=False,
    probe_times=False,
    pack_rows=False,
    start_warm=False,
    run_script=True,
    use_several_optimizers=True,
    log_scalars=True,
    leave_processes=True,
)


@dataclass(frozen=True)
class Experiment:
    """What is trained.

    ``samples`` is the number of training samples per epoch, ``test_samples`` the number of test samples after each epoch;
    ``defaults`` are its defaults for common settings; ``options`` are the settings that only it has, with their defaults;
    ``notes`` are caveats for its results, by the setting and value that they belong to. ``many_cores`` says whether a step is
    large enough to be faster on more than one core. ``title`` is its name on the screen, if different; ``lacks`` are the
    settings that other runs have and it does not ("optimizer" includes all settings of optimizers); ``can`` is what its runs
    can do.
    """

    help: str
    samples: int
    test_samples: int
    defaults: Mapping[str, object]
    options: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[tuple[str, object], str] = field(default_factory=dict)
    many_cores: bool = False
    title: str = ""
    lacks: frozenset[str] = frozenset()
    can: Abilities = Abilities()

    @property
    def has_accuracy(self) -> bool:
        """Whether its runs measure an accuracy, on test data, after each epoch."""
        return self.test_samples > 0


@dataclass(frozen=True)
class Optimizer:
    """A class of ``torch.optim``.

    ``options`` are the settings that it takes besides the learning rate, with torch's defaults. ``lr`` is torch's default
    learning rate; None means that the experiment's is used.
    """

    lr: float | None
    options: Mapping[str, float | bool]


_OF_A_TRAINING = ("optimizer", "lr", "epochs", "batch_size", "left", "right", "k", "clip_norm", "timing_probe")
_OF_A_MODEL = ("seeds", "device", "precision", "init")

EXPERIMENTS: Mapping[str, Experiment] = {
    "linear": Experiment(
        help="nn.Linear(2, 1) on one sample, MSE",
        samples=1,
        test_samples=0,
        defaults={"lr": 0.1, "epochs": 20, "batch_size": 1},
    ),
    "digits": Experiment(
        help="1,797 handwritten 8x8 digits, MLP 64-128-64-10, cross entropy",
        samples=1500,
        test_samples=297,
        defaults={"lr": 0.1, "epochs": 10, "batch_size": 64},
    ),
    "regression": Experiment(
        help="10 random samples, nn.Linear(3, 1), MSE",
        samples=10,
        test_samples=0,
        defaults={"lr": 0.01, "epochs": 5, "batch_size": 10},
    ),
    "three_layer": Experiment(
        help="three nn.Linear(3, 3) on 5 random samples, the sum of the outputs as loss",
        samples=5,
        test_samples=0,
        defaults={"lr": 0.1, "epochs": 20, "batch_size": 5},
        options={"network": "corrected"},
        notes={
            ("network", "as_printed"): "as printed, the optimizer holds w1, w2, w3, which the network never uses: "
            "nothing is learned",
            ("network", "corrected"): "corrected: the optimizer holds the network's parameters; the sum has no lower bound",
        },
    ),
    "cifar10": Experiment(
        help="60,000 32x32 colour pictures, two convolutions and two linear layers, cross entropy",
        samples=50_000,
        test_samples=10_000,
        defaults={"lr": 0.01, "epochs": 50, "batch_size": 128},
        options={"data": "files", "data_dir": "", "download": False},
        notes={("data", "synthetic"): "synthetic data: made up, of the shapes of CIFAR-10; not the real pictures"},
        many_cores=True,
    ),
    "script": Experiment(
        help="your own training script, unchanged",
        title="your script",
        samples=0,  # not known in advance
        test_samples=0,
        defaults={},
        options={"script": "", "module": False, "arguments": "", "directory": "", "steps": 0},
        lacks=frozenset((*_OF_A_TRAINING, *_OF_A_MODEL)),
        can=A_SCRIPT,
    ),
}

_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False}

OPTIMIZERS: Mapping[str, Optimizer] = {
    "SGD": Optimizer(lr=None, options={"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}),
    "Adam": Optimizer(lr=1e-3, options={**_ADAM, "weight_decay": 0.0}),
    "AdamW": Optimizer(lr=1e-3, options={**_ADAM, "weight_decay": 0.01}),
    "Adagrad": Optimizer(lr=1e-2, options={"lr_decay": 0.0, "eps": 1e-10, "weight_decay": 0.0}),
    "Adadelta": Optimizer(lr=1.0, options={"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}),
    "RMSprop": Optimizer(lr=1e-2, options={"alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0}),
}
