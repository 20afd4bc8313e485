"""A sweep that is disturbed and resumed until it is finished; its grid must be that of an undisturbed one."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from gradtui.runs.saved_runs import all_runs
from gradtui.runs.state import DamagedRun, RunState
from tests.process.campaign.case import Case
from tests.process.campaign.checking import Excuses, check_run
from tests.process.campaign.processes import find_processes

STEPS = 3000
RATES = ("--optimizers", "SGD,Adam", "--lrs", "0.05,0.02")
GRID = ("linear", *RATES, "--seeds", "2", "--epochs", str(STEPS), "--schedule", "parallel")
CELLS = 8
"""Four runs train them, two seeds each."""
PROCESSES = ("sweep", "sweeper", "supervisor", "worker")

Cell = tuple[str, str, str]


def cells_of(state: RunState) -> set[tuple[object, ...]]:
    return {(state.settings.optimizer, state.settings.lr, seed) for seed in state.settings.all_seeds}


def read_grid(sweep: Path) -> dict[Cell, tuple[str, str, str]]:
    """By cell, the status and both sides' losses, to the last bit. A cell that stands there twice is a fault."""
    with open(sweep / "sweep.csv", encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = {(row["optimizer"], row["lr"], row["seed"]): (row["status"], row["left"], row["right"]) for row in rows}
    assert len(cells) == len(rows), f"a cell has several rows: {rows}"
    return cells


class UndisturbedSweep(Case):
    """Gives the grid that every other sweep must come to."""

    def carry_out(self) -> None:
        command = [sys.executable, "-m", "gradtui", "sweep", *GRID]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
        assert result.returncode == 0, result.stderr
        grid = read_grid(next(self.home.glob("sweeps/*")))
        assert [status for status, *_ in grid.values()] == ["finished"] * CELLS
        self.check_home()


class SweepCase(Case):
    def __init__(self, home: Path, chance: random.Random, undisturbed: Path) -> None:
        super().__init__(home, chance)
        self._wanted = read_grid(next(undisturbed.glob("sweeps/*")))
        self._two_of_one: Counter[frozenset[str]] = Counter()

    @property
    def sweep(self) -> Path | None:
        made = next(self.home.glob("sweeps/*/sweep.json"), None)
        return made.parent if made is not None else None

    def carry_out(self) -> None:
        self.done["sweep"] += 1
        for _ in range(self.chance.randint(2, 4)):
            self.start_or_resume()
            if self.sweep is not None and self.chance.random() < 0.4:
                self.start_or_resume()  # a second one at once
            self.rest_until_there("worker")
            for _ in range(self.chance.randint(2, 5)):
                self.rest(self.chance.uniform(0, 1.5))
                if self.over:
                    break
                self.disturb(PROCESSES, interruptible=PROCESSES)
            if self.chance.random() < 0.5:
                self.tell("wait for the end")
                self.wait_for_end()
        self.tell("wait for the end")
        self.wait_for_end()
        self.resume_undisturbed()
        self.check_home()
        self.check_sweep()

    def start_or_resume(self) -> None:
        sweep = self.sweep
        if sweep is None and any(process.kind == "sweep" for process in find_processes(self.home)):
            return  # it is about to make one
        words = ("--resume", sweep.name) if sweep is not None else GRID
        self.start_command("sweep", *words)
        self.done["sweep --resume" if sweep is not None else "sweep started"] += 1
        self.tell("resume" if sweep is not None else "start")

    def resume_undisturbed(self) -> None:
        """It goes on where it was, to its end."""
        words = ("--resume", self.sweep.name) if self.sweep is not None else GRID
        command = self.start_command("sweep", *words, "--json", stdout=subprocess.PIPE)
        self.done["sweep --resume"] += 1
        self.tell("resume, to the end")
        out, _ = command.communicate(timeout=400)
        self.wait_for_end()
        assert command.returncode == 0, f"exit code {command.returncode}\n{out.decode()}"
        document = json.loads(out)
        assert document["status"] == "finished"
        assert sum(row["seeds"] for row in document["grid"]) == CELLS

    def watch(self) -> None:
        """At no moment two sweepers or two runs of one cell: what two looks in a row have seen."""
        sweepers = [str(process) for process in find_processes(self.home) if process.kind == "sweeper"]
        self._never_twice("sweepers", sweepers)
        live: dict[tuple[object, ...], list[str]] = {}
        for run in all_runs():
            try:
                state = run.observe()
            except DamagedRun:
                continue
            if state.live:
                for cell in cells_of(state):
                    live.setdefault(cell, []).append(run.id)
        for cell, runs in live.items():
            self._never_twice(f"runs of {cell}", runs)
        self._forget_what_passed(sweepers, live)

    def _never_twice(self, what: str, found: list[str]) -> None:
        if len(found) > 1:
            key = frozenset(found)
            self._two_of_one[key] += 1
            assert self._two_of_one[key] < 2, f"{what} at once: {found}"

    def _forget_what_passed(self, sweepers: list[str], live: Mapping[tuple[object, ...], list[str]]) -> None:
        """What is not seen any more was seen in passing."""
        now = {frozenset(found) for found in (sweepers, *live.values())}
        self._two_of_one = Counter({key: count for key, count in self._two_of_one.items() if key in now})

    def check_sweep(self) -> None:
        assert self.sweep is not None
        assert json.loads((self.sweep / "sweep.json").read_text())["status"] == "finished"
        assert not (self.sweep / "reserve").exists()
        assert read_grid(self.sweep) == self._wanted, "the grid differs from an undisturbed one's"
        with open(self.sweep / "sweep.csv", encoding="ascii", newline="") as file:
            named: dict[str, set[tuple[object, ...]]] = {}
            for row in csv.DictReader(file):
                named.setdefault(row["run"], set()).add((row["optimizer"], float(row["lr"]), int(row["seed"])))
        finished: Counter[tuple[object, ...]] = Counter()
        statuses: Counter[str] = Counter()
        for run in all_runs():
            state = check_run(run, self.excuses())
            statuses[state.status] += 1
            finished.update(dict.fromkeys(cells_of(state), int(state.status == "finished")))
            if run.id in named:
                assert (state.status, cells_of(state)) == ("finished", named[run.id])
        assert set(finished.values()) == {1}, f"a cell was trained to its end more than once: {finished}"
        killers = ("supervisor", "sweeper", "sweep")
        assert statuses["lost"] <= self.count(killers, signal.SIGKILL, signal.SIGTERM, signal.SIGINT), statuses
        assert statuses["failed"] <= self.count(("worker",)), statuses
        self.done.update({f"sweep's run {status}": count for status, count in statuses.items()})

    def excuses(self) -> Excuses:
        return Excuses(
            lost=self.count(("supervisor", "sweeper", "sweep")) > 0,
            stopped=self.count(("sweep", "sweeper", "supervisor")) > 0,
            failed=self.count(("worker",)) > 0,
        )
