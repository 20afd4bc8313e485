"""One run, however it was started."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import all_runs, create_run
from gradtui.settings import RunSettings
from tests.conftest import is_alive
from tests.process.campaign.case import LONGEST_WAIT, Case, runs_that_can_be_asked
from tests.process.campaign.checking import Excuses, check_run
from tests.terminal.emulator import Terminal

EPOCHS = {"linear": 30_000, "digits": 100}
STARTERS = ("command", "command in a terminal", "app", "launcher", "warm supervisor")
PROCESSES = ("run", "app", "supervisor", "worker", "device search")


class RunCase(Case):
    epochs = EPOCHS

    def __init__(self, home: Path, chance: random.Random) -> None:
        super().__init__(home, chance)
        self._starter = launch.Starter()
        self._command: subprocess.Popen[bytes] | None = None

    def carry_out(self) -> None:
        self.start(self.chance.choice(STARTERS))
        self.rest_until_there("worker")
        for _ in range(self.chance.randint(4, 8)):
            self.rest(self.chance.uniform(0, 1))
            if self.over:
                break
            self.disturb_or_ask()
        self.rest(self.chance.uniform(0, 1))
        self.finish()

    def start(self, starter: str) -> None:
        self.tell(f"start by {starter}")
        self.done[f"run by {starter}"] += 1
        schedule = self.chance.choice(("turns", "parallel"))
        experiment = self.chance.choice(("linear", "linear", "digits"))
        epochs, probe = self.epochs[experiment], self.chance.random() < 0.2
        settings = {"experiment": experiment, "epochs": epochs, "timing_probe": probe, "schedule": schedule}
        words = ("run", experiment, "--epochs", str(epochs), "--timing-probe", "on" if probe else "off", "--schedule", schedule)
        match starter:
            case "command":
                self._command = self.start_command(*words)
            case "command in a terminal":
                self.terminals.append(Terminal(100, 30, (sys.executable, "-m", "gradtui", *words)))
            case "app":
                self.terminals.append(Terminal(100, 30))
                self.rest(self.chance.uniform(0, 1))
                if self.chance.random() < 0.8:
                    self.terminals[0].wait_for("ready", seconds=120)
                    self.terminals[0].press("Tab", "Tab", "Tab", "\x01", "\x0b", *str(self.epochs["linear"]), "F5")
            case "launcher":
                self.supervised(launch.start_supervisor(create_run(RunSettings.parse(settings))))
            case "warm supervisor":
                self._starter.warm_up()
                self.rest(self.chance.uniform(0, 2))
                self.supervised(self._starter.start(create_run(RunSettings.parse(settings))))

    def supervised(self, supervisor: subprocess.Popen[bytes]) -> None:
        """It is this process's child, and must be reaped."""
        self.commands.append(supervisor)

    def disturb_or_ask(self) -> None:
        runs = runs_that_can_be_asked()
        draw = self.chance.random()
        if runs and draw < 0.3:
            self.ask(self.chance.choice(runs))
        elif self.terminals and draw < 0.4 and not self.gentle and is_alive(self.terminals[0].process.pid):
            self.press_or_hang_up(self.terminals[0])
        else:
            self.disturb(PROCESSES, interruptible=PROCESSES, kill=0.35)

    def press_or_hang_up(self, terminal: Terminal) -> None:
        if terminal.descriptor < 0:
            return
        key = self.chance.choice(("\x03", "F6", "F7", "hang up"))
        self.look_at_rows()
        self.happened("hang up" if key == "hang up" else f"press {key!r}", terminal.process.pid, "terminal")
        if key == "hang up":
            terminal.hang_up()
        else:
            terminal.press(key)

    def finish(self) -> None:
        self.wake_all()
        self._starter.end()
        self.resume_runs()
        self.leave_terminals()
        self.wait_for_end()
        self.check_home()
        for folder in all_runs():
            state = check_run(folder, self.excuses(folder))
            self.done[state.status] += 1
            assert state.status == "finished" or not self.gentle
            if self._command is not None and not self.count(("run",)):
                assert self._command.returncode == (state.status in ("failed", "lost")), self._command.returncode

    def leave_terminals(self) -> None:
        """Quit the app when its run has ended; a command in a terminal ends by itself."""
        for terminal in self.terminals:
            deadline = time.monotonic() + LONGEST_WAIT
            while terminal.process.poll() is None:
                assert time.monotonic() < deadline, f"it does not end:\n{terminal.text}"
                if terminal.descriptor >= 0 and not runs_that_can_be_asked() and terminal.process.args == APP:
                    terminal.press("q")
                self.rest(0.3)

    def excuses(self, folder: RunFolder) -> Excuses:
        keys = sum(count for event, count in self.events.items() if event.startswith("press"))
        interrupted = self.count(("run", "app", "supervisor"))
        started = folder.read().started is not None
        return Excuses(
            lost=self.count(("supervisor",)) > 0 or (not started and interrupted > 0),
            stopped=self.events["stop: run"] + keys + interrupted > 0,
            failed=self.count(("worker",)) > 0,
        )


class BriefCase(RunCase):
    """A short run, disturbed from its start."""

    epochs = {"linear": 3000, "digits": 10}

    def carry_out(self) -> None:
        self.start("launcher")
        for _ in range(6):
            self.rest(self.chance.uniform(0, 0.5))
            self.disturb_or_ask()
        self.finish()


APP = (sys.executable, "-m", "gradtui")
