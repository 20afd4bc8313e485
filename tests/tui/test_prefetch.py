"""A long run is read in separate processes, with the same result as reading it in the app."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest
from textual.pilot import Pilot

from gradtui.runs.results.wording import number
from gradtui.runs.saved_runs import find_run
from gradtui.tui import prefetch
from gradtui.tui.instruments import QUANTITIES
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens import chart_screen
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.loss_chart import LossChart
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import text_of


def read_here(run: FollowedRun) -> FollowedRun:
    while run.advance():
        pass
    return run


def test_a_long_run_read_ahead_is_the_same_run(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=3000)
    monkeypatch.setattr(prefetch, "LONG_BYTES", 1000)
    run = FollowedRun(folder)
    asyncio.run(prefetch.read_ahead(run, prefetch.long_sides(run)))
    assert set(run.steps.values()) == {3000}
    here = read_here(FollowedRun(folder))
    assert run.results() == here.results()
    for name, curves in here.curves.items():
        assert {quantity.name: [*series.ys] for quantity, series in run.curves[name].series.items()} == {
            quantity.name: [*series.ys] for quantity, series in curves.series.items()
        }
        assert run.curves[name].seconds == curves.seconds
    with open(folder.steps_csv("with_zero_grad"), "a") as file:
        file.write("3001,3001,0.5,,0.0001512,,\n")
    assert read_here(run).steps == {"with_zero_grad": 3001, "without_zero_grad": 3000}


def test_its_curves_are_drawn(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_run(steps=3000)
    monkeypatch.setattr(prefetch, "LONG_BYTES", 1000)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(find_run("last"))
        await until(pilot, lambda: screen.status == "finished" and screen.runs[0].last_step in screen.runs[0].steps.values())
        charts = [*screen.query(LossChart)]
        await until(pilot, lambda: all(chart._picture and chart._picture.points[-1:] for chart in charts))
        assert all(chart._picture.points[-1][0] > 2900 for chart in charts if chart._picture)

    drive(scenario)


def test_a_glance_stands_there_until_it_is_read(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_run(steps=3000)
    monkeypatch.setattr(prefetch, "LONG_BYTES", 1000)
    read = asyncio.Event()

    async def read_later(run: FollowedRun, sides: Sequence[str]) -> None:
        await read.wait()
        await prefetch.read_ahead(run, sides)

    monkeypatch.setattr(chart_screen, "read_ahead", read_later)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(find_run("last"))
        charts = [*screen.query(LossChart)]
        await until(pilot, lambda: all(chart._picture and chart._picture.points for chart in charts))
        assert "reading 3,000 steps" in text_of(screen, "#status")
        await until(pilot, lambda: "once all steps have been read" in text_of(screen, "Panel"))  # drawn after the charts
        assert all(chart._picture.latest == number(screen.runs[0].curves[name].series[QUANTITIES[0]].ys[-1])
                   for chart, name in zip(charts, screen.runs[0].curves, strict=True) if chart._picture)  # fmt: skip
        await pilot.press("y")
        await until(
            pilot, lambda: any("Not all steps have been read yet" in toast.message for toast in pilot.app._notifications)
        )
        await pilot.press("a", "a")  # over the training time: of some rows alone it is not known
        assert [chart._picture.points for chart in charts if chart._picture] == [[], []]
        read.set()
        await until(pilot, lambda: "final loss" in text_of(screen, "Panel"))
        await until(pilot, lambda: all(chart._picture and chart._picture.points for chart in charts))
        assert "reading" not in text_of(screen, "#status")
        assert {len(curves.seconds) for curves in screen.runs[0].curves.values()} == {3000}

    drive(scenario)


def test_what_cannot_be_read_ahead_is_read_here(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=300)
    monkeypatch.setattr(prefetch, "LONG_BYTES", 1000)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = FollowedRun(folder)
    run.glance(prefetch.long_sides(run))
    asyncio.run(prefetch.read_ahead(run, prefetch.long_sides(run)))
    assert set(run.steps.values()) == {0}
    assert set(read_here(run).steps.values()) == {300}
    assert {len(curves.series[QUANTITIES[0]]) for curves in run.curves.values()} == {300}
    assert not run.only_glanced
