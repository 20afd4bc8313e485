import asyncio
import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widgets import Select, Static

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs
from gradtui.tui import keys
from gradtui.tui.screens import history_screen
from gradtui.tui.screens.compare_screen import CompareScreen
from gradtui.tui.screens.confirm_dialog import ConfirmDialog
from gradtui.tui.screens.export_dialog import ExportDialog
from gradtui.tui.screens.history_screen import HistoryScreen
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.chart_pair import ChartPair
from gradtui.tui.widgets.loss_chart import LossChart
from gradtui.tui.widgets.setup_form import SetupForm
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until


async def open_history(pilot: Pilot[int], rows: int) -> HistoryScreen:
    await pilot.press("f10")
    await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen) and len(pilot.app.screen._list.runs) == rows)
    assert isinstance(pilot.app.screen, HistoryScreen)
    return pilot.app.screen


def shown(history: HistoryScreen) -> list[str]:
    """The visible lines of the list, below its heading."""
    return [history._list.render_line(y).text.strip() for y in range(1, 1 + min(len(history._list.runs), history._list.page))]


@pytest.mark.slow
def test_runs_are_listed_newest_first_and_filtered_by_typing() -> None:
    made_up_run()
    made_up_run(status="failed", lr=0.25)
    damaged = made_up_run(optimizer="Adam")
    (damaged.path / "run.json").write_text("{")

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=3)
        rows = shown(history)
        assert "damaged" in rows[0]
        assert "not JSON" in rows[0]
        assert "failed" in rows[1]
        assert "lr 0.25" in rows[1]
        assert "finished" in rows[2]
        assert "0.0406" in rows[2], "the last loss of the left side"
        for key in "failed lr":
            await pilot.press("space" if key == " " else key)
        await until(pilot, lambda: len(history._list.runs) == 1)
        assert "lr 0.25" in shown(history)[0]
        await pilot.press("x")
        await until(pilot, lambda: len(history._list.runs) == 0)
        await pilot.press("enter", "f5", "f4", "f8", "f9")  # on no row at all
        assert pilot.app.screen is history
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)

    drive(scenario)


def test_all_runs_are_listed_before_all_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for lr in (0.25, 0.1, 0.1, 0.1):  # newest last
        made_up_run(lr=lr)
    monkeypatch.setattr(history_screen, "BATCH", 2)
    reading = asyncio.Event()

    async def wait(seconds: float) -> None:
        await reading.wait()

    monkeypatch.setattr(history_screen, "asyncio", SimpleNamespace(sleep=wait))

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=4)
        assert "4 saved runs" in str(history.query_one("#title", Static).render())
        assert ["finished" in line for line in shown(history)] == [True, True, False, False]
        for key in "0.25":
            await pilot.press(key)
        await until(pilot, lambda: len(history._list.runs) == 0)
        reading.set()
        await until(pilot, lambda: ["lr 0.25" in line for line in shown(history)] == [True])
        assert "1 of 4 saved runs" in str(history.query_one("#title", Static).render())

    drive(scenario)


def test_a_run_that_was_not_read_yet_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_run(steps=300)
    made_up_run()
    monkeypatch.setattr(history_screen, "BATCH", 1)

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(history_screen, "asyncio", SimpleNamespace(sleep=never))

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=2)
        assert ["finished" in line for line in shown(history)] == [True, False]
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.status == "finished")
        assert set(screen.runs[0].steps.values()) == {300}

    drive(scenario)


def test_a_run_is_opened_with_all_its_rows() -> None:
    made_up_run(steps=3000)
    newest = made_up_run(lr=0.25)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await open_history(pilot, rows=2)
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.folder is not None and screen.status == "finished")
        assert screen.folder != newest
        assert len(screen.runs[0].curves["with_zero_grad"].seconds) == 3000
        await until(pilot, lambda: screen.folder and screen.folder.seen)

    drive(scenario)


def test_its_settings_come_back_to_the_form() -> None:
    made_up_run(experiment="digits", optimizer="Adam", lr=0.003, seed=7)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await open_history(pilot, rows=1)
        await pilot.press("f5")
        await until(pilot, lambda: pilot.app.screen is screen)
        settings = screen.query_one(SetupForm).settings
        assert settings is not None
        assert (settings.experiment, settings.optimizer, settings.lr, settings.seed) == ("digits", "Adam", 0.003, 7)
        assert screen.query_one("#row-experiment Select", Select).value == "digits"
        assert screen.folder is None, "nothing is started"

    drive(scenario)


@pytest.mark.slow
def test_two_runs_are_compared_on_the_same_axes() -> None:
    made_up_run(steps=200)
    made_up_run(steps=20, lr=0.25)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=2)
        await pilot.press("f4")
        await until(pilot, lambda: shown(history)[0].startswith("A "))
        await pilot.press("f4")
        await until(pilot, lambda: not shown(history)[0].startswith("A "))
        await pilot.press("f4", "down", "f4")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        charts = [*pilot.app.screen.query(LossChart)]
        await until(pilot, lambda: all(chart._picture and chart._picture.points for chart in charts))
        pictures = [chart._picture for chart in charts]
        assert len({(p.axis, p.first, p.last) for p in pictures if p}) == 1
        assert [p.points[-1][0] for p in pictures if p] == [20, 20, 200, 200]
        await pilot.press("l", "right")
        assert all(pair.instruments.log and pair.instruments.cursor for pair in pilot.app.screen.query(ChartPair))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is history)

    drive(scenario)


def test_a_compare_screen_that_is_closed_while_it_draws_is_left_alone() -> None:
    one, other = made_up_run(), made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        compare = CompareScreen(one, other)
        await pilot.app.push_screen(compare)
        await compare.query_one("#lower").remove()  # as when it closes
        compare.redraw()
        await compare.draw_gently()

    drive(scenario)


def test_deleting_asks_and_removes_one_run_and_nothing_else(tmp_path: Path) -> None:
    kept = made_up_run()
    doomed = made_up_run()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=2)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("enter")  # the safe answer has the focus
        await until(pilot, lambda: pilot.app.screen is history)
        assert doomed.path.exists()
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("d")
        await until(pilot, lambda: len(history._list.runs) == 1)
        assert all_runs() == [kept]
        assert [path.name for path in kept.path.parent.iterdir()] == [kept.id]

    drive(scenario)


def test_a_run_is_exported_from_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_up_run(steps=7)
    made_up_run()
    monkeypatch.chdir(tmp_path)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await open_history(pilot, rows=2)
        await pilot.press("down", "f8")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("enter")
        outcome = pilot.app.screen.query_one("#outcome", Static)
        await until(pilot, lambda: "Wrote 14 rows" in str(outcome.render()))

    drive(scenario)
    with open(f"{run.id}.csv") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["run"], row["step"]) for row in rows] == [(run.id, str(step)) for step in range(1, 8)] * 2


def test_page_keys_move_by_a_page() -> None:
    for _ in range(60):
        made_up_run(steps=1)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        history = await open_history(pilot, rows=60)
        page = history._list.page
        await pilot.press("pagedown")
        assert history._list._cursor == page
        await pilot.press("down", "pageup")
        assert history._list._cursor == 1

    drive(scenario)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "said"), [("finished", "has ended: finished"), ("running", "has ended: lost")])
def test_a_run_that_ended_unseen_is_offered_and_opened_with_a_key(status: str, said: str) -> None:
    run: RunFolder = made_up_run(status=status)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await until(pilot, lambda: keys.OPEN_OFFERED.applies(screen))
        panel = screen.query_one("Panel")
        await until(pilot, lambda: said in str(panel.text))  # type: ignore[attr-defined]
        await pilot.press("o")
        await until(pilot, lambda: screen.folder == run and run.seen)

    drive(scenario)


def test_a_run_whose_end_was_seen_is_not_offered() -> None:
    made_up_run().mark_seen()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.pause(0.3)
        assert not keys.OPEN_OFFERED.applies(screen)

    drive(scenario)
