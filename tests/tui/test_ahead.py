"""A long run is read in processes of their own, and gives the same as reading it here."""

from __future__ import annotations

import asyncio
import sys

import pytest
from textual.pilot import Pilot

from gradtui.runs.folder import find_run
from gradtui.tui import ahead
from gradtui.tui.following import FollowedRun
from gradtui.tui.screens.run import RunScreen
from gradtui.tui.widgets.loss_chart import LossChart
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until


def read_here(run: FollowedRun) -> FollowedRun:
    while run.advance():
        pass
    return run


def test_a_long_run_read_ahead_is_the_same_run(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=3000)
    monkeypatch.setattr(ahead, "LONG_BYTES", 1000)
    run = FollowedRun(folder)
    asyncio.run(ahead.read_ahead(run))
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
    monkeypatch.setattr(ahead, "LONG_BYTES", 1000)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(find_run("last"))
        await until(pilot, lambda: screen.status == "finished" and screen.runs[0].last_step in screen.runs[0].steps.values())
        charts = [*screen.query(LossChart)]
        await until(pilot, lambda: all(chart._picture and chart._picture.points[-1:] for chart in charts))
        assert all(chart._picture.points[-1][0] > 2900 for chart in charts if chart._picture)

    drive(scenario)


def test_what_cannot_be_read_ahead_is_read_here(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=300)
    monkeypatch.setattr(ahead, "LONG_BYTES", 1000)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = FollowedRun(folder)
    asyncio.run(ahead.read_ahead(run))
    assert set(run.steps.values()) == {0}
    assert set(read_here(run).steps.values()) == {300}
