"""The time of a step: its median and its 95th percentile, from times of which few, or all, differ."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest

from gradtui.runs.results.evidence import Evidence
from gradtui.runs.results.times import MOST_TIMES, Clock, StepTimes, in_ticks
from gradtui.runs.tail import Chunk


def evidence_of(seconds: list[float], most_times: int = MOST_TIMES) -> Evidence:
    evidence = Evidence(step_times=StepTimes(most=most_times))
    for start in range(0, len(seconds), 100):
        part = seconds[start : start + 100]
        nothing = [float("nan")] * len(part)
        columns = {"step": range(start + 1, start + 1 + len(part)), "loss": [0.5] * len(part), "seconds": part}
        evidence.add_steps(Chunk((*columns,), {**columns, "grad_norm": nothing, "fresh_grad_norm": nothing}))
    return evidence


@pytest.mark.parametrize("count", [1, 2, 3, 20, 999, 1000])
def test_times_as_workers_write_them_are_exact(count: int) -> None:
    draw = random.Random(count)
    seconds = [draw.randrange(1000, 2000) / 1e7 for _ in range(count)]
    median, p95 = evidence_of(seconds).step_ms(0.5, 0.95)
    assert median == pytest.approx(1000 * statistics.median(seconds), rel=1e-12)
    assert p95 == pytest.approx(1000 * sorted(seconds)[-(-95 * count // 100) - 1], rel=1e-12)


def test_no_steps_have_no_times() -> None:
    assert Evidence().step_ms(0.5, 0.95) == [None, None]


def test_times_that_all_differ_take_no_room() -> None:
    draw = random.Random(1)
    seconds = [1e-4 + draw.random() * 1e-6 for _ in range(2000)]
    evidence = evidence_of(seconds, most_times=50)
    assert len(evidence.step_times.ticks) + len(evidence.step_times.others) < 150
    assert evidence.step_ms(0.5) == [pytest.approx(1000 * statistics.median(seconds), abs=1e-4)]


def test_as_many_times_as_there_are_keep_their_place() -> None:
    """Where they differ by more, rounding saves nothing, and is not tried again for each new one."""
    seconds = [n / 1e7 for n in range(1, 2001)]
    assert evidence_of(seconds, most_times=50).step_ms(0.5) == [pytest.approx(0.10005)]


@pytest.mark.parametrize("pieces", [1, 7, 255, 256, 5000])
@pytest.mark.parametrize("decimals", [7, 17])
def test_what_is_said_of_times_does_not_depend_on_the_pieces_in_which_they_come(pieces: int, decimals: int) -> None:
    draw = random.Random(pieces)
    seconds = [round(draw.random() / 1000, decimals) for _ in range(2000)] + [0.1 + 1e-12] + [1e-4] * 500
    times, clock, plain = StepTimes(most=3000), Clock(), StepTimes(most=3000)
    for start in range(0, len(seconds), pieces):
        times.add(in_ticks(seconds[start : start + pieces]))
        clock.extend(in_ticks(seconds[start : start + pieces]))
    plain.add(seconds)
    assert times.seconds == plain.seconds == pytest.approx(math.fsum(seconds), rel=1e-15)
    assert times.in_milliseconds(0.5, 0.95) == plain.in_milliseconds(0.5, 0.95)
    whole = Clock()
    whole.extend(seconds)
    assert whole == clock
    ends = [clock.at(step) for step in range(len(seconds) + 2)]
    assert ends == [whole.at(step) for step in range(len(seconds) + 2)] == sorted(ends)
    assert ends == pytest.approx([0, *itertools.accumulate(seconds), sum(seconds)], rel=1e-12)
