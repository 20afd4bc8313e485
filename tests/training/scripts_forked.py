"""Runs many scripts, plainly or as one side of a comparison, for the price of one ``import torch``.

``python -m tests.training.scripts_forked`` reads lines of JSON, ``[source, side]``, and forks a child for each; side is
``plain``, ``with`` or ``without``. It answers each with a line: what :class:`Seen` holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor, nn

from gradtui.compare.applied import AppliedGradients, Clears, SeesClearing
from gradtui.compare.backward_losses import BackwardLosses
from gradtui.compare.script_journal import StepRecorder
from gradtui.compare.step_hooks import StepHooks
from gradtui.compare.void_zero_grad import make_zero_grad_void
from gradtui.training.gradients import norms

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 60


@dataclass
class Seen:
    """What a script did: a digest of the tensors that it ends with, its rows, and what is noted of it."""

    tensors: str = ""
    losses: list[float] = field(default_factory=list)
    optimizers: list[int] = field(default_factory=list)
    norms: list[dict[str, float] | None] = field(default_factory=list)
    uncleared: int = 0
    cleared_otherwise: bool = False
    error: str = ""


class CollectedRows(StepRecorder):
    """Rows in memory, and turns that never end."""

    def __init__(self, seen: Seen) -> None:
        self.recording = True
        self.losses: list[Tensor] = []  # read at the end, as a journal reads them at the end of a turn
        self._seen = seen

    def begin(self, device: torch.device) -> bool:
        return True

    def step(self, loss: Tensor, gradients: Tensor | None, optimizer: int) -> None:
        self.losses.append(loss)
        self._seen.optimizers.append(optimizer)
        self._seen.norms.append(norms(gradients.tolist()) if gradients is not None else None)


class ScriptForks:
    """The process that forks; to be used in a ``with``."""

    def __enter__(self) -> ScriptForks:
        words = [sys.executable, "-m", "tests.training.scripts_forked"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def run(self, source: str, side: str) -> Seen:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([source, side]) + "\n")
        self._process.stdin.flush()
        return Seen(**json.loads(self._process.stdout.readline()))


def _child(source: str, side: str, answer: int) -> None:
    signal.alarm(LIMIT_SECONDS)
    os.dup2(2, 1)
    seen = Seen()
    if side == "without":
        make_zero_grad_void()
    rows = CollectedRows(seen)
    losses = BackwardLosses(rows.begin)
    applied: AppliedGradients = Clears(losses) if side == "with" else SeesClearing(losses)
    if side != "plain":
        StepHooks(rows, losses, applied).watch()
    names: dict[str, object] = {"__name__": "__main__"}
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.py")  # as a file: torch.compile looks for the source
        path.write_text(source, encoding="utf-8")
        os.chdir(folder)
        try:
            exec(compile(source, str(path), "exec"), names)
        except Exception as error:  # noqa: BLE001 (it is told)
            seen.error = repr(error)
    seen.tensors = _digest(names)
    seen.losses = [loss.item() for loss in rows.losses]
    if isinstance(applied, Clears):
        seen.uncleared = applied.steps_left_uncleared
    if isinstance(applied, SeesClearing):
        seen.cleared_otherwise = applied.cleared_otherwise
    os.write(answer, json.dumps(asdict(seen)).encode() + b"\n")
    os._exit(0)


def _digest(names: dict[str, object]) -> str:
    digest = hashlib.sha256()
    for name in sorted(names):
        value = names[name]
        tensors = [*value.parameters(), *value.buffers()] if isinstance(value, nn.Module) else [value]
        for tensor in tensors:
            if isinstance(tensor, Tensor) and not tensor.is_sparse:
                digest.update(f"{name} {tensor.detach().double().flatten().tolist()}".encode())
    return digest.hexdigest()


def main() -> None:
    torch.set_num_threads(1)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters())  # torch imports more of itself with the first one
    optimizer.zero_grad()
    optimizer.step()
    answer = os.dup(1)
    for line in sys.stdin:
        source, side = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(source, side, answer)
        _, status = os.waitpid(pid, 0)
        if status:
            os.write(answer, json.dumps(asdict(Seen(error=f"ended with status {status}"))).encode() + b"\n")


if __name__ == "__main__":
    main()
