"""kill -9 at random moments: of the app, of ``gradtui run``, of the supervisor, of either worker."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gradtui.runs import launch
from gradtui.runs.export import export_csv
from gradtui.runs.folder import RunFolder, all_runs, create_run
from gradtui.runs.results import read_results
from gradtui.settings import RunSettings
from tests.conftest import is_alive, processes_of, wait_until
from tests.terminal.emulator import Terminal

STEPS = 5000
STARTERS = ("command", "bare", "command", "app")


class KilledRun:
    """One run, and what was killed of it. Rows are looked at before each kill, and must still be there at the end."""

    def __init__(self, starter: str, home: Path, chance: random.Random) -> None:
        self.starter, self.home, self.chance = starter, home, chance
        self.kills = 0
        self.killed: set[str] = set()
        self.seen: dict[Path, bytes] = {}
        before = {run.id for run in all_runs()}
        self._start()
        new = [run for run in all_runs() if run.id not in before]
        self.folder: RunFolder | None = new[0] if new else None

    def _start(self) -> None:
        """Begin the run; whoever began it is killed at some moment, before there is a run or long after."""
        if self.starter == "bare":
            folder = create_run(RunSettings.parse({"epochs": STEPS, "timing_probe": False}))
            self._bare = launch.start_supervisor(folder)  # kept: it is this test's to reap
            time.sleep(self.chance.uniform(0, 1.5))
        elif self.starter == "command":
            command = [sys.executable, "-m", "gradtui", "run", "--epochs", str(STEPS), "--timing-probe", "off"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.chance.uniform(0, 4))
            self._kill(process.pid)
            process.wait()
        else:
            with Terminal(100, 30) as terminal:
                terminal.wait_for("ready")
                terminal.press("Tab", "Tab", "Tab", "\x01", "\x0b", *str(STEPS), "F5")
                terminal.read(self.chance.uniform(0, 3))
                self._kill(terminal.process.pid)

    def _kill(self, pid: int) -> None:
        for run in all_runs():
            for name in run.read().variants:
                path = run.steps_csv(name)
                if path.exists():
                    self.seen[path] = path.read_bytes().rpartition(b"\n")[0]
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGKILL)
            self.kills += 1

    def kill_one_of(self, victims: list[str]) -> None:
        """Kill one of the run's own processes, if there is one yet, a moment from now."""
        if self.folder is None:
            return
        time.sleep(self.chance.uniform(0, 1))
        victim = self.chance.choice(victims)
        pid = self._supervisor() if victim == "supervisor" else self.folder.read().variants[victim].pid
        if pid is not None and is_alive(pid) and self.folder.observe().live:
            self._kill(pid)
            self.killed.add(victim)

    def _supervisor(self) -> int | None:
        for pid in processes_of(self.home):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"gradtui.runs.supervisor" in words:
                return pid
        return None

    def check(self, out: Path) -> None:
        """The run ends as it must, nobody stays, and the folder has every row that was seen in it."""
        if "supervisor" not in self.killed and self.folder is not None:
            assert wait_until(lambda: self.folder is not None and not self.folder.observe().live, seconds=60)
        if self.starter == "bare":
            self._bare.wait(timeout=5)
        assert wait_until(lambda: not processes_of(self.home), seconds=2), "processes stay"
        for path, text in self.seen.items():
            assert path.read_bytes().startswith(text), f"rows of {path} are gone"
        if self.folder is None:
            return
        state = self.folder.observe()
        for name, variant in state.variants.items():
            if state.status == "lost":  # with its supervisor, or its starter was killed before it could start that
                assert "supervisor" in self.killed or not self.killed
            elif name not in self.killed or variant.status != "failed":  # a kill may come when all is done
                assert (variant.status, variant.steps) == ("finished", STEPS)
        results = read_results(self.folder)
        rows = export_csv(self.folder, out)
        assert rows == sum(variant.steps for variant in results.variants.values())
        assert rows >= sum(text.count(b"\n") for path, text in self.seen.items() if path.parent == self.folder.path)


@pytest.mark.parametrize(
    "kills", [2, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["few", "many"]
)
def test_kill_9_at_random_moments_loses_nothing_and_leaves_nobody(home: Path, tmp_path: Path, kills: int) -> None:
    seed = int(os.environ.get("GRADTUI_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"GRADTUI_KILL_SEED={seed}")  # pytest shows it with a failure
    chance = random.Random(seed)
    done, place = 0, 0
    while done < kills:
        run = KilledRun(STARTERS[place % len(STARTERS)], home, chance)
        run.kill_one_of(["with_zero_grad", "without_zero_grad"])
        if chance.random() < 0.6:
            run.kill_one_of(["with_zero_grad", "without_zero_grad", "supervisor", "supervisor"])
        run.check(tmp_path / f"{place}.csv")
        done, place = done + run.kills, place + 1
    for folder in all_runs():
        folder.observe()
    print(f"{done} kills in {place} runs")
