"""Follows the gradient of a DTensor: the shard of it that this rank holds.

Tensor parallelism leaves the gradient to autograd. FSDP2 does not: it reduces the ranks' gradients, adds them to the shards
itself, and then calls the post-accumulate hooks. So under FSDP2 no hook runs just before a gradient is added to. But a DTensor
and its shard have separate version counters: what the script does to ``.grad`` changes the DTensor's, what FSDP2 adds changes
the shard's. (The shards of a group share one counter, because they lie in one block of memory.)
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
"""FSDP1 accumulates gradients itself, taking ``.grad`` away before each backward(), so it always looks cleared."""


class ShardedHistory(GradientHistory):
    """The history of a DTensor's gradient."""

    def __init__(self, parameter: Tensor, name: str, group: int, log: OptimizerLog) -> None:
        super().__init__(parameter, name, group, log)
        self._announced = False
        """Autograd is making the contribution: the tensor hook that precedes it has been called."""
        self._added_to: weakref.ref[Tensor] | None = None
        """The gradient that FSDP2 has made or added to since the last step."""
        self._known_version = 0
        """The gradient's version, not counting its shard's, after the last write that is accounted for."""

    @property
    def unseen(self) -> bool:
        """Whether the backward() calls before the first step went unseen, because FSDP2 has only just made the parameter."""
        return not self.total and self.applied is None

    @property
    def came_unseen(self) -> bool:
        """Whether the parameter has had gradients that no hook reported."""
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
        """Record that FSDP2 has made or added to this gradient. A write since the step counts as a clearing, whatever it
        left."""
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
    """Create the kind of history that suits this parameter."""
    kind = ShardedHistory if is_sharded(parameter) else GradientHistory
    history = kind(parameter, name, group, log)
    if getattr(parameter, "_fsdp_flattened", False):
        history.lost = FLATTENED
    return history
