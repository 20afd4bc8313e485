"""The closed form of ``linear``, as pure numbers: against its own recurrence. tests/training compares it with real runs."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from gradtui.runs.results.theory import FLOAT32_FLOOR, Theory, stability_limits, theory_notes, theory_of
from gradtui.settings import RunSettings

LRS = [1e-6, 0.01, 1 / 12, 0.1, 1 / 6, 0.25, 0.33, 1 / 3, 0.34, 0.5]


def residuals(lr: float, rows: int, *, cleared: bool) -> list[Fraction]:
    """r_t / r0 from what a step does to it, without rounding."""
    rate = 12 * Fraction(lr)
    rs = [Fraction(1), 1 - rate]
    while len(rs) < rows:
        rs.append((1 - rate) * rs[-1] if cleared else (2 - rate) * rs[-1] - rs[-2])
    return rs[:rows]


@pytest.mark.parametrize("lr", LRS)
@pytest.mark.parametrize("cleared", [True, False])
def test_the_closed_form_solves_the_recurrence(lr: float, cleared: bool) -> None:
    theory, rs = Theory(lr, 3.0, cleared), residuals(lr, 60, cleared=cleared)
    for row, r in enumerate(rs, 1):
        size = max(1.0, float(abs(r)))
        assert math.sqrt(theory.loss(row) / 3.0) == pytest.approx(float(abs(r)), abs=1e-9 * size)


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.25, 0.33])
def test_the_loss_without_reaches_its_envelope_and_stays_below_it(lr: float) -> None:
    theory = Theory(lr, 3.0, False)
    assert theory.envelope is not None
    assert theory.envelope == pytest.approx(3.0 / (1 - 3 * lr))
    losses = [theory.loss(row) for row in range(1, 5000)]
    assert max(losses) <= theory.envelope * (1 + 1e-9)
    assert max(losses) == pytest.approx(theory.envelope, rel=1e-2)


def test_only_what_swings_within_bounds_has_an_envelope() -> None:
    assert Theory(0.1, 3.0, True).envelope is None
    assert Theory(0.4, 3.0, False).envelope is None


@pytest.mark.parametrize(
    ("lr", "cleared", "ends"),
    [
        (0.1, True, True),
        (0.01, True, True),
        (0.2, True, True),
        (0.4, False, True),
        (0.3, False, False),
        (1 / 6, True, False),
    ],
)
def test_the_curve_ends_where_float32_does(lr: float, cleared: bool, ends: bool) -> None:
    theory = Theory(lr, 3.0, cleared)
    last = theory.last_row(10_000)
    assert (last < 10_000) is ends
    if ends:
        assert FLOAT32_FLOOR <= theory.loss(last) <= 3.5e38
        assert not FLOAT32_FLOOR <= theory.loss(last + 1) <= 3.4028235e38


def test_a_loss_too_large_for_a_float_is_infinite() -> None:
    assert Theory(1e6, 3.0, True).loss(10**6) == Theory(1e6, 3.0, False).loss(10**6) == math.inf
    assert Theory(1e6, 3.0, True).points(1, 10**6, 100)


def test_a_short_curve_is_drawn_step_by_step() -> None:
    theory = Theory(0.1, 3.0, False)
    assert theory.points(1, 20, 80) == [(float(row), theory.loss(row)) for row in range(1, 21)]


def test_a_long_curve_has_two_points_a_column_and_loses_no_extreme() -> None:
    theory = Theory(0.01, 3.0, False)
    points = theory.points(1, 1_000_000, 100)
    assert len(points) <= 200
    assert [x for x, _ in points] == sorted({x for x, _ in points})
    assert all(theory.loss(int(x)) == y for x, y in points)
    for start in range(0, 200, 2):
        low, high = sorted(y for _, y in points[start : start + 2])
        assert low < 0.02 * theory.envelope < 0.98 * theory.envelope < high  # type: ignore[operator]  # it has one


def test_a_part_of_the_run_begins_where_it_is_asked_to() -> None:
    assert [x for x, _ in Theory(0.1, 3.0, False).points(101, 110, 50)] == [float(row) for row in range(101, 111)]
    assert Theory(0.1, 3.0, True).points(5000, 6000, 50) == [], "the loss has long been at its floor"


@pytest.mark.parametrize(
    "given",
    [
        {"experiment": "regression"},
        {"optimizer": "Adam"},
        {"momentum": 0.5},
        {"momentum": 0.5, "nesterov": True},
        {"weight_decay": 0.1},
        {"clip_norm": 1},
        {"precision": "bfloat16"},
        {"left": "accumulate"},
        {"left": "before_step"},
        {"left": "every_kth_step"},
        {"experiment": "script", "script": "train.py"},
    ],
)
def test_there_is_no_theory_where_it_would_not_be_exact(given: dict[str, object]) -> None:
    settings = RunSettings.parse(given)
    assert theory_of(settings, 0, 3.0) is None
    assert not theory_notes(RunSettings.parse({**given, **({"lr": 10} if "script" not in given else {})})) or "left" in given


@pytest.mark.parametrize("first", [None, 0.0, -1.0, math.nan, math.inf])
def test_the_curve_needs_a_first_loss(first: float | None) -> None:
    assert theory_of(RunSettings.parse({}), 0, first) is None


def test_each_side_has_the_curve_of_its_policy() -> None:
    settings = RunSettings.parse({"left": "momentum_one", "right": "every_step_to_zeros"})
    assert [theory_of(settings, side, 2.0) for side in (0, 1)] == [Theory(0.1, 2.0, False), Theory(0.1, 2.0, True)]


@pytest.mark.parametrize(
    ("given", "notes"),
    [
        ({"lr": 0.1}, []),
        ({"lr": 1 / 6}, []),
        ({"lr": 0.2}, ["lr 0.2 is above 1/6: WITH diverges"]),
        ({"lr": 0.4}, ["lr 0.4 is above 1/6: WITH diverges", "lr 0.4 is above 1/3: WITHOUT grows without bound"]),
        ({"lr": 0.4, "left": "never"}, [
            "lr 0.4 is above 1/3: WITHOUT grows without bound", "lr 0.4 is above 1/3: WITHOUT 2 grows without bound"]),
        ({"lr": 0.2, "left": "accumulate"}, []),
        ({"lr": 0.2, "left": "never", "right": "momentum_one"}, [
            "plain SGD that never clears is SGD with momentum 1 that does: the same losses on both sides, bit for bit"]),
    ],
)  # fmt: skip
def test_a_learning_rate_beyond_a_limit_is_named(given: dict[str, object], notes: list[str]) -> None:
    assert theory_notes(RunSettings.parse(given)) == notes


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({"experiment": "digits"}, (2, 4)),
        ({"experiment": "digits", "left": "never"}, (4,)),
        ({"experiment": "digits", "right": "before_step"}, (2,)),
        ({"experiment": "digits", "optimizer": "Adam"}, ()),
        ({"experiment": "digits", "momentum": 0.9}, ()),
        ({"experiment": "digits", "clip_norm": 1}, ()),
    ],
)
def test_stability_limits_are_those_of_plain_sgd(given: dict[str, object], limits: tuple[int, ...]) -> None:
    assert stability_limits(RunSettings.parse(given)) == limits
