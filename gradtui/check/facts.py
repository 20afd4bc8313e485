"""What was seen of one process, as plain data: it travels between the ranks of a distributed run, and is judged at the end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from gradtui.check.source_lines import Place


@dataclass(frozen=True)
class OptimizerFacts:
    """One optimizer. Steps count from 1; lines are in the order of how often they were seen."""

    class_name: str
    steps: int
    parameters: list[str]
    """The name of each, in the order of the parameter groups."""
    group_sizes: list[int]
    stale_steps: int = 0
    """Steps that applied what an earlier step had already applied."""
    first_stale: int = 0
    stale_parameters: list[int] = field(default_factory=list)
    """Which of ``parameters`` those steps did it with: places, as two parameters may have the same name."""
    unchanged_steps: int = 0
    """Stale steps without any backward() since the step before."""
    piled_steps: int = 0
    """Steps whose closure added to the gradient that it had left when it was called before."""
    wiped_steps: int = 0
    """Steps before which the gradients of a backward() had been cleared, so that nothing was applied."""
    empty_steps: list[int] = field(default_factory=list)
    """Steps that had nothing to apply, without any backward() since the step before."""
    not_watched: list[str] = field(default_factory=list)
    """What of it could not be looked at, each with the reason."""
    no_gradient: list[str] = field(default_factory=list)
    """Trainable parameters that never had a gradient."""
    backwards_per_step: dict[int, int] = field(default_factory=dict)
    """How many steps came after so many calls of backward()."""
    cleared_at: list[Place] = field(default_factory=list)
    wiped_at: list[Place] = field(default_factory=list)
    backward_at: list[Place] = field(default_factory=list)
    stepped_at: list[Place] = field(default_factory=list)
    not_finite_steps: int = 0
    """Steps with a loss that was not finite."""
    first_not_finite: int = 0
    last_not_finite: int = 0
    not_finite_unseen: int = 0
    """So many losses before the first that was not finite were not looked at."""
    not_finite_value: str = ""
    not_finite_at: Place | None = None


@dataclass(frozen=True)
class Facts:
    """One process: its optimizers in the order of their first steps."""

    optimizers: list[OptimizerFacts] = field(default_factory=list)
    orphans: list[tuple[str, str]] = field(default_factory=list)
    """(class of the model, name in it) of each parameter that got gradients and belongs to no optimizer."""
    backward_elsewhere: bool = False
    """A backward() was seen that reached parameters of no optimizer."""
    not_watched: list[str] = field(default_factory=list)
    """What else could not be looked at, each with the reason."""
    idle_optimizers: list[str] = field(default_factory=list)
    """Where nothing stepped: the classes of the optimizers that there are."""
    asked_for_help: bool = False
    """The script was given --help or the like."""
    started_others: bool = False
    """The script has started other processes."""
    torch_imported: bool = False
    script_code: int = 0
    """The exit code that the script ended with."""
    ended_early: bool = False
    """The script was ended after as many steps as were asked for."""
    rank: int = 0

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
        """What :meth:`to_json` wrote."""
        document = json.loads(text)
        optimizers = [_optimizer(each) for each in document.pop("optimizers")]
        orphans = [(model, name) for model, name in document.pop("orphans")]
        return cls(optimizers=optimizers, orphans=orphans, **document)


def _optimizer(document: dict[str, Any]) -> OptimizerFacts:
    for name in ("cleared_at", "wiped_at", "backward_at", "stepped_at"):
        document[name] = [Place(*place) for place in document[name]]
    place = document["not_finite_at"]
    document["not_finite_at"] = Place(*place) if place is not None else None
    document["backwards_per_step"] = {int(count): steps for count, steps in document["backwards_per_step"].items()}
    return OptimizerFacts(**document)
