"""Run the real loop in this process: a journal whose turn never ends."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from gradtui.runs.folder import RunFolder
from gradtui.settings import RunSettings
from gradtui.training.journal import Memory
from gradtui.training.loop import train
from gradtui.training.preparation import Training, prepare
from gradtui.training.seed_journal import journal_for


class EndlessTurn:
    def wait(self, step: int, memory: Memory) -> tuple[float, int]:
        return time.perf_counter() + 1e9, 10**9


@dataclass(frozen=True)
class FewSteps:
    """Turns of so many steps."""

    steps: int

    def wait(self, step: int, memory: Memory) -> tuple[float, int]:
        return time.perf_counter() + 1e9, self.steps


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path) as file:
        return list(csv.DictReader(file))


def losses_of(path: Path) -> list[float]:
    return [float(row["loss"]) for row in rows_of(path)]


def run_loop(folder: Path, side: int = 0, device: str = "cpu", **given: object) -> Training:
    """Train one side to the end; its rows are then in ``folder/side.csv``."""
    folder.mkdir(exist_ok=True)
    where = torch.device(device)
    training = prepare(RunSettings.parse(given), side, where)
    with journal_for(training.settings, RunFolder(folder), "side", where, EndlessTurn()) as journal:
        train(training, journal)
    return training
