"""Hostile text on every screen: it is drawn escaped, and markup is drawn as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.state import with_variant
from gradtui.tui import own_processes
from gradtui.tui.app import GradtuiApp
from gradtui.tui.screens.compare_screen import CompareScreen
from gradtui.tui.screens.confirm_dialog import ConfirmDialog
from gradtui.tui.screens.download_dialog import DownloadDialog
from gradtui.tui.screens.export_dialog import ExportDialog
from gradtui.tui.screens.history_screen import HistoryScreen
from gradtui.tui.screens.leave_dialog import LeaveDialog
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.screens.sweep_screen import SweepScreen
from gradtui.tui.widgets.run_list import RunList
from gradtui.tui.widgets.setup_form import SetupForm
from tests.hostile_text import ESCAPED, EVIL, HOSTILE, MARKUP, leaks
from tests.made_up import made_up_run
from tests.tui.pilot import drive, until


class Recorder(LineFilter):
    """Keeps every line that is drawn, as the terminal gets it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        self.lines.append("".join(segment.text for segment in segments))
        return segments

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """All that the app draws in this test; at its end nothing may have leaked."""
    recorder = Recorder()
    filters: Callable[[GradtuiApp], Sequence[LineFilter]] = GradtuiApp.get_line_filters
    monkeypatch.setattr(GradtuiApp, "get_line_filters", lambda app: [*filters(app), recorder])
    yield recorder
    assert len(recorder.lines) > 20
    assert leaks(recorder.text) == []


def hostile_run(tmp_path: Path) -> RunFolder:
    """A failed run of a script, with hostile text wherever text from outside is kept."""
    folder = made_up_run(experiment="script", script="[red]train.py", directory=str(tmp_path), arguments="'\x1b]0;evil\x07[b]'")
    (tmp_path / "[red]train.py").write_bytes(f"x = 1  # {EVIL}\n".encode("utf-8", "surrogatepass"))
    state = replace(folder.read(), status="failed", note=EVIL, device=EVIL, device_name=EVIL, host=EVIL, versions={EVIL: EVIL})
    for name in state.variants:
        state = with_variant(state, name, **({"status": "failed", "reason": EVIL} if name.startswith("without") else {}))
        folder.notes(name).write_bytes(f"{EVIL}\n".encode("utf-8", "surrogatepass"))
        folder.log(name).write_bytes(f"{EVIL}\n".encode("utf-8", "surrogatepass"))
        names = [*HOSTILE.values(), "[red]lr[/red]"]
        rows = "".join(f"1,{text.replace(chr(13), '')},1.5\n" for text in names)
        folder.scalars_csv(name).write_bytes(f"step,name,value\n{rows}".encode("utf-8", "surrogatepass"))
    folder.steps_csv("without_zero_grad").write_text("step,epoch,loss,grad_norm,seconds\n")  # its chart says why there is none
    folder.write(state)
    return folder


@pytest.mark.slow
def test_a_run_in_all_views_and_quantities(drawn: Recorder, tmp_path: Path) -> None:
    folder = hostile_run(tmp_path)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(folder)
        await until(pilot, lambda: screen.status == "failed" and "final loss" in drawn.text)
        for key in ("f4",) * 4 + ("m",) * 24 + ("y", "right", "c", "c"):
            await pilot.press("pagedown", key)
        await pilot.pause()

    drive(scenario, size=(160, 50))
    for words in (ESCAPED, MARKUP.strip(), "[red]lr[/red], logged", "[red]train.py"):
        assert words in drawn.text


@pytest.mark.slow
def test_the_list_of_runs_and_what_opens_from_it(drawn: Recorder, tmp_path: Path) -> None:
    first, folder = hostile_run(tmp_path), hostile_run(tmp_path)
    for number, text in enumerate(HOSTILE.values()):
        (folder.path.parent / f"{number}{text}".replace("/", "").replace("\0", "").replace("\ud800", "")).mkdir()

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen))
        history = pilot.app.screen
        assert isinstance(history, HistoryScreen)
        runs = history.query_one(RunList)
        await until(pilot, lambda: len(runs.runs) == 16)
        for _ in range(15):  # each damaged one says what is wrong with it
            await pilot.press("down", "enter")
            if not isinstance(pilot.app.screen, HistoryScreen):
                break
        history._say(EVIL, bad=True)
        await pilot.pause()
        assert pilot.app.screen is history
        runs.choose(next(i for i, run in enumerate(runs.runs) if run.folder == first))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("escape")
        pilot.app.push_screen(CompareScreen(first, folder))
        await until(pilot, lambda: "[red]train.py" in drawn.text)
        await pilot.pause(0.2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HistoryScreen, "choose", lambda self, what: self._whole())
        drive(scenario, size=(160, 50))
    assert ESCAPED in drawn.text
    assert MARKUP.replace("/", "").strip() in drawn.text.replace("/", "")


@pytest.mark.slow
def test_the_form_devices_and_errors(drawn: Recorder, tmp_path: Path) -> None:
    folder = hostile_run(tmp_path)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        form = screen.query_one(SetupForm)
        form.know_devices({"cuda:0": f"a {MARKUP} GPU", "cpu": EVIL})
        screen.query_one("#row-device Select", Select).focus()
        await pilot.press("enter")
        await pilot.pause()
        assert "[red]r[/red]" in drawn.text
        await pilot.press("down", "enter")
        form.load(folder.read().settings)
        await pilot.pause()
        screen.query_one("#row-arguments Input", Input).value = EVIL
        screen.query_one("#row-script Input", Input).value = EVIL
        await pilot.pause()
        await pilot.press("f5")
        await pilot.pause()
        form.show_errors({"script": EVIL, "arguments": MARKUP})
        await pilot.pause()
        form.cannot_know_devices(EVIL)
        screen.notify(EVIL)
        screen.notify(MARKUP, severity="error")
        await until(pilot, lambda: MARKUP.strip() in drawn.text)

    drive(scenario, size=(160, 50), notifications=True)
    assert MARKUP.strip() in drawn.text  # the notification
    assert r"evil\x1b]52" in drawn.text.replace("\n", "")


def test_why_a_run_cannot_be_started(drawn: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: object) -> RunFolder:
        raise HomeError(f"GRADTUI_HOME: {EVIL}{MARKUP} cannot be used")

    monkeypatch.setattr(own_processes, "create_run", refuse)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f5")
        await until(pilot, lambda: "GRADTUI_HOME" in drawn.text)

    drive(scenario, notifications=True)


@pytest.mark.slow
def test_the_dialogs(drawn: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_run()
    monkeypatch.setattr(DownloadDialog, "_fetch", lambda self: None)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        dialog = ExportDialog(folder)
        pilot.app.push_screen(dialog)
        await pilot.pause()
        for text in (f"{tmp_path}/nowhere/{EVIL}/a.csv", f"{tmp_path}/{EVIL.replace('/', '')[:60]}.csv", MARKUP):
            dialog.query_one("#path", Input).value = text
            await pilot.press("enter")
            await pilot.pause(0.1)
        download = DownloadDialog(Path(EVIL))
        for screen_ in (LeaveDialog(EVIL), ConfirmDialog("Delete", f"{EVIL}{MARKUP}", "Delete"), download):
            pilot.app.push_screen(screen_)
            await pilot.pause()
        download._failed(EVIL)
        await pilot.pause()

    drive(scenario, size=(160, 50))
    assert MARKUP.strip() in drawn.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["id", "status"])
def test_a_sweep(name: str, drawn: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    started = "gradtui.tui.screens.sweep_screen.start_sweeper"

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        settings = screen.query_one(SetupForm).settings
        assert settings is not None
        sweeps = SweepScreen(settings)
        pilot.app.push_screen(sweeps)
        await pilot.pause()
        sweeps.query_one("#optimizers", Input).value = EVIL
        await pilot.press("f5")
        await pilot.pause()
        sweeps.query_one("#optimizers", Input).value = "SGD"
        await pilot.press("f5")
        await until(pilot, lambda: sweeps._folder is not None)
        assert sweeps._folder is not None
        path = sweeps._folder.path / "sweep.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), name: EVIL}))
        sweeps._tick()
        row = f"optimizer,lr,seed,run,status,left,right\nSGD,0.1,42,{EVIL},finished,0.1,0.2\n"
        sweeps._folder.csv.write_bytes(row.encode("utf-8", "surrogatepass"))
        sweeps._say(EVIL)
        await pilot.pause()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(started, lambda folder: None)
        drive(scenario, size=(160, 50))


def test_a_widget_that_lets_it_through_draws_none_of_it_and_moves_nothing(drawn: Recorder) -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        careless = screen.query_one("#too-small", Static)
        careless.display = True
        for text in HOSTILE.values():
            careless.update(f"before{text}after")
            await pilot.pause()
            strips = pilot.app.screen._compositor.render_strips()
            assert {cell_len(strip.text) for strip in strips} == {120}
            assert not leaks("".join(strip.text for strip in strips))

    drive(scenario)


def test_what_the_search_for_devices_says(drawn: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(begun: object = None) -> dict[str, str]:
        raise launch.DeviceSearchFailed(f"torch cannot be used here: {EVIL}")

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        monkeypatch.setattr(launch, "find_devices", fail)
        screen.query_one(SetupForm)._devices = None
        screen._get_ready()
        await until(pilot, lambda: "torch cannot be used" in drawn.text)

    drive(scenario)
