"""Standard input of a script in a run: it is empty, and reading it adds a note to the run."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable


class EmptyInput(io.TextIOWrapper):
    """Behaves like an empty file opened by python; calls ``tell`` on every read."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__(open(0, "rb", closefd=False), encoding="utf-8")  # noqa: SIM115 (lives as long as the process)
        self._tell = tell

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # the stubs' own base says bytes
        self._tell()
        return super().readline(-1 if size is None else size)

    def read(self, size: int | None = -1, /) -> str:
        self._tell()
        return super().read(size)

    def __next__(self) -> str:  # type: ignore[override]
        self._tell()
        return super().__next__()


def replace_input(tell: Callable[[], None]) -> None:
    """Replace sys.stdin with an empty file; ``tell`` is called when the script reads from it, as input() does."""
    sys.stdin = sys.__stdin__ = EmptyInput(tell)  # type: ignore[misc]
