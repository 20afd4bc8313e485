"""What theory adds to the charts: a dashed curve behind the measured one, the limits of the sharpness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.theory import Theory
from gradtui.settings import RunSettings
from gradtui.tui.instruments import QUANTITIES, Instruments
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.loss_chart import LossChart
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import saved_run, text_of

WITH, WITHOUT = Theory(0.1, 0.3, True), Theory(0.1, 0.3, False)


def line_of(path: Path, keys: tuple[str, ...], *, size: tuple[int, int] = (120, 40)) -> list[tuple[str, LossChart]]:
    """Each chart with its text, after these keys."""
    seen: list[tuple[str, LossChart]] = []

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.set_focus(None)
        screen.open_run(RunFolder(path))
        await until(pilot, lambda: screen.status == "finished")
        await pilot.press(*keys)
        await pilot.pause()
        seen.extend((text_of(screen, f"#{side}"), screen.query_one(f"#{side}", LossChart)) for side in ("left", "right"))

    drive(scenario, size)
    return seen


def half_done(theory: Theory) -> list[float]:
    """The first half of the losses that theory says."""
    return [theory.loss(row) for row in range(1, 11)]


def dashes(chart: LossChart) -> str:
    return "".join(text for line in chart._lines for text, role in line if role == "dimmed").strip()


@pytest.mark.parametrize("keys", [("i",), *(pytest.param(("i", key), marks=pytest.mark.slow) for key in "alzs")], ids=str)
def test_theory_is_drawn_behind_the_measured_curve_and_leaves_it_as_it_is(keys: tuple[str, ...], home: Path) -> None:
    path = saved_run([*half_done(WITH), *[0.2] * 10], [*half_done(WITHOUT), *[0.2] * 10])
    without, beside = line_of(path, keys[1:]), line_of(path, keys)
    for (_, plain), (_, chart) in zip(without, beside, strict=True):
        assert "theory" not in str(plain.border_subtitle)
        assert "dashed: theory" in str(chart.border_subtitle)
        for old, new in zip(plain._lines, chart._lines, strict=True):
            before, after = ["".join(text for text, _ in line) for line in (old, new)]
            assert all(b in (a, " ") for a, b in zip(after, before, strict=False)), "only blank cells are drawn on"
    assert dashes(beside[1][1])


def test_theory_that_agrees_is_hidden_by_what_was_measured(home: Path) -> None:
    exact = [[theory.loss(row) for row in range(1, 21)] for theory in (WITH, WITHOUT)]
    (_, left), (_, right) = line_of(saved_run(exact[0][:11] + [0.0] * 9, exact[1]), ("i",))
    assert dashes(left) == ""
    assert {*dashes(right)} <= {"⠒", "⠉", "⠤", "⣀", " ", "⠋"}, "only the envelope, a level line, is seen"


@pytest.mark.slow
def test_the_key_switches_it_off_again_and_applies_only_where_there_is_theory(home: Path) -> None:
    (_, chart), _ = line_of(saved_run(half_done(WITH), half_done(WITHOUT)), ("i", "i"))
    assert str(chart.border_subtitle) == ""
    (_, chart), _ = line_of(made_up_run(experiment="regression").path, ("i",))
    assert str(chart.border_subtitle) == ""


def test_in_seconds_theory_goes_as_far_as_the_run_did(home: Path) -> None:
    (_, _), (_, chart) = line_of(saved_run([0.3] * 20, [0.3] * 10), ("i", "a", "a"))
    assert chart._picture is not None
    assert max(x for x, _ in chart._picture.theory) == pytest.approx(10 * 0.0001)


def with_sharpness(**settings: Any) -> Path:
    folder = made_up_run(sharpness=True, **settings)
    for name in folder.read().variants:
        rows = [f"{step},{step / 10!r},{step!r}.0,0.001,0.01\n" for step in range(1, 21)]
        folder.sharpness_csv(name).write_text("step,sharpness,lambda_max,residual,seconds\n" + "".join(rows))
    return folder.path


def test_sharpness_is_a_quantity_with_its_two_limits(home: Path) -> None:
    place = [quantity.name for quantity in QUANTITIES].index("lr × sharpness")
    (text, left), (_, right) = line_of(with_sharpness(), ("m",) * place)
    assert "lr × sharpness" in text
    assert left._picture is not None
    assert len(left._picture.points) == 20
    assert left._picture.levels == (2, 4)
    assert left._picture.axis.high >= 4, "both lines are on the axis"
    assert sum(any(role == "zero" for _, role in line) for line in left._lines) == 2
    assert str(left.border_subtitle) == "lines: 2 and 4; WITH is stable below 2"
    assert str(right.border_subtitle) == "lines: 2 and 4; WITHOUT is stable below 4"


@pytest.mark.slow
def test_with_another_optimizer_the_sharpness_has_no_limits(home: Path) -> None:
    place = [quantity.name for quantity in QUANTITIES].index("lr × sharpness")
    (_, chart), _ = line_of(with_sharpness(optimizer="Adam"), ("m",) * place)
    assert chart._picture is not None
    assert (chart._picture.levels, len(chart._picture.points)) == ((), 20)


def test_a_run_that_did_not_measure_it_has_no_such_quantity(home: Path) -> None:
    (text, _), _ = line_of(made_up_run().path, ("m",) * (len(QUANTITIES) - 1))
    assert "loss" in text
    assert "sharpness" not in text
    assert RunSettings.parse({}).sharpness is Instruments().theory is False
