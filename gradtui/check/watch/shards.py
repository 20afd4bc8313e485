"""Tracks who wrote to the memory that gradients of DTensors share: FSDP2, as its hooks report, or something else."""

from __future__ import annotations

from torch import Tensor

from gradtui.check.watch.tensors import version_of


class Shards:
    """The memory blocks that hold gradients, each with its version after the last write that is accounted for."""

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        self._written: set[int] = set()
        """The blocks that something else has written to."""

    def forget(self) -> None:
        """Forget everything after a step: the next step's gradients may be in other blocks."""
        self._versions.clear()
        self._written.clear()

    def follow(self, shard: Tensor) -> None:
        """Account for everything written to this shard's memory so far."""
        key = _memory(shard)
        self._versions[key] = version_of(shard)
        self._written.discard(key)

    def added_to(self, shard: Tensor) -> bool:
        """Account for one write, by FSDP2, to this shard. Return whether there was no other write."""
        key = _memory(shard)
        if version_of(shard) != self._versions.get(key, 0) + 1:
            self._written.add(key)
        self._versions[key] = version_of(shard)
        return key not in self._written

    def is_written(self, shard: Tensor) -> bool:
        """Whether something other than FSDP2 has written to this shard's memory."""
        key = _memory(shard)
        return key in self._written or version_of(shard) != self._versions.get(key)


def _memory(shard: Tensor) -> int:
    return int(shard.untyped_storage()._cdata)  # noqa: SLF001 (its address: an empty shard has no data pointer)
