"""Who wrote to the memory that gradients of DTensors share: FSDP2, as its hooks tell, or somebody else."""

from __future__ import annotations

from torch import Tensor

from gradtui.check.watch.tensors import version_of


class Shards:
    """The pieces of memory that gradients lie in, each with its version after the last write that is accounted for."""

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        self._written: set[int] = set()
        """Those that somebody else has written to."""

    def forget(self) -> None:
        """A step is done: what the next one applies may lie elsewhere."""
        self._versions.clear()
        self._written.clear()

    def follow(self, shard: Tensor) -> None:
        """All that has been written to this shard's memory is accounted for."""
        key = _memory(shard)
        self._versions[key] = version_of(shard)
        self._written.discard(key)

    def added_to(self, shard: Tensor) -> bool:
        """FSDP2 has added to this shard: one write. Whether there has been no other one."""
        key = _memory(shard)
        if version_of(shard) != self._versions.get(key, 0) + 1:
            self._written.add(key)
        self._versions[key] = version_of(shard)
        return key not in self._written

    def is_written(self, shard: Tensor) -> bool:
        """Whether somebody else has written to its memory."""
        key = _memory(shard)
        return key in self._written or version_of(shard) != self._versions.get(key)


def _memory(shard: Tensor) -> int:
    return int(shard.untyped_storage()._cdata)  # noqa: SLF001 (its address: an empty shard has no data pointer)
