"""A long run is read in processes of their own, and gives the same as reading it here."""

from __future__ import annotations

import asyncio
import sys

import pytest

from gradtui.tui import ahead
from gradtui.tui.following import FollowedRun
from tests.made_up import made_up_run


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


def test_what_cannot_be_read_ahead_is_read_here(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run(steps=300)
    monkeypatch.setattr(ahead, "LONG_BYTES", 1000)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = FollowedRun(folder)
    asyncio.run(ahead.read_ahead(run))
    assert set(run.steps.values()) == {0}
    assert set(read_here(run).steps.values()) == {300}
