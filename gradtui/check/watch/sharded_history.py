"""Follows the gradient of a DTensor: the shard of it that this rank holds.

Tensor parallelism leaves the gradient to autograd. FSDP2 does not: it brings the ranks' gradients together and adds them
to the shards itself, and then calls the hooks for after a contribution. So under FSDP2 nobody sees a gradient just before
it is added to. But a DTensor and its shard have a version counter each: what the script does to ``.grad`` changes the
DTensor's, what FSDP2 adds the shard's. (The shards of a group share theirs, as they lie in one piece of memory.)
"""

from __future__ import annotations

import weakref
from types import FrameType

from torch import Tensor

from gradtui.check.source_lines import frame_here
from gradtui.check.watch.gradient_history import GradientHistory
from gradtui.check.watch.guard import guarded
from gradtui.check.watch.optimizer_log import OptimizerLog
from gradtui.check.watch.tensors import version_of
from gradtui.check.watch.values import is_sharded, local

FLATTENED = "FullyShardedDataParallel keeps its gradient aside during backward(); with fully_shard() it would be watched"
"""FSDP1 takes ``.grad`` away before a backward() adds to it, so that it always looks cleared, and adds it up itself."""


class ShardedHistory(GradientHistory):
    """The history of a DTensor's gradient."""

    def __init__(self, parameter: Tensor, name: str, group: int, log: OptimizerLog) -> None:
        super().__init__(parameter, name, group, log)
        self._announced = False
        """Autograd is making the contribution: the hook for before it has been called."""
        self._added_to: weakref.ref[Tensor] | None = None
        """The gradient that FSDP2 has made or added to since the last step."""
        self._known_version = 0
        """The gradient's version, without its shard's, after the last write that is accounted for."""

    @property
    def unseen(self) -> bool:
        """Whether nobody could see the backward() calls before the first step: FSDP2 has just made the parameter."""
        return not self.total and self.applied is None

    @property
    def came_unseen(self) -> bool:
        """Whether it has had gradients, and no hook has told of any."""
        return self.had_gradient and not self.total

    @guarded
    def hook(self, parameter: Tensor) -> None:
        super().hook(parameter)
        self.hook_after()

    def before_contribution(self, frame: FrameType | None) -> None:
        self._announced = True
        super().before_contribution(frame)

    @guarded
    def after_contribution(self, parameter: Tensor) -> None:
        gradient = parameter.grad
        if not self._announced and gradient is not None and not self.lost:
            self._count(frame_here(2))
            self._follow_shard(gradient)
        self._announced = False
        super().after_contribution(parameter)

    def _follow_shard(self, gradient: Tensor) -> None:
        """FSDP2 has added to this gradient, or made it. A write since the step is taken for a clearing, whatever it left."""
        shards, shard = self.log.shards, local(gradient)
        is_applied = self.applied is not None and gradient is self.applied()
        is_new = not is_applied and (self._added_to is None or gradient is not self._added_to())
        if self.contributions == 1:
            self.began_at_none = is_new
        untouched = version_of(gradient) == self._known_version
        self._added_to, self._known_version = weakref.ref(gradient), version_of(gradient)
        if is_new:
            shards.follow(shard)
        elif shards.added_to(shard) and untouched and is_applied:
            self._mixed = True
            self.tainted |= self.log.in_step
            return
        if self.applied is not None and not self._mixed:
            self._cleared()

    @guarded
    def settle(self) -> None:
        super().settle()
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        if gradient is not None:
            self.log.shards.follow(local(gradient))
            self._known_version = version_of(gradient)
        self._announced, self._added_to = False, None

    @property
    @guarded
    def written_since(self) -> bool:
        if self._added_to is None:
            return bool(super().written_since)
        parameter = self._parameter()
        gradient = parameter.grad if parameter is not None else None
        if gradient is None:
            return False
        return version_of(gradient) != self._known_version or self.log.shards.is_written(local(gradient))

    def _version_of(self, gradient: Tensor) -> int:
        return version_of(gradient) + version_of(local(gradient))


def history_of(parameter: Tensor, name: str, group: int, log: OptimizerLog) -> GradientHistory:
    """The history that suits this parameter."""
    kind = ShardedHistory if is_sharded(parameter) else GradientHistory
    history = kind(parameter, name, group, log)
    if getattr(parameter, "_fsdp_flattened", False):
        history.lost = FLATTENED
    return history
