"""Every setting of a run, declared once.

The form, the command line, run.json and the error messages are all generated from the fields of :class:`RunSettings`, so a
new setting is one new field. This module imports neither torch nor textual.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gradtui.catalog import EXPERIMENTS, OPTIMIZERS, Abilities
from gradtui.contradictions import LAST_SEED, contradictions
from gradtui.kinds import Choice, Device, Integer, Kind, Real, Switch, Text, Words
from gradtui.policies import POLICIES
from gradtui.printing import nearest, printable, shown


class SettingsError(ValueError):
    """One or more settings are invalid. ``errors`` maps each setting's name to what is wrong with it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in self.errors.items()))


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting: everything a form, a command line or an error message needs to know about it.

    ``owner`` says which runs have the setting: all of them ("run"), or those whose "experiment", "optimizer" or "policy"
    takes it.
    """

    name: str
    label: str
    help: str
    kind: Kind
    default: object
    more: bool
    owner: str

    def applies(self, values: Mapping[str, object]) -> bool:
        """Whether a run with these ``values`` has this setting."""
        lacks = EXPERIMENTS[str(values["experiment"])].lacks
        if self.name in lacks or self.owner in lacks:
            return False
        if self.owner == "optimizer":
            return self.name in OPTIMIZERS[str(values["optimizer"])].options
        if self.owner == "experiment":
            return self.name in EXPERIMENTS[str(values["experiment"])].options
        if self.owner == "policy":
            return any(POLICIES[str(values[side])].takes_k for side in ("left", "right"))
        return True

    def lacked_by(self, values: Mapping[str, object]) -> str:
        """Name what in a run with these ``values`` lacks this setting: its policies, its optimizer or its experiment."""
        if self.owner == "policy" and "left" not in EXPERIMENTS[str(values["experiment"])].lacks:
            return f"{values['left']} and {values['right']}"
        if self.owner == "optimizer" and "optimizer" not in EXPERIMENTS[str(values["experiment"])].lacks:
            return str(values["optimizer"])
        return str(values["experiment"])

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    def parse(self, raw: object) -> object:
        """Parse ``raw``. Raises ValueError with the complete message if it is invalid."""
        try:
            return self.kind.parse(raw)
        except ValueError as error:
            hint = str(error)
            raise ValueError(f"got {shown(raw)}; takes {self.kind.allowed()}{hint}") from None


def _setting(default: object, label: str, help: str, kind: Kind, *, more: bool = False, owner: str = "run") -> Any:
    return field(metadata={"setting": (label, help, kind, default, more, owner)})


def _option(label: str, help: str, kind: Kind) -> Any:
    """Declare a setting that only some optimizers have. The catalog says which ones, and its default."""
    return _setting(None, label, help, kind, more=True, owner="optimizer")


MOST_SEEDS = 1000  # more than any verdict needs
MOST_UNKNOWN = 5  # unknown names listed in one error

DECIDING = ("experiment", "optimizer", "left", "right")
"""The settings that determine which other settings apply, and their defaults."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The validated settings of a run. None means that a setting does not apply to this experiment and optimizer.

    For a user's script, settings that only other experiments have keep their defaults and mean nothing.

    Create one with :meth:`parse`, which fills in defaults and checks every value.
    """

    experiment: str = _setting(
        "linear",
        "Experiment",
        "what is trained",
        Choice(tuple(EXPERIMENTS), {name: experiment.title for name, experiment in EXPERIMENTS.items() if experiment.title}),
    )
    script: str | None = _setting(
        None, "Script", "your training script; it runs unchanged, once per side", Text(), owner="experiment"
    )
    module: bool | None = _setting(
        None, "Module", "the script is the name of a module, run as python -m does", Switch(), owner="experiment"
    )
    arguments: str | None = _setting(None, "Arguments", "the script's arguments", Words(), owner="experiment")
    directory: str | None = _setting(
        None, "Folder", "where the script runs; empty: where gradtui was started", Text(), owner="experiment"
    )
    steps: int | None = _setting(
        None,
        "Steps",
        "stop after this number of optimizer steps; 0: at the end of the script",
        Integer(0, 10**9),
        owner="experiment",
    )
    network: str | None = _setting(
        None,
        "Network",
        "as the article prints it, the optimizer holds tensors that the network never uses",
        Choice(("corrected", "as_printed")),
        owner="experiment",
    )
    data: str | None = _setting(
        None, "Data", "the files of the data set, or a made-up stand-in", Choice(("files", "synthetic")), owner="experiment"
    )
    data_dir: str | None = _setting(
        None, "Data folder", "where the files are; empty: ./data, ../data, gradtui's own", Text(), owner="experiment"
    )
    download: bool | None = _setting(None, "Download", "download missing files", Switch(), owner="experiment")
    optimizer: str = _setting("SGD", "Optimizer", "the torch.optim class that applies the gradients", Choice(tuple(OPTIMIZERS)))
    lr: float = _setting(0.1, "Learning rate", "the size of a step", Real(0, 1e6, closed=False))
    epochs: int = _setting(20, "Epochs", "passes over the training data", Integer(1, 10_000_000))
    batch_size: int = _setting(64, "Batch size", "samples per batch; if it exceeds the data: one batch", Integer(1, 10_000_000))
    seed: int = _setting(42, "Seed", "seeds the random numbers for weights and batches", Integer(0, LAST_SEED))
    seeds: int = _setting(1, "Seeds", "the number of seeds to train at once, counting up from the seed", Integer(1, MOST_SEEDS))
    device: str = _setting("auto", "Device", "where the training runs", Device())
    left: str = _setting("every_step", "Left side", "when the left side clears its gradients", Choice(tuple(POLICIES)))
    right: str = _setting("never", "Right side", "when the right side clears its gradients", Choice(tuple(POLICIES)))
    k: int | None = _setting(4, "k", "the k of accumulate and every_kth_step", Integer(2, 10_000), owner="policy")
    momentum: float | None = _option("Momentum", "the share of the last update that is kept", Real(0, 1))
    nesterov: bool | None = _option("Nesterov", "Nesterov momentum (needs momentum above 0)", Switch())
    beta1: float | None = _option("Beta 1", "decay of the running mean of gradients", Real(0, 0.999999))
    beta2: float | None = _option("Beta 2", "decay of the running mean of squared gradients", Real(0, 0.99999999))
    rho: float | None = _option("Rho", "decay of the running mean of squared gradients", Real(0, 1))
    alpha: float | None = _option("Alpha", "decay of the running mean of squared gradients", Real(0, 1))
    lr_decay: float | None = _option("Lr decay", "decay of the learning rate per step", Real(0, 1e3))
    eps: float | None = _option("Epsilon", "added to the denominator, for stability", Real(0, 1))
    weight_decay: float | None = _option("Weight decay", "pulls the weights towards zero", Real(0, 1e3))
    amsgrad: bool | None = _option("AMSGrad", "the variant that keeps the largest second moment", Switch())
    clip_norm: float = _setting(0.0, "Clip norm", "scale gradients down to this norm; 0: never", Real(0, 1e9), more=True)
    precision: str = _setting(
        "float32", "Precision", "of the forward pass; bfloat16 uses autocast", Choice(("float32", "bfloat16")), more=True
    )
    init: str = _setting(
        "shared",
        "Weights",
        "shared: both sides start from the same weights; independent: each draws its own, one after the other",
        Choice(("shared", "independent")),
        more=True,
    )
    schedule: str = _setting(
        "turns",
        "Schedule",
        "turns: one side computes at a time, so their times compare; parallel: both at once",
        Choice(("turns", "parallel")),
        more=True,
    )
    pace: float = _setting(
        0.0, "Pace", "at most this many steps per second, for watching; 0: full speed", Real(0, 1e6), more=True
    )
    sharpness: bool = _setting(
        False, "Sharpness", "measure lr times the largest curvature of the training loss", Switch(), more=True
    )
    timing_probe: bool = _setting(
        True, "Timing probe", "after the training, time both policies against each other", Switch(), more=True
    )

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> RunSettings:
        """Check ``given``, which maps setting names to typed text or run.json values, and fill in the defaults.

        A default comes from the experiment, else the optimizer, else the setting itself; for ``lr``, the optimizer comes
        first. Raises SettingsError listing every invalid setting.
        """
        values: dict[str, object] = {}
        errors: dict[str, str] = {}
        for name in sorted(given.keys() - SETTINGS.keys())[:MOST_UNKNOWN]:
            errors[shown(name)] = f"no such setting{nearest(name, SETTINGS)}"
        for name in DECIDING:
            setting = SETTINGS[name]
            try:
                if name in given and name != "experiment" and not setting.applies(values):
                    raise ValueError(f"got {shown(given[name])}; {setting.lacked_by(values)} has no such setting")
                values[name] = setting.parse(given[name]) if name in given else setting.default
            except ValueError as error:
                errors[name] = str(error)
                values[name] = setting.default
        for name, setting in SETTINGS.items():
            if name in values:
                continue
            applies = setting.applies(values)
            values[name] = default_of(name, values) if applies else setting.default if setting.owner == "run" else None
            if given.get(name) is None:
                continue
            if not applies:
                errors[name] = f"got {shown(given[name])}; {setting.lacked_by(values)} has no such setting"
                continue
            try:
                values[name] = setting.parse(given[name])
            except ValueError as error:
                errors[name] = str(error)
        errors = {**contradictions(values), **errors}
        if errors:
            raise SettingsError(errors)
        return cls(**cast("dict[str, Any]", values))

    def as_dict(self) -> dict[str, object]:
        """The settings that apply, by name, ready for JSON."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None and SETTINGS[name].applies(values)}

    def anchored(self) -> RunSettings:
        """Return these settings with the script's directory made absolute, for processes with another working directory.

        An empty directory means this process's working directory. Raises SettingsError if that directory is gone or its
        path cannot be determined.
        """
        if not self.can.run_script:
            return self
        try:
            directory = str(Path.cwd() / (self.directory or ""))
        except OSError:
            raise SettingsError({"directory": "got nothing, and the working directory is gone; takes a path"}) from None
        return RunSettings.parse({**self.as_dict(), "directory": directory})

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds that are trained, in the order of the columns of their files."""
        return tuple(range(self.seed, self.seed + self.seeds))

    def alone(self, seed: int) -> RunSettings:
        """The settings of the run that trains this seed alone."""
        return dataclasses.replace(self, seed=seed, seeds=1)

    @property
    def can(self) -> Abilities:
        """What this run can do, e.g. ``settings.can.probe_times``."""
        return EXPERIMENTS[self.experiment].can

    @property
    def may_clip(self) -> bool:
        """Whether gradients may be clipped before a step; what a script does is not known in advance."""
        return self.can.run_script or self.clip_norm > 0

    @property
    def script_path(self) -> Path:
        """Where the script is, if the run has one."""
        return Path(self.directory or "", self.script or "")

    def step_samples(self, side: int) -> int:
        """Samples per optimizer step of a side (0 left, 1 right): one batch, or k batches."""
        return self.batch_size * ((self.k or 1) if POLICIES[self.policies[side]].batches else 1)

    def steps_per_epoch(self, side: int) -> int | None:
        """Optimizer steps of a side per epoch; None if that is not known in advance."""
        if not self.can.count_epochs:
            return None
        return math.ceil(EXPERIMENTS[self.experiment].samples / self.step_samples(side))

    def planned_steps(self, side: int) -> int | None:
        """Optimizer steps that a side takes unless it is stopped; None if that is not known in advance."""
        per_epoch = self.steps_per_epoch(side)
        return self.steps or None if per_epoch is None else self.epochs * per_epoch

    @property
    def optimizer_options(self) -> dict[str, object]:
        """Keyword arguments of the optimizer besides the learning rate, as torch names them."""
        options = {name: getattr(self, name) for name in OPTIMIZERS[self.optimizer].options}
        if "beta1" in options:
            options["betas"] = (options.pop("beta1"), options.pop("beta2"))
        return options

    @property
    def policies(self) -> tuple[str, str]:
        """The policies of the two sides, left first."""
        return self.left, self.right

    def _named(self, attribute: str, again: str) -> tuple[str, str]:
        left, right = (getattr(POLICIES[name], attribute).format(k=self.k) for name in self.policies)
        return left, right if right != left else right + again

    @property
    def variants(self) -> tuple[str, str]:
        """The names of the two sides in files and tables, left first. If both have one policy, the right one ends in ``_2``."""
        return self._named("variant", "_2")

    @property
    def titles(self) -> tuple[str, str]:
        """The chart titles of the two sides."""
        return self._named("title", ", again")

    @property
    def shorts(self) -> tuple[str, str]:
        """The names of the two sides in table headers and in sentences."""
        return self._named("short", " 2")

    @property
    def notes(self) -> list[str]:
        """Caveats to show with the results of such a run."""
        return [note for (name, value), note in EXPERIMENTS[self.experiment].notes.items() if getattr(self, name) == value]

    def summary(self) -> str:
        """The settings in a few words, for a title line."""
        if self.script is not None:
            program = f"-m {self.script}" if self.module else Path(self.script).name
            words = printable(f"{program} {self.arguments}".strip())
            return f"{words if len(words) <= 60 else words[:59] + '…'} · seed {self.seed}"
        what = f"{self.experiment} (synthetic data)" if self.data == "synthetic" else self.experiment
        seeds = f"seed {self.seed}" if self.seeds == 1 else f"seeds {self.seed} to {self.all_seeds[-1]}"
        return f"{what} · {self.optimizer} lr {self.lr:g} · {seeds} · {self.device}"


def default_of(name: str, values: Mapping[str, object]) -> object:
    """The default of a setting, given the experiment and the optimizer in ``values``."""
    experiment, optimizer = EXPERIMENTS[str(values["experiment"])], OPTIMIZERS[str(values["optimizer"])]
    if name == "lr" and optimizer.lr is not None:
        return optimizer.lr
    for place in (experiment.defaults, experiment.options, optimizer.options):
        if name in place:
            return place[name]
    return SETTINGS[name].default


SETTINGS: Mapping[str, Setting] = {
    declared.name: Setting(declared.name, *declared.metadata["setting"]) for declared in dataclasses.fields(RunSettings)
}
