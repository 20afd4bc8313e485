"""Carry out one case: ``python -m tests.process.campaign KIND SEED HOME [UNDISTURBED]``.

The same seed makes the same choices. UNDISTURBED is the home of the undisturbed sweep.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

from tests.process.campaign.case import Case
from tests.process.campaign.reader_case import ReaderCase
from tests.process.campaign.run_case import BriefCase, RunCase
from tests.process.campaign.script_cases import CheckCase, CompareCase
from tests.process.campaign.sweep_case import SweepCase, UndisturbedSweep

CASES: dict[str, Callable[[Path, random.Random], Case]] = {
    "run": RunCase,
    "brief": BriefCase,
    "compare": CompareCase,
    "check": CheckCase,
    "readers": ReaderCase,
    "undisturbed": UndisturbedSweep,
}


def main() -> None:
    kind, seed, home = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    home.mkdir(mode=0o700)
    os.environ["GRADTUI_HOME"] = str(home)
    chance = random.Random(seed)
    case = SweepCase(home, chance, Path(sys.argv[4])) if kind == "sweep" else CASES[kind](home, chance)
    try:
        case.carry_out()
    finally:
        case.report()
        case.clear_away()


if __name__ == "__main__":
    main()
