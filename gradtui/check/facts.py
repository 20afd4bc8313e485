"""What was seen in one process, as plain data: exchanged between the ranks of a distributed run, judged at the end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from gradtui.check.source_lines import Place
from gradtui.check.windows import Event, Window


@dataclass(frozen=True)
class OptimizerFacts:
    """One optimizer. Steps count from 1; source lines are sorted by how often they were seen."""

    class_name: str
    steps: int
    parameters: list[str]
    """Names, in the order of the parameter groups."""
    group_sizes: list[int]
    stale_steps: int = 0
    """Steps that applied gradients that an earlier step had already applied."""
    first_stale: int = 0
    stale_parameters: list[int] = field(default_factory=list)
    """Indices in ``parameters`` of those that had stale gradients; indices, because names need not be unique."""
    unchanged_steps: int = 0
    """Stale steps without any backward() since the previous step."""
    piled_steps: int = 0
    """Steps whose closure added to the gradient that its previous call had left."""
    wiped_steps: int = 0
    """Steps that applied nothing because the gradients had been cleared after backward()."""
    empty_steps: list[int] = field(default_factory=list)
    """Steps with nothing to apply and no backward() since the previous step."""
    not_watched: list[str] = field(default_factory=list)
    """What could not be watched, each with the reason."""
    no_gradient: list[str] = field(default_factory=list)
    """Trainable parameters that never had a gradient."""
    backwards_per_step: dict[int, int] = field(default_factory=dict)
    """Number of steps, by the number of backward() calls before each."""
    cleared_at: list[Place] = field(default_factory=list)
    wiped_at: list[Place] = field(default_factory=list)
    backward_at: list[Place] = field(default_factory=list)
    stepped_at: list[Place] = field(default_factory=list)
    not_finite_steps: int = 0
    """Steps with a loss that was not finite."""
    first_not_finite: int = 0
    last_not_finite: int = 0
    not_finite_unseen: int = 0
    """Number of losses before the first non-finite one that were not looked at."""
    not_finite_value: str = ""
    not_finite_at: Place | None = None
    variable: str = ""
    """The variable that holds it, where it steps; empty if that is not known."""
    windows: list[Window] = field(default_factory=list)
    """What happened to its gradients between two steps."""
    last_window: list[Event] = field(default_factory=list)
    """What happened after its last step."""
    frozen_changed: list[str] = field(default_factory=list)
    """Parameters that a step has changed although they do not require a gradient."""
    scheduler_steps: int = 0
    """Steps of its learning rate schedulers, of which each takes one when it is made."""
    closure: bool = False
    """Its steps were given a closure."""
    library_at: Place | None = None
    """The line of a library that steps it, where the user's own lines do not show the loop."""
    follows: int | None = None
    """Index of the optimizer that stepped the same parameters before, and is gone."""


@dataclass(frozen=True)
class IdleOptimizer:
    """An optimizer that never stepped, though this many backward() calls have reached its parameters."""

    class_name: str
    variable: str
    place: Place | None
    backwards: int


@dataclass(frozen=True)
class Facts:
    """One process. The optimizers are in the order of their first steps."""

    optimizers: list[OptimizerFacts] = field(default_factory=list)
    orphans: list[tuple[str, str]] = field(default_factory=list)
    """(model class, name in the model) of each parameter that got gradients but belongs to no optimizer."""
    backward_elsewhere: bool = False
    """A backward() reached parameters that belong to no optimizer."""
    not_watched: list[str] = field(default_factory=list)
    """What else could not be watched, each with the reason."""
    idle_optimizers: list[str] = field(default_factory=list)
    """Classes of the existing optimizers, if none of them stepped."""
    asked_for_help: bool = False
    """The script was given --help or a similar option."""
    started_others: bool = False
    """The script has started other processes."""
    torch_imported: bool = False
    script_code: int = 0
    """The script's exit code."""
    ended_early: bool = False
    """The script was ended after the requested number of steps."""
    rank: int = 0
    never_stepped: list[IdleOptimizer] = field(default_factory=list)
    leaf_losses: int = 0
    """Calls of backward() on a loss that no parameter leads to."""
    leaf_loss_at: Place | None = None
    scaler: str = ""
    """The variable that holds the GradScaler."""
    empty_clips: int = 0
    """Calls of a clipping function that got no parameters."""
    empty_clip_at: Place | None = None

    @property
    def all_not_watched(self) -> list[str]:
        return [note for one in self.optimizers for note in one.not_watched] + self.not_watched

    @property
    def steps(self) -> int:
        return sum(optimizer.steps for optimizer in self.optimizers)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """Read what :meth:`to_json` wrote."""
        document = json.loads(text)
        optimizers = [_optimizer(each) for each in document.pop("optimizers")]
        orphans = [(model, name) for model, name in document.pop("orphans")]
        idle = [IdleOptimizer(**{**each, "place": _place(each["place"])}) for each in document.pop("never_stepped")]
        for name in ("leaf_loss_at", "empty_clip_at"):
            document[name] = _place(document[name])
        return cls(optimizers=optimizers, orphans=orphans, never_stepped=idle, **document)


def _place(document: list[Any] | None) -> Place | None:
    return Place(*document) if document is not None else None


def _optimizer(document: dict[str, Any]) -> OptimizerFacts:
    for name in ("cleared_at", "wiped_at", "backward_at", "stepped_at"):
        document[name] = [Place(*place) for place in document[name]]
    document["not_finite_at"] = _place(document["not_finite_at"])
    document["library_at"] = _place(document["library_at"])
    document["windows"] = [Window.from_json(each) for each in document["windows"]]
    document["last_window"] = [Event.from_json(each) for each in document["last_window"]]
    document["backwards_per_step"] = {int(count): steps for count, steps in document["backwards_per_step"].items()}
    return OptimizerFacts(**document)
