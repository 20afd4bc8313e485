"""The process that reads one side of a long run for the app: see prefetch.py. It imports only what it needs.

``gradtui.tui.read_side RUN_FOLDER VARIANT`` writes what it has read to standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.tui.handover import hand_over
from gradtui.tui.run_follower import FollowedRun


def main() -> None:
    folder, variant = sys.argv[1:]
    run = FollowedRun(RunFolder(Path(folder)))
    while run.advance([variant]):
        pass
    hand_over(run, sys.stdout.buffer)
