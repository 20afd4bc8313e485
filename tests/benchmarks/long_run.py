"""What opening a long run costs: until all of it is read, and the memory of the processes that read it.

    python -m tests.benchmarks.long_run [STEPS_A_SIDE ...]

Each number of steps is opened with the packed rows that a worker leaves, and from the CSV files alone.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from gradtui.runs.folder import RunFolder
from gradtui.tui import prefetch as ahead
from gradtui.tui.run_follower import FollowedRun
from tests.made_up import long_run


def cpu_seconds() -> float:
    return sum(sum(getrusage(whose)[:2]) for whose in (RUSAGE_SELF, RUSAGE_CHILDREN))


def open_run(path: Path) -> None:
    """As the app does, in this process; says what it cost."""
    run = FollowedRun(RunFolder(path))
    cpu, began = cpu_seconds(), time.perf_counter()
    sides = ahead.long_sides(run)
    run.glance(sides)
    glanced = time.perf_counter() - began
    asyncio.run(ahead.read_ahead(run, sides))
    while run.advance():
        pass
    run.results()
    took = time.perf_counter() - began
    app, readers = (getrusage(whose).ru_maxrss / 1024 for whose in (RUSAGE_SELF, RUSAGE_CHILDREN))
    print(f"  a glance {glanced:.2f} s, all {took:.2f} s ({cpu_seconds() - cpu:.2f} s of CPU), "
          f"peak memory {app:,.0f} MiB and {readers:,.0f} MiB in each reader")  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["--open"]:
        open_run(Path(sys.argv[2]))
        return
    for steps in map(int, sys.argv[1:] or ("1000000", "10000000")):
        with tempfile.TemporaryDirectory() as home:
            os.environ["GRADTUI_HOME"] = home
            folder = long_run(steps)
            for what in ("packed", "CSV alone"):
                print(f"{steps:,} steps a side, {what}")
                subprocess.run([sys.executable, "-m", "tests.benchmarks.long_run", "--open", str(folder.path)], check=True)
                for name in folder.read().variants:
                    folder.packed(name).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
