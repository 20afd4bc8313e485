"""``gradtui compare`` and ``gradtui check`` of a script with the workers of a DataLoader and a child of its own."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from gradtui.runs.saved_runs import all_runs
from tests.process.campaign.case import LONGEST_WAIT, Case, runs_that_can_be_asked
from tests.process.campaign.checking import Excuses, check_run
from tests.process.campaign.processes import SCRIPTS_CHILD, find_processes

STEPS = 480

SCRIPT = """
import subprocess, sys, time
import torch
from torch.utils.data import DataLoader, TensorDataset

def main():
    torch.set_num_threads(1)
    child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, start_new_session={own_session})
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = TensorDataset(torch.randn(64, 8), torch.randn(64, 1))
    loader = DataLoader(data, batch_size=8, num_workers=2, persistent_workers=True, multiprocessing_context={context!r})
    try:
        for epoch in range(60):
            for inputs, targets in loader:
                {clear}
                torch.nn.functional.mse_loss(model(inputs), targets).backward()
                optimizer.step()
                time.sleep(0.004)
    finally:
        child.kill()
        child.wait()

if __name__ == "__main__":
    main()
"""
CLEAR, FORGET = "optimizer.zero_grad()", "pass"
STAYS = "import time; time.sleep(3600)"
ENDS_WITH_THE_SCRIPT = "import sys; sys.stdin.read()"


class ScriptCase(Case):
    """A script of a kind that ``chance`` chooses."""

    def __init__(self, home: Path, chance: random.Random) -> None:
        super().__init__(home, chance)
        self.context = chance.choice(("fork", "spawn"))
        self.script = home.parent / f"{home.name}-train.py"

    def write_script(self, child: str, clear: str) -> None:
        own_session = self.chance.random() < 0.5
        text = SCRIPT.format(child=child, own_session=own_session, context=self.context, clear=clear)
        self.script.write_text(text, encoding="utf-8")
        self.tell(f"a DataLoader that uses {self.context}; a child{' in a session of its own' if own_session else ''}")

    def end_what_nobody_is_left_to_end(self) -> None:
        """The script's own processes, where those were killed that would end them."""
        deadline = time.monotonic() + 10
        while left := find_processes(self.home):
            if time.monotonic() > deadline and all(process.kind == SCRIPTS_CHILD for process in left):
                self.done["script's child that nobody was left to end"] += len(left)
                self.tell(f"nobody is left to end {', '.join(map(str, left))}")
                self.clear_away()
                return
            self.rest(0.1)


class CompareCase(ScriptCase):
    PROCESSES = ("compare", "supervisor", "worker", SCRIPTS_CHILD)

    def carry_out(self) -> None:
        self.write_script(STAYS, self.chance.choice((CLEAR, FORGET)))
        self.done[f"compare with {self.context}"] += 1
        command = self.start_command("compare", str(self.script))
        self.rest_until_there(SCRIPTS_CHILD)
        for _ in range(self.chance.randint(4, 8)):
            self.rest(self.chance.uniform(0, 1.5))
            if self.over:
                break
            runs = runs_that_can_be_asked()
            if runs and self.chance.random() < 0.2:
                self.ask(runs[0])
            else:
                self.disturb(self.PROCESSES, interruptible=("compare", "supervisor", "worker"), kill=0.35)
        self.resume_runs()
        if self.nobody_may_be_left():
            self.end_what_nobody_is_left_to_end()
        self.wait_for_end()
        self.check_home()
        for run in all_runs():
            state = check_run(run, self.excuses(), steps=STEPS)
            self.done[state.status] += 1
            assert state.status == "finished" or not self.gentle
            if not self.count(("compare",)):
                assert command.returncode == (state.status in ("failed", "lost")), command.returncode

    def excuses(self) -> Excuses:
        return Excuses(
            lost=self.count(("supervisor", "compare")) > 0,
            stopped=self.events["stop: run"] + self.count(("compare", "supervisor")) > 0,
            failed=self.count(("worker", SCRIPTS_CHILD)) > 0,
        )

    def nobody_may_be_left(self) -> bool:
        """Whether both were killed: a side, which ends what its script has started, and the supervisor, which does so too."""
        side = self.count(("worker",), signal.SIGKILL, signal.SIGTERM)
        return side > 0 and self.count(("supervisor",), signal.SIGKILL) > 0


class CheckCase(ScriptCase):
    """A check that was cut short is never green."""

    def carry_out(self) -> None:
        clear = self.chance.choice((CLEAR, FORGET))
        self.write_script(ENDS_WITH_THE_SCRIPT, clear)
        self.done[f"check with {self.context}"] += 1
        said = self.home.with_suffix(".stdout")
        with open(said, "wb") as out:
            check = self.start_command("check", str(self.script), stdout=out.fileno())
        self.rest_until_there(SCRIPTS_CHILD)
        for _ in range(self.chance.randint(1, 4)):
            self.rest(self.chance.uniform(0, 2))
            if self.over:
                break
            self.disturb(("check", SCRIPTS_CHILD), interruptible=("check",), kill=0.4)
        self.wake_all()
        check.wait(timeout=LONGEST_WAIT)
        text, code = said.read_text(), check.returncode
        self.tell(f"exit code {code}: {text.strip().partition(chr(10))[0]}")
        self.done[f"check ended with {code}"] += 1
        if code < 0:  # as under python, whose DataLoader leaves workers when it is killed
            self.end_what_nobody_is_left_to_end()
        self.wait_for_end()
        self.check_home()
        if code == 0:
            assert clear == CLEAR, f"green, and it forgets to clear:\n{text}"
            assert f"clean  ({STEPS} optimizer steps)" in text, f"green after what was no whole run:\n{text}"
        if not self.signals:
            assert code == (clear == FORGET), text
