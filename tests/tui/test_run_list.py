"""The list of saved runs: its cursor, what is visible, what is redrawn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from gradtui.runs.folder import RunFolder
from gradtui.runs.history import Summary
from gradtui.tui.theme import DARK
from gradtui.tui.widgets.run_list import RunList

WORDS = "not JSON, and so damaged that nothing of it can be read, but what is wrong is said at length"


def runs(count: int) -> list[Summary]:
    """Damaged runs: the list needs only their names."""
    return [Summary(RunFolder(Path(f"run-{number:03}")), None, WORDS) for number in range(count)]


class ListApp(App[None]):
    CSS = "RunList { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield RunList(id="runs")

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name


def drive(scenario: Callable[[Pilot[None], RunList], Awaitable[None]], *, width: int = 60, height: int = 11) -> None:
    async def run() -> None:
        app = ListApp()
        async with app.run_test(size=(width, height)) as pilot:
            await scenario(pilot, app.query_one(RunList))

    asyncio.run(run())


def in_sight(shown: RunList) -> list[str]:
    """The names of the visible runs."""
    lines = [shown.render_line(y).text.split() for y in range(1, shown.size.height)]
    return [line[0] for line in lines if line]


def chosen(shown: RunList) -> str:
    assert shown.chosen is not None
    return shown.chosen.folder.id


def test_the_cursor_stays_in_sight() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        shown.show(runs(100))
        await pilot.pause()
        assert in_sight(shown) == [f"run-{number:03}" for number in range(shown.page)]
        for lines, expected in (
            (1, 1),
            (-5, 0),
            (shown.page - 1, shown.page - 1),
            (1, shown.page),
            (500, 99),
            (-1, 98),
            (-98, 0),
        ):
            shown.move(lines)
            await pilot.pause()
            assert chosen(shown) == f"run-{expected:03}" in in_sight(shown)
        shown.move(500)
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert chosen(shown) in in_sight(shown)
        assert shown.render_line(0).text.split()[0] == "run"

    drive(scenario)


def test_fewer_runs_leave_the_cursor_on_the_last() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        shown.show(runs(100))
        await pilot.pause()
        shown.move(60)
        shown.show(runs(5))
        await pilot.pause()
        assert chosen(shown) == "run-004"
        assert in_sight(shown) == [f"run-{number:03}" for number in range(5)]
        shown.show(())
        await pilot.pause()
        assert shown.chosen is None
        shown.move(1)
        assert in_sight(shown) == []

    drive(scenario)


def test_the_cursor_stays_on_its_run_when_others_come_above() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        many = runs(100)
        shown.show(many[40:])
        await pilot.pause()
        shown.move(2)
        for among in (many, many[41:], many[:43]):
            shown.show(among)
            await pilot.pause()
            assert chosen(shown) == "run-042"
            assert chosen(shown) in in_sight(shown)
        shown.show([*many[:42], *many[43:]])  # it was deleted: the one in its place
        assert chosen(shown) == "run-043"

    drive(scenario)


def test_a_click_chooses_a_run() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        shown.show(runs(100))
        await pilot.pause()
        shown.move(50)
        await pilot.pause()
        target = in_sight(shown)[2]
        await pilot.click(RunList, offset=(8, 3))
        assert chosen(shown) == target
        await pilot.click(RunList, offset=(8, 0))  # the head
        assert chosen(shown) == target

    drive(scenario)


def test_what_is_wider_than_the_terminal_is_scrolled_to() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        shown.show(runs(3))
        await pilot.pause()
        shown.scroll_to(x=1000, animate=False, immediate=True)
        await pilot.pause()
        assert shown.render_line(1).text.rstrip().endswith("said at length")
        assert {len(shown.render_line(y).text) for y in range(shown.size.height)} == {shown.size.width}

    drive(scenario)


def test_only_the_lines_that_changed_are_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        many = runs(100)
        shown.show(many)
        await pilot.pause()
        lines: list[int] = []
        monkeypatch.setattr(shown, "refresh", lambda *regions, **_: lines.extend(region.y for region in regions))
        shown.show(list(many))
        assert lines == []
        changed = [replace(run, problem="another") if place in (2, 90) else run for place, run in enumerate(many)]
        shown.show(changed)
        assert lines == [3]
        lines.clear()
        shown.show(changed, marked="run-001")
        assert lines == [*range(1, shown.page + 1)]

    drive(scenario)


def test_a_word_that_is_wide_on_screen_moves_no_column() -> None:
    async def scenario(pilot: Pilot[None], shown: RunList) -> None:
        one, other = Summary(RunFolder(Path("梯度" * 20)), None, "x"), Summary(RunFolder(Path("run")), None, "x")
        shown.show([one, other])
        await pilot.pause()
        strips = [shown.render_line(y) for y in (1, 2)]
        assert {strip.cell_length for strip in strips} == {shown.size.width}
        assert len({cell_len(strip.text.partition("damaged")[0]) for strip in strips}) == 1

    drive(scenario)
