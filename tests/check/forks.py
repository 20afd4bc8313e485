"""Runs many scripts under ``gradtui check`` for the price of one ``import torch``.

``python -m tests.check.forks`` imports torch, and for each line of JSON on its standard input, ``[folder, words,
way]``, forks a child that runs ``check(words)`` in that folder, its standard output and error in the files ``out`` and
``err`` there. It answers each with a line that holds the child's exit code.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from gradtui.check.command import check
from gradtui.check.watch import light_watch, optimizer_watch
from gradtui.script import program

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """How a script under check ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON of its last line."""
        report: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return report


class Forks:
    """The process that forks; to be used in a ``with``."""

    def __enter__(self) -> Forks:
        words = [sys.executable, "-m", "tests.check.forks"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def check(self, source: str, *options: str, arguments: Sequence[str] = (), way: str = "") -> Run:
        """Run this source as ``script.py`` under ``gradtui check --json``."""
        return self.run(["--json", *options, "script.py", *arguments], {"script.py": source}, way)

    def run(self, words: Sequence[str], files: Mapping[str, str], way: str = "") -> Run:
        """``gradtui check`` with these words, in a folder that holds these files. ``way``: of watching."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, text in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, encoding="utf-8")
            self._process.stdin.write(json.dumps([name, list(words), way]) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            out, err = ((folder / printed).read_text(encoding="utf-8").replace(name, "HERE") for printed in ("out", "err"))
            return Run(code, out, err)


def _watch_only(way: str) -> None:
    """Make it the only way of watching, whatever a step takes: closely; lightly, but never sampling; or sampling.

    With ``python`` the words are a script and its arguments, and nobody watches.
    """
    if way == "closely":
        optimizer_watch.CLOSE_STEPS = sys.maxsize
    elif way == "lightly":
        light_watch.SHARE = math.inf
    elif way == "sampling":
        light_watch.SHARE = 0.0


def _child(folder: str, words: list[str], way: str) -> None:
    _watch_only(way)
    signal.alarm(LIMIT_SECONDS)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
    code = 70
    try:
        code = check(words) if way != "python" else _unwatched(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _unwatched(words: list[str]) -> int:
    code = program.run(program.Program(words[0], arguments=words[1:])).code
    program.wind_up()
    return code


def _warm_up(model: torch.nn.Module) -> None:
    """Torch imports more of itself with the first optimizer; once here, not in every child."""
    optimizer = torch.optim.SGD(model.parameters())
    optimizer.zero_grad()
    optimizer.step()


def main() -> None:
    torch.set_num_threads(1)
    _warm_up(torch.nn.Linear(1, 1))
    for line in sys.stdin:
        folder, words, way = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(folder, words, way)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
