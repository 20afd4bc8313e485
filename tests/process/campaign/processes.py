"""The live processes of a home, and what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import processes_of

KINDS = {
    "gradtui.runs.processes.supervisor": "supervisor",
    "gradtui.runs.sweeps.sweeper": "sweeper",
    "gradtui.training.worker": "worker",
    "gradtui.compare.script_worker": "worker",
    "gradtui.training.torch_devices": "device search",
    "gradtui.tui.read_side": "side reader",
    "tests.process.campaign.reader": "reader",
}
"""What a process is that runs one of these modules."""

CHILDREN = {"run": "supervisor", "compare": "supervisor", "sweep": "sweeper", "sweeper": "supervisor", "supervisor": "worker"}
"""What a process is going to be that such a process has forked and that has not executed its own program yet."""

SCRIPTS_CHILD = "script's child"


@dataclass(frozen=True)
class Process:
    """``kind`` is one of KINDS, a command of gradtui (``app`` where there is none), or SCRIPTS_CHILD."""

    pid: int
    parent: int
    kind: str
    words: Sequence[str]

    def __str__(self) -> str:
        return f"{self.kind} {self.pid}"


def find_processes(home: Path) -> list[Process]:
    """The live processes that were started with this home, other than this one."""
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
    for pid in processes_of(home):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if words and state not in ("Z", "X"):
            found[pid] = int(parent), tuple(words)
    return [Process(pid, parent, _kind(pid, found), words) for pid, (parent, words) in sorted(found.items())]


def _kind(pid: int, found: dict[int, tuple[int, tuple[str, ...]]]) -> str:
    parent, words = found[pid]
    if parent in found and found[parent][1] == words:  # forked
        return CHILDREN.get(_kind(parent, found), SCRIPTS_CHILD)
    module = next((word for word in words if word in KINDS), None)
    if module is not None:
        return KINDS[module]
    if words[1:3] == ("-m", "gradtui"):
        return words[3] if len(words) > 3 else "app"
    return SCRIPTS_CHILD
