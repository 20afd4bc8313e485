"""Read what there is of a long run in processes of their own, one for each side, so that the app stays free for its keys."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress

from gradtui.runs.processes.spawn import command, environment
from gradtui.tui.handover import take_over
from gradtui.tui.run_follower import FollowedRun

LONG_BYTES = 1 << 22
"""So much of a side, about 80,000 steps, takes longer to read than a process to start."""


def long_sides(run: FollowedRun) -> list[str]:
    """The sides that are better read so."""
    return [name for name in run.settings.variants if run.unread_bytes(name) > LONG_BYTES]


async def read_ahead(run: FollowedRun, sides: Sequence[str]) -> None:
    """Read these sides; what such a process cannot do is left to do."""
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
    finally:  # also where the app is left meanwhile
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode == 0:
        run.take_side(variant, read)
