"""Run folders as a training leaves them, made without one."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.times import TICKS
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from gradtui.training.packing import Packing

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


def long_run(steps: int, **settings: object) -> RunFolder:
    """A run of very many steps as workers leave it, its packed rows among them; 1.5 microseconds a row."""
    folder = create_run(RunSettings.parse({"epochs": steps, **settings}))
    state = replace(folder.read(), status="finished")
    for side, name in enumerate(state.variants):
        state = with_variant(state, name, status="finished", steps=steps)
        packing, measured_every = Packing(folder.packed(name)), max(40, steps // 200)
        with open(folder.steps_csv(name), "wb") as file:
            file.write(HEADER.encode())
            for start in range(0, steps, 1000):
                numbers = range(start, min(start + 1000, steps))
                losses = array("f", [0.3 * math.cos(i) ** 2 if side else 0.3 * math.exp(-i * 3 / steps) for i in numbers])
                ticks = [500 + i * 7919 % 997 for i in numbers]
                rows, measured = [], {}
                for place, (i, loss, tick) in enumerate(zip(numbers, losses, ticks, strict=True)):
                    if i % measured_every:
                        rows.append(f"{i + 1},{i + 1},{loss!r},,{tick / TICKS:.7f},,\n")
                    else:
                        measured[place] = 0.5, 0.25, 1.0
                        rows.append(f"{i + 1},{i + 1},{loss!r},0.5,{tick / TICKS:.7f},0.25,1\n")
                text = "".join(rows).encode()
                file.write(text)
                packing.add(losses, ticks, measured, text)
    folder.write(state)
    return folder
