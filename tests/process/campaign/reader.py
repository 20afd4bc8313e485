"""A process that reads a run as the app does, to its end: ``tests.process.campaign.reader followed|plain RUN_FOLDER``.

Its last line says, as JSON, the status and how many rows of each side it has read, and a digest of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from array import array
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import RunReader
from gradtui.tui.run_follower import FollowedRun

POLL_SECONDS = 0.05


def digest(losses: array[float]) -> str:
    return hashlib.sha256(losses.tobytes()).hexdigest()


def follow(folder: RunFolder) -> dict[str, object]:
    run = FollowedRun(folder)
    while True:
        live = run.observe().live or run.orphans_may_write
        while run.advance():
            pass
        if not live:
            break
        time.sleep(POLL_SECONDS)
    return {"status": run.state.status, "sides": {name: [count, None] for name, count in run.steps.items()}}


def read(folder: RunFolder) -> dict[str, object]:
    run = RunReader(folder)
    losses = {name: array("d") for name in run.evidence}
    while True:
        live = run.refresh_state().live or run.orphans_may_write
        while any(new := run.advance()):
            for name, rows in new[0].items():
                losses[name].extend(rows.values["loss"])
        if not live:
            break
        time.sleep(POLL_SECONDS)
    return {"status": run.state.status, "sides": {name: [len(rows), digest(rows)] for name, rows in losses.items()}}


def main() -> None:
    kind, path = sys.argv[1:]
    print(json.dumps({"followed": follow, "plain": read}[kind](RunFolder(Path(path)))), flush=True)


if __name__ == "__main__":
    main()
