"""Every kind of process killed, stopped, suspended and paused at random moments: nothing lost, nothing doubled, nothing left.

The seed of all choices is GRADTUI_KILL_SEED, 11 unless it is given, and printed. A case can be repeated alone; see
campaign/__main__.py.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.process.campaign.processes import KINDS

ROUND = ("sweep", "compare", "run", "readers", "check", "run", "sweep", "run", "compare", "check", "run")
"""The kinds of cases, one after the other and then again."""

AT_ONCE = max(2, os.cpu_count() or 1)
LONGEST_CASE = 900.0


@dataclass
class CaseProcess:
    """A case that is being carried out, and what it has said."""

    kind: str
    seed: int
    home: Path
    process: subprocess.Popen[bytes]
    began: float

    @property
    def log(self) -> str:
        return self.home.with_suffix(".log").read_text(encoding="utf-8", errors="replace")

    def ended(self) -> bool:
        if time.monotonic() - self.began > LONGEST_CASE:
            self.process.send_signal(signal.SIGINT)  # it then ends all that it has started
        return self.process.poll() is not None

    def counted(self) -> dict[str, dict[str, int]]:
        """What was done, as the case says it in a line of its own."""
        line = next((line for line in self.log.splitlines() if line.startswith("{")), '{"events": {}, "done": {}}')
        counted: dict[str, dict[str, int]] = json.loads(line)
        return counted


class Campaign:
    def __init__(self, seed: int, folder: Path) -> None:
        self._chance = random.Random(seed)
        self._folder = folder
        self._cases = 0
        self.events: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []

    def start(self, kind: str, *words: str) -> CaseProcess:
        seed = self._chance.getrandbits(32)
        home = self._folder / f"{self._cases}-{kind}"
        self._cases += 1
        command = [sys.executable, "-m", "tests.process.campaign", kind, str(seed), str(home), *words]
        with open(home.with_suffix(".log"), "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return CaseProcess(kind, seed, home, process, time.monotonic())

    def sweep_undisturbed(self) -> Path:
        """The home of a sweep whose grid all others must come to."""
        undisturbed = self.start("undisturbed")
        undisturbed.process.wait()
        self._note(undisturbed)
        return undisturbed.home

    def carry_out(self, kinds: Sequence[str], events: int) -> None:
        """Cases of these kinds in turn, some at once, until so many events have happened."""
        undisturbed = self.sweep_undisturbed() if "sweep" in kinds else None
        running: list[CaseProcess] = []
        try:
            while self.events.total() < events or running:
                for case in [case for case in running if case.ended()]:
                    running.remove(case)
                    self._note(case)
                if len(running) < AT_ONCE and self.events.total() < events:
                    kind = kinds[self._cases % len(kinds)]
                    running.append(self.start(kind, *([str(undisturbed)] if kind == "sweep" else [])))
                time.sleep(0.05)
        finally:
            for case in running:
                case.process.send_signal(signal.SIGINT)
                case.process.wait()

    def _note(self, case: CaseProcess) -> None:
        counted = case.counted()
        self.events.update(counted["events"])
        self.done.update(counted["done"])
        seconds = time.monotonic() - case.began
        how = "well" if case.process.returncode == 0 else "NOT well"
        print(f"{case.kind} {case.seed}: {sum(counted['events'].values())} events, {seconds:.0f} s, {how}", flush=True)
        if case.process.returncode != 0:
            self.failures.append(f"{case.kind} {case.seed} in {case.home}\n{case.log}")

    def table(self) -> str:
        """What was done, in how many of what."""
        return "\n".join(f"{count:5}  {what}" for counts in (self.events, self.done) for what, count in sorted(counts.items()))


def carry_out_campaign(folder: Path, kinds: Sequence[str], events: int) -> None:
    seed = int(os.environ.get("GRADTUI_KILL_SEED") or 11)
    print(f"GRADTUI_KILL_SEED={seed}", flush=True)  # pytest shows it with a failure
    campaign = Campaign(seed, folder)
    began = time.monotonic()
    campaign.carry_out(kinds, events)
    print(campaign.table())
    print(f"{campaign.events.total()} events in {time.monotonic() - began:.0f} s, GRADTUI_KILL_SEED={seed}")
    assert not campaign.failures, "\n\n".join(campaign.failures)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


def test_every_kind_of_process_is_known_by_a_module_that_exists() -> None:
    assert all(find_spec(module) for module in KINDS)


@pytest.mark.slow
def test_a_few_kills_and_suspensions_lose_nothing_and_leave_nobody(tmp_path: Path) -> None:
    carry_out_campaign(tmp_path, ("brief",), events=4)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_200_kills_stops_and_suspensions_of_every_kind_of_process_lose_nothing_and_leave_nobody(tmp_path: Path) -> None:
    carry_out_campaign(tmp_path, ROUND, events=200)
