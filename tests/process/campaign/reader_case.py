"""Eight readers on one run: two apps in terminals, six processes that read as the app does."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from array import array
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings
from tests.conftest import wait_until
from tests.process.campaign.case import LONGEST_WAIT, Case, runs_that_can_be_asked
from tests.process.campaign.checking import Excuses, check_run, whole_rows
from tests.process.campaign.reader import digest
from tests.terminal.emulator import Terminal

STEPS = 40_000
READERS = ("attach", "reader")
RUNS_OWN = ("supervisor", "worker")


class ReaderCase(Case):
    def __init__(self, home: Path, chance: random.Random) -> None:
        super().__init__(home, chance)
        self._readers: list[tuple[str, subprocess.Popen[bytes]]] = []

    def carry_out(self) -> None:
        self.done["run with eight readers"] += 1
        run = create_run(RunSettings.parse({"epochs": STEPS, "timing_probe": False}))
        self.commands.append(launch.start_supervisor(run))
        assert wait_until(lambda: run.observe().device is not None or not run.observe().live, LONGEST_WAIT)
        self.start_readers(run)
        for _ in range(self.chance.randint(8, 14)):
            self.rest(self.chance.uniform(0, 1))
            self.disturb_readers_or_run(run)
        self.resume_runs()
        self.check_readers(run)
        self.leave_terminals(run)
        self.wait_for_end()
        self.check_home()
        state = check_run(run, self.excuses())
        self.done[state.status] += 1
        assert state.status == "finished" or not self.gentle

    def start_readers(self, run: RunFolder) -> None:
        for _ in range(2):
            self.terminals.append(Terminal(100, 30, (sys.executable, "-m", "gradtui", "attach", run.id)))
        for kind in ("followed", "plain") * 3:
            words = [sys.executable, "-m", "tests.process.campaign.reader", kind, str(run.path)]
            self._readers.append((kind, subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)))

    def disturb_readers_or_run(self, run: RunFolder) -> None:
        draw = self.chance.random()
        if draw < 0.2 and run in runs_that_can_be_asked():
            self.ask(run, stop=0.2)
        elif draw < 0.3:
            self.press(self.chance.choice(self.terminals))
        elif draw < 0.9:
            self.disturb(READERS, kill=0.25)
        else:
            self.disturb(RUNS_OWN, kill=0.3)

    def press(self, terminal: Terminal) -> None:
        """The app may pause the run, too, or look at it in another way."""
        if terminal.process.poll() is None:
            key = self.chance.choice(("F6", "F3", "z", "hang up"))
            self.look_at_rows()
            self.happened(f"press {key}" if key != "hang up" else key, terminal.process.pid, "attach")
            if key == "hang up" and terminal.descriptor >= 0:
                terminal.hang_up()
            elif terminal.descriptor >= 0:
                terminal.press(key)

    def check_readers(self, run: RunFolder) -> None:
        """Those that live read all there is, and agree."""
        self.rest_until_ended(run)
        state = run.observe()
        # A worker that was suspended when its supervisor was killed writes its last rows whenever it is continued.
        orphaned = state.status == "lost" and self.count(("worker",), signal.SIGSTOP) > 0
        for kind, reader in self._readers:
            out, _ = reader.communicate(timeout=LONGEST_WAIT)
            if reader.returncode < 0:
                continue
            assert reader.returncode == 0
            told = json.loads(out)
            assert told["status"] == state.status, told
            for name, (count, losses) in told["sides"].items():
                expected = array("d", (float(row[2]) for row in whole_rows(run.steps_csv(name))))
                assert count == len(expected) or (orphaned and count < len(expected)), (
                    f"{kind}: {count} of {len(expected)} rows"
                )
                assert losses in (None, digest(expected[:count])), f"{kind} has read other losses"
            self.done["reader that read to the end"] += 1

    def rest_until_ended(self, run: RunFolder) -> None:
        left = LONGEST_WAIT
        while run.observe().live and left > 0:
            run.request_resume()  # one of the apps may have paused it
            self.rest(0.2)
            left -= 0.2
        assert not run.observe().live

    def leave_terminals(self, run: RunFolder) -> None:
        status = run.observe().status
        for terminal in self.terminals:
            if terminal.process.poll() is None and terminal.descriptor >= 0:
                terminal.wait_for(status, seconds=60)  # also of a side that has ended before the run
                for _ in range(10):
                    terminal.press("q")
                    if terminal.exit_code(6) is not None:
                        break
                    terminal.press("Escape")  # it was not known yet that the run has ended: do not answer how to leave it
                assert terminal.process.returncode == 0, f"exit code {terminal.process.returncode}\n{terminal.text}"
                self.done["app that was there to the end"] += 1

    def excuses(self) -> Excuses:
        return Excuses(
            lost=self.count(("supervisor",)) > 0,
            stopped=self.events["stop: run"] > 0,
            failed=self.count(("worker",)) > 0,
        )
