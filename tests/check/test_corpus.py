"""Every script of the corpus: as it stands it is clean, and with its clearing removed it is stale."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check.broken import broken, broken_after, clears, expected, names, source
from tests.check.forks import Forks

ORDINARY = set(names()[::3]) - {"compiled"}
"""What runs with every test command; the others are slow, as all of them together are."""
RIGHT = [pytest.param(name, marks=() if name in ORDINARY else pytest.mark.slow) for name in names()]
BROKEN = [param for param in RIGHT if clears(source(str(param.values[0])))]
LATE = [name for name in names() if clears(source(name)) and "within a step" not in source(name)]
LONG = 150
CLEARINGS = 57
"""Enough steps, and enough of them cleared, for all ways of watching: closely, lightly, by samples, and back."""


def test_the_corpus_is_large_enough() -> None:
    assert len([name for name in names() if clears(source(name))]) >= 25


@pytest.mark.parametrize("name", RIGHT)
def test_right_script_is_clean(forks: Forks, name: str) -> None:
    run = forks.check(source(name))
    _assert_clean(run.report)
    assert (run.code, run.err) == (0, "")


@pytest.mark.parametrize("name", BROKEN)
def test_script_that_clears_nothing_is_stale(forks: Forks, name: str) -> None:
    run = forks.check(broken(source(name)))
    assert run.code == 1
    assert run.report["verdict"] == "stale gradients"
    if "within a step" in source(name):
        assert run.report["optimizers"][0]["first_stale_step"] == 1
    else:
        _assert_stale(name, run.report, first=expected(source(name)).first)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["lightly", "sampling"])
@pytest.mark.parametrize("name", names())
def test_right_script_is_clean_over_many_steps(forks: Forks, name: str, way: str) -> None:
    run = forks.check(source(name, steps=LONG), way=way)
    _assert_clean(run.report)
    assert (run.code, run.err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", LATE)
def test_script_that_stops_clearing_is_stale_from_there(forks: Forks, name: str) -> None:
    text = broken_after(source(name, steps=LONG), CLEARINGS)
    closely, *others = (forks.check(text, way=way) for way in ("closely", "lightly", "sampling"))
    assert closely.code == 1
    _assert_stale(name, closely.report, first=None)
    for other in others:
        assert other.code == 1
        assert _counts(other.report) == _counts(closely.report)


def _assert_clean(report: dict[str, Any]) -> None:
    assert report["findings"] == []
    assert report["verdict"] == "clean"
    for optimizer in report["optimizers"]:
        assert (optimizer["verdict"], optimizer["stale_steps"]) == ("clean", 0)


def _assert_stale(name: str, report: dict[str, Any], first: int | None) -> None:
    """Those optimizers that the script names, from that step (None: from any) to the last; the others are clean."""
    stale = expected(source(name))
    assert report["verdict"] == "stale gradients"
    diverges = {"loss not finite"} if first is None else set()
    assert {finding["kind"] for finding in report["findings"]} <= {"stale gradients"} | diverges
    for place, optimizer in enumerate(report["optimizers"]):
        if stale.optimizer not in (None, place):
            assert optimizer["verdict"] == "clean"
            assert optimizer["stale_steps"] == 0
            continue
        if first is None and place + 1 < len(report["optimizers"]) and optimizer["verdict"] == "clean":
            continue  # done before the clearing stopped
        assert optimizer["verdict"] == "stale gradients"
        inherits = place > 0 and optimizer["first_stale_step"] == 1  # from the optimizer that had these parameters before
        assert inherits or optimizer["first_stale_step"] == (first or optimizer["first_stale_step"]) >= 2
        assert optimizer["stale_steps"] == optimizer["steps"] - optimizer["first_stale_step"] + 1
    if stale.group is not None:
        assert f" parameters: group {stale.group})" in report["findings"][0]["message"]


def _counts(report: dict[str, Any]) -> list[tuple[object, ...]]:
    """The numbers of backward() calls per step, without how many steps had each: an estimate where a loop is only sampled.

    A 0 is left out: an optimizer that is made between backward() and step() may see its first step either way.
    """
    keys = ("steps", "stale_steps", "first_stale_step", "stale_parameters")
    numbers = [(*(each[key] for key in keys), sorted({*each["backwards_per_step"]} - {"0"})) for each in report["optimizers"]]
    return [(report["verdict"],), *numbers]
