"""Run folders as a training leaves them, made without one."""

from __future__ import annotations

import math
from dataclasses import replace

from gradtui.runs.folder import RunFolder, create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"


def made_up_run(*, status: str = "finished", steps: int = 20, **settings: object) -> RunFolder:
    """A run whose left loss falls and whose right loss swings, in the home of this test."""
    planned = {} if "script" in settings else {"epochs": steps}
    folder = create_run(RunSettings.parse({**planned, **settings}))
    state = replace(folder.read(), status=status)
    for side, name in enumerate(state.variants):
        state = with_variant(state, name, status=status, steps=steps)
        with open(folder.steps_csv(name), "w", encoding="ascii") as file:
            file.write(HEADER)
            for step in range(1, steps + 1):
                loss = 0.3 * math.cos(step) ** 2 if side else 0.3 * math.exp(-step / 10)
                measured = step % 50 == 1
                norms = ("0.5", "0.25", "1") if measured else ("", "", "")
                file.write(f"{step},{step},{loss!r},{norms[0]},0.0001512,{norms[1]},{norms[2]}\n")
    folder.write(state)
    return folder
