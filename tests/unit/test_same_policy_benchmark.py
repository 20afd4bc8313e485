"""The benchmark of runs with equal sides finds a claim that is false, whichever side it names."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtui.runs.results.reader import read_results
from tests.benchmarks.same_policy import exact_interval, false_claims, with_sides_exchanged
from tests.made_up import made_up_run
from tests.unit.test_time_verdict import blocks_of, timing_file

LOWER, SHORTER = "the final loss is lower with", "training time is shorter with"


@pytest.mark.parametrize(("times", "false"), [((1.0, 1.25), 2), ((1.25, 1.0), 2), ((1.0, 1.0), 1)])
def test_a_claim_is_false_whichever_side_it_names(times: tuple[float, float], false: int) -> None:
    """The made-up run's left loss is the lower one; its sides are given one policy, so that any difference is false."""
    folder = made_up_run(right="every_step", steps=200)
    for name in folder.read().variants:
        timing_file(folder.timing_csv(name), blocks_of(*[times] * 20))
    found = [claim.claim for claim in false_claims(folder) if claim.claim in (LOWER, SHORTER)]
    assert (len(found), LOWER in found) == (false, True)


def test_exchanged_sides_are_those_of_the_run(tmp_path: Path) -> None:
    folder = made_up_run(right="every_step")
    for name in folder.read().variants:
        timing_file(folder.timing_csv(name), blocks_of(*[(1.25, 1.0)] * 20))
    there, back = tmp_path / "there" / folder.id, tmp_path / "back" / folder.id
    exchanged = with_sides_exchanged(folder, there)
    left, right = read_results(folder).variants.values()
    assert [*read_results(exchanged).variants.values()] == [right, left]
    assert read_results(with_sides_exchanged(exchanged, back)).as_json() == read_results(folder).as_json()


@pytest.mark.parametrize(("count", "of"), [(5, 200), (1, 18), (9, 10), (199, 200)])
def test_the_interval_of_a_rate_ends_where_the_count_gets_too_unlikely(count: int, of: int) -> None:
    def at_most(rate: float, most: int) -> float:
        return math.fsum(math.comb(of, i) * rate**i * (1 - rate) ** (of - i) for i in range(most + 1))

    low, high = exact_interval(count, of)
    assert (1 - at_most(low, count - 1), at_most(high, count)) == pytest.approx((0.025, 0.025))


def test_the_interval_of_none_and_of_all() -> None:
    assert exact_interval(0, 200) == pytest.approx((0.0, 1 - 0.025 ** (1 / 200)))
    assert exact_interval(10, 10) == pytest.approx((0.025 ** (1 / 10), 1.0))
