"""Read a long run in separate processes, one per side, so that the app keeps responding to keys."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

from gradtui.runs.processes.spawn import command, environment
from gradtui.tui.handover import take_over
from gradtui.tui.library_internals import close_process
from gradtui.tui.run_follower import FollowedRun

LONG_BYTES = 1 << 22
"""Reading more than this of a side, about 80,000 steps, takes longer than starting a process."""


def long_sides(run: FollowedRun) -> list[str]:
    """The sides that are long enough to read in a separate process."""
    return [name for name in run.settings.variants if run.unread_bytes(name) > LONG_BYTES]


async def read_ahead(run: FollowedRun, sides: Sequence[str]) -> None:
    """Read these sides in separate processes; a side whose process fails stays unread. Raises OSError if none can start."""
    await asyncio.gather(*(_read_side(run, name) for name in sides))


async def _read_side(run: FollowedRun, variant: str) -> None:
    words = command("gradtui.tui.read_side", run.folder.path, variant)
    process = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environment())
    assert process.stdout is not None
    try:
        read = await take_over(process.stdout)
        await process.wait()
    except asyncio.IncompleteReadError:
        return
    finally:  # also if the app exits meanwhile
        close_process(process)
    if process.returncode == 0:
        run.take_side(variant, read)
