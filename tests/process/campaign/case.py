"""One case of the campaign: something is started, disturbed at random moments, waited for, and looked at."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.nameless import NEW, WARM, nameless_folder
from gradtui.runs.saved_runs import all_runs
from tests.conftest import is_alive, wait_until
from tests.process.campaign.processes import Process, find_processes
from tests.terminal.emulator import Terminal

LONGEST_WAIT = 240.0
"""Seconds that anything may take to end, also on a box that others keep busy."""

STARTERS = ("run", "compare", "app", "attach", "sweep", "sweeper")
"""What lays out run folders or keeps a supervisor warm."""

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


class Case(ABC):
    """Everything lives in ``home``; ``chance`` makes every choice. What was done is printed as it is done."""

    def __init__(self, home: Path, chance: random.Random) -> None:
        self.home, self.chance = home, chance
        self.events: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        """What was started, and how it ended."""
        self.signals: list[tuple[float, signal.Signals, Process]] = []
        self.suspended: dict[int, Process] = {}
        self.terminals: list[Terminal] = []
        self.commands: list[subprocess.Popen[bytes]] = []
        self.gentle = chance.random() < 0.25
        """Only suspensions and pauses: all there is must come to its end."""
        self._requests: list[subprocess.Popen[bytes]] = []
        self._seen: dict[Path, bytes] = {}
        self._began = time.monotonic()

    @abstractmethod
    def carry_out(self) -> None:
        """The whole case. Raises AssertionError where something is not as it must be."""

    # What is done to processes

    def tell(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:7.2f} s  {line}", flush=True)

    def happened(self, what: str, whom: object, kind: str) -> None:
        self.events[f"{what}: {kind}"] += 1
        self.tell(f"{what}: {whom}")

    def rest(self, seconds: float) -> None:
        """Let time pass; what terminals are sent is read meanwhile, as by a terminal."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for terminal in self.terminals:
                if terminal.descriptor >= 0:
                    terminal.read(min(0.02, left))
            self.watch()
            if not self.terminals:
                time.sleep(min(0.05, left))

    def watch(self) -> None:  # noqa: B027 (not every kind of case has something to look at)
        """Look at what must hold at any moment."""

    def victim(self, kinds: Collection[str]) -> Process | None:
        """A live process, each kind as likely as any other."""
        alive = [process for process in find_processes(self.home) if process.kind in kinds]
        if not alive:
            return None
        kind = self.chance.choice(sorted({process.kind for process in alive}))
        return self.chance.choice([process for process in alive if process.kind == kind])

    def send(self, number: signal.Signals, process: Process) -> None:
        """Send a signal, if the process is still there; what is on disk before that must stay there."""
        self.look_at_rows()
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
            self.signals.append((time.monotonic(), number, process))
            if number == signal.SIGSTOP:
                self.suspended[process.pid] = process
            elif number == signal.SIGKILL:
                self.suspended.pop(process.pid, None)
            self.happened("suspend" if number == signal.SIGSTOP else number.name, process, process.kind)

    def wake(self, process: Process) -> None:
        """Continue a suspended process."""
        del self.suspended[process.pid]
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
            self.tell(f"continue: {process}")

    def wake_all(self) -> None:
        for process in list(self.suspended.values()):
            self.wake(process)

    def rest_until_there(self, kind: str) -> None:
        """Until there is a process of this kind, or nothing any more; at times not at all, as a start can be disturbed too."""
        if self.chance.random() < 0.2:
            return
        deadline = time.monotonic() + 20  # it never comes where whoever would start it is suspended
        while not any(process.kind == kind for process in find_processes(self.home)):
            if self.over or time.monotonic() > deadline:
                return
            self.rest(0.05)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to disturb."""
        return not find_processes(self.home)

    def disturb(self, kinds: Collection[str], interruptible: Collection[str] = (), kill: float = 0.5) -> None:
        """Kill, suspend or interrupt a process of one of these kinds; ``kill`` is how likely it is killed."""
        if self.suspended and self.chance.random() < 0.6:
            self.wake(self.chance.choice(list(self.suspended.values())))
        process = self.victim(kinds)
        if process is None:
            return
        if not self.gentle and self.chance.random() < kill:
            self.send(signal.SIGKILL, process)
        elif not self.gentle and process.kind in interruptible and self.chance.random() < 0.3:
            self.send(self.chance.choice(INTERRUPTIONS), process)
        elif process.pid not in self.suspended:
            self.send(signal.SIGSTOP, process)

    def count(self, kinds: Collection[str], *numbers: signal.Signals) -> int:
        """How many of these kinds were sent one of these signals, or any but SIGSTOP."""
        return sum(
            process.kind in kinds and (number in numbers if numbers else number != signal.SIGSTOP)
            for _, number, process in self.signals
        )

    # What is asked of runs

    def ask(self, run: RunFolder, stop: float = 0.3) -> None:
        """Pause or resume a run, or stop it, which is as likely as ``stop``; by its folder or by the command."""
        what = "resume" if run.pause_requested else "pause"
        if not self.gentle and self.chance.random() < stop:
            what = "stop"
        self.look_at_rows()
        self.happened(what, run.id, "run")
        if self.chance.random() < 0.5:
            {"stop": run.request_stop, "pause": run.request_pause, "resume": run.request_resume}[what]()
        else:
            self._requests.append(self.start_command(what, run.id))

    def resume_runs(self) -> None:
        """Nothing that is paused ends by itself."""
        self.wake_all()
        for request in self._requests:
            request.wait()
        for run in all_runs():
            run.request_resume()

    def start_command(self, *words: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a command of gradtui without a terminal. What it says on stderr is kept."""
        with open(self.home.with_suffix(".stderr"), "ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "gradtui", *words], stdin=subprocess.DEVNULL, stdout=stdout, stderr=said
            )
        self.commands.append(process)
        return process

    # What must hold in the end

    def look_at_rows(self) -> None:
        """Remember all rows that are on disk now."""
        for path in [*self.home.glob("runs/*/*.csv"), *self.home.glob("sweeps/*/*.csv")]:
            self._seen[path] = path.read_bytes().rpartition(b"\n")[0]

    def wait_for_end(self) -> None:
        """Until nothing of this case is left running."""
        self.wake_all()
        deadline = time.monotonic() + LONGEST_WAIT
        while left := find_processes(self.home):
            assert time.monotonic() < deadline, f"still there: {', '.join(f'{p} ({p.words})' for p in left)}"
            self.rest(0.05)
        for command in self.commands:
            command.wait()

    def check_home(self) -> None:
        """No row is gone, no file is left over, no lock is held."""
        for path, text in self._seen.items():
            assert path.exists(), f"{path} is gone"
            if path.parent.parent.name == "runs":  # a sweep may replace the row of a cell that had failed
                assert path.read_bytes().startswith(text), f"rows of {path} are gone"
        self.check_leftovers()
        for lock in [*self.home.rglob("alive"), *self.home.rglob("starting")]:
            # A process that is ending has no environment any more, by which it is found, but for a moment its locks.
            assert wait_until(partial(_is_free, lock), seconds=5), f"{lock} is still locked"

    def check_leftovers(self) -> None:
        """Only a starter that was killed leaves something behind, which goes later."""
        hidden = list(self.home.rglob(".*"))
        runs = self.home / "runs"
        left = [path for path in hidden if path.parent == runs and path.name.startswith((NEW, WARM))]
        assert hidden == left, f"left over: {hidden}"
        if not left:
            return
        assert self.count(STARTERS), f"left over, though no starter was killed: {left}"
        self.tell(f"left by a starter that was killed: {', '.join(path.name for path in left)}")
        self.done["left by a starter that was killed, and removed later"] += len(left)
        for path in left:
            os.utime(path, (0, 0))
        with nameless_folder(runs):
            assert not [path for path in left if path.exists()]

    def report(self) -> None:
        """Say in a last line what was done."""
        print(json.dumps({"events": self.events, "done": self.done}), flush=True)

    def clear_away(self) -> None:
        """Whatever happened, leave no process behind."""
        for terminal in self.terminals:
            terminal.__exit__(None, None, None)
        for process in find_processes(self.home):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            wait_until(partial(_has_ended, process.pid), seconds=10)


def _is_free(lock: Path) -> bool:
    with open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _has_ended(pid: int) -> bool:
    return not is_alive(pid)


def runs_that_can_be_asked() -> list[RunFolder]:
    """The runs of this home that are in progress."""
    return [run for run in all_runs() if run.observe().live]
