"""The parameters of one optimizer: which are watched, how they are grouped and named, and which had to be dropped."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType

from torch import Tensor
from torch.optim import Optimizer

from gradtui.check.torch.optimizer_steps import parameters_of, share_a_tensor
from gradtui.check.torch.parameters import Parameters, variables
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.sharded_history import ShardedHistory, history_of
from gradtui.check.watch.tensors import same


class WatchedParameters:
    """An optimizer's parameters, each with the history of its gradient."""

    def __init__(self, log: OptimizerLog, registry: Parameters) -> None:
        self.log = log
        self.histories: list[GradientHistory] = []
        """Of all watched parameters, in the order of the parameter groups."""
        self.dropped: dict[int, GradientHistory] = {}
        """Histories of parameters whose gradients cannot be watched, by the parameter's id."""
        self.earlier: list[GradientHistory] = []
        """Of an optimizer that stepped the same parameters before, and is gone."""
        self._registry = registry
        self._all: list[Tensor] = []
        self._parameters: list[Tensor] = []
        """The watched parameters."""

    @property
    def lost(self) -> str:
        """Why watching stopped; empty while it continues."""
        return self.log.lost

    @lost.setter
    def lost(self, reason: str) -> None:
        self.log.lost = reason

    def give_up(self, *arguments: object) -> None:
        """Stop watching this optimizer."""
        raise NotImplementedError

    @property
    def not_watched(self) -> list[str]:
        """What could not be watched, each with the reason."""
        notes = [history.not_watched for history in self.dropped.values()]
        if self.lost and (self.histories or not self.dropped):
            notes.append(f"from step {max(1, self.log.lost_at):,} on: {self.lost}")
        if self.log.loss_lost:
            notes.append(f"the loss: {self.log.loss_lost}")
        # These gradients were applied by a step, but no torch hook has reported how they were made.
        never_told = [each.name for each in self.histories if isinstance(each, ShardedHistory) and each.came_unseen]
        notes += [f"{name} (DTensor): no hook tells when its gradient is made" for name in never_told if self.log.steps > 1]
        return notes

    @property
    def group_sizes(self) -> list[int]:
        """Number of watched parameters in each group."""
        groups = [history.group for history in self.histories]
        return [groups.count(group) for group in range(max(groups, default=-1) + 1)]

    def has_stepped(self, parameters: list[Tensor]) -> bool:
        """Whether any of these is one of its parameters, also after the optimizer is gone."""
        wanted = {id(parameter): parameter for parameter in parameters}
        return any(history.parameter is wanted.get(id(history.parameter), self) for history in self.histories)

    def shares_parameters(self, other: Optimizer) -> bool:
        return share_a_tensor(self._all, parameters_of(other))

    def _regroup(self, optimizer: Optimizer, frame: FrameType) -> None:
        """Pick up new parameters, and look up their names in the frames that called ``frame``."""
        parameters = parameters_of(optimizer)
        if same(parameters, self._all):
            return
        known = {id(parameter): history for parameter, history in zip(self._parameters, self.histories, strict=True)}
        names = variables(frame, Tensor) | (self._registry.names(frame) or {})
        sizes = [len(group["params"]) for group in optimizer.param_groups]
        places = [(group, place) for group, size in enumerate(sizes) for place in range(size)]
        self._all, self._parameters, self.histories = parameters, [], []
        for parameter, (group, place) in zip(parameters, places, strict=True):
            if id(parameter) in self.dropped:
                continue
            history = known.pop(id(parameter), None)
            if history is None:
                name = names.get(id(parameter), f"parameter {place} of group {group}")
                history = history_of(parameter, name, group, self.log)
                self._adopt(parameter, history)
            history.group = group
            self.histories.append(history)
            self._parameters.append(parameter)
        for history in known.values():
            history.unhook()

    def _drop_lost(self) -> None:
        """Stop watching the parameters whose gradients cannot be watched."""
        if not any(history.lost for history in self.histories):
            return
        both = list(zip(self.histories, self._parameters, strict=True))
        for history, parameter in both:
            if history.lost:
                self.dropped[id(parameter)] = history
                history.note_kind(parameter)
                history.unhook()
        self._parameters = [parameter for history, parameter in both if not history.lost]
        self.histories = [history for history, _ in both if not history.lost]
        if not self.histories:
            self.lost = "none of its gradients can be looked at"
            self.give_up()

    def _adopt(self, parameter: Tensor, history: GradientHistory) -> None:
        old = next((each for each in self.earlier if each.is_of(parameter)), None)
        if old is not None:
            self._inherit(history, old)
            return
        before = self._registry.claim(parameter)
        history.contributions = history.total = len(before)
        for backward in before:
            self.log.trail.reached.setdefault(backward.code, set()).add(id(history))
            if self.log.steps == 1 and backward not in self.log.interval:  # before the first step, all belong to its interval
                self.log.note(backward, step=1)

    def _inherit(self, history: GradientHistory, old: GradientHistory) -> None:
        """Go on where the history of another optimizer, which is gone, has followed the same gradient."""
        history.inherit(old)
        for code, reached in old.log.trail.reached.items():
            if id(old) in reached:
                self.log.trail.reached.setdefault(code, set()).add(id(history))
        for backward in old.log.interval:
            if backward not in self.log.interval:
                self.log.note(backward, step=self.log.steps)

    @property
    def _watched(self) -> Iterator[tuple[GradientHistory, Tensor]]:
        """The watched parameters, each with its history."""
        return zip(self.histories, self._parameters, strict=True)

    def _with_gradient(self) -> list[tuple[GradientHistory, Tensor]]:
        """The watched parameters that have a gradient for the step to apply, and that gradient."""
        return [(history, parameter.grad) for history, parameter in self._watched if parameter.grad is not None]
