import math
from pathlib import Path

import pytest
from textual.events import MouseScrollDown
from textual.pilot import Pilot

from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from gradtui.tui import keys
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.canvas import Curve
from gradtui.tui.widgets.loss_chart import LossChart
from gradtui.tui.widgets.panel import VIEWS, Panel
from gradtui.tui.widgets.status_line import StatusLine
from tests.tui.pilot import drive, until

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"


def saved_run(left: list[float], right: list[float], status: str = "finished") -> Path:
    folder = create_run(RunSettings.parse({"epochs": max(len(left), len(right), 1)}))
    state = folder.read()
    for name, losses in zip(state.variants, (left, right), strict=True):
        rows = [f"{i + 1},{i + 1},{loss!r},,0.0001,,\n" for i, loss in enumerate(losses)]
        folder.steps_csv(name).write_text(HEADER + "".join(rows))
        state = with_variant(state, name, status=status, steps=len(losses))
    folder.write(state.__class__(**{**vars(state), "status": status}))
    return folder.path


def text_of(screen: RunScreen, selector: str) -> str:
    widget = screen.query_one(selector)
    assert isinstance(widget, LossChart | Panel | StatusLine)
    lines = widget.text if isinstance(widget, Panel) else widget._lines
    return "\n".join("".join(text for text, _ in line) for line in lines)


def shows(left: list[float], right: list[float], *, log: bool = False) -> dict[str, str]:
    """What the charts and the table show of a saved run."""
    from gradtui.runs.folder import RunFolder

    path = saved_run(left, right)
    seen: dict[str, str] = {}

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(RunFolder(path))
        await until(pilot, lambda: screen.status == "finished")
        if log:
            await pilot.press("f3")
        await pilot.pause()
        seen.update({selector: text_of(screen, selector) for selector in ("#left", "#right", "Panel", "#status")})

    drive(scenario)
    return seen


AWKWARD = {
    "zeros": [0.0] * 30,
    "negative": [-1.0, -5.0, -2.5] * 10,
    "huge": [1e300, -1e300, 1.7e308] * 10,
    "tiny": [5e-324, 1e-310] * 15,
    "nan": [1.0, 2.0] + [math.nan] * 28,
    "infinite": [1.0, math.inf, -math.inf] * 10,
    "never finite": [math.nan] * 30,
    "one point": [0.5],
    "none": [],
    "all": [0.0, -1.0, 1e300, math.nan, math.inf, 5e-324] * 5,
}


@pytest.mark.slow
@pytest.mark.parametrize("log", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("name", AWKWARD)
def test_the_charts_survive_any_losses(name: str, log: bool) -> None:
    seen = shows(AWKWARD[name], [0.5, 0.25, 0.125], log=log)
    first = next((i + 1 for i, loss in enumerate(AWKWARD[name]) if not math.isfinite(loss)), None)
    assert (f"not finite from step {first}" in seen["#left"]) == (first is not None)
    assert ("×" in seen["#left"]) == (first is not None)
    assert "not finite from" not in seen["#right"]


def test_both_charts_have_the_same_axes() -> None:
    seen = shows([0.1, 0.2, 0.4], [10.0, 20.0, 30.0])

    def frame(chart: str) -> list[str]:
        return [line.split("┤")[0] for line in chart.splitlines() if "┤" in line]

    assert frame(seen["#left"]) == frame(seen["#right"])
    assert "50" in seen["#left"]


def test_a_curve_is_drawn_where_its_values_are() -> None:
    seen = shows([1.0] * 40, [0.0] * 40)
    rows = {
        side: [i for i, line in enumerate(seen[side].splitlines()) if any("⠁" <= c <= "⣿" for c in line)]
        for side in ("#left", "#right")
    }
    assert len(rows["#left"]) == len(rows["#right"]) == 1
    assert rows["#left"][0] < rows["#right"][0]


def test_a_run_from_form_to_table() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f5")
        await until(pilot, lambda: screen.status == "finished")
        await pilot.pause()
        assert "epoch 20/20" in text_of(screen, "#status")
        assert "WITH lower" in text_of(screen, "Panel")
        assert [key.word for key in keys.ON_RUN_SCREEN if not key.applies(screen)] == [
            "pause",
            "stop",
            "open",
            "difference",
            "next seed",
            "previous seed",
            "one step",
        ]

    drive(scenario)


def test_the_palette_has_every_command() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        titles = " ".join(command.help for command in pilot.app.get_system_commands(screen))
        for word in ("Start a run", "Logarithmic", "setup form", "Show the keys", "Quit"):
            assert word in titles

    drive(scenario)


def test_nothing_is_drawn_again_that_has_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtui.runs.folder import RunFolder

    path = saved_run([0.5] * 30, [0.25] * 30)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(RunFolder(path))
        await until(pilot, lambda: screen.status == "finished")
        await pilot.pause()
        drawings: list[object] = []
        drawn = Curve.drawn
        monkeypatch.setattr(Curve, "drawn", lambda self, dots: drawings.append(dots) or drawn(self, dots))  # type: ignore[func-returns-value]
        screen.redraw()
        await pilot.pause()
        assert drawings == []

    drive(scenario)


@pytest.mark.slow
def test_the_panel_scrolls_to_what_does_not_fit() -> None:
    from gradtui.runs.folder import RunFolder

    path = saved_run([0.5] * 30, [0.25] * 30)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(RunFolder(path))
        await until(pilot, lambda: screen.status == "finished")
        panel = screen.query_one(Panel)
        await until(pilot, lambda: "final loss" in text_of(screen, "Panel"))
        await pilot.press("v", "v")
        lines = text_of(screen, "Panel").split("\n")
        height = panel.size.height
        assert panel.view == "Code"
        assert len(lines) > height

        def in_sight() -> list[str]:
            return [panel.render_line(y).text.rstrip() for y in range(height)]

        assert in_sight() == [line.rstrip() for line in lines[:height]]
        assert panel.border_subtitle == f"{len(lines) - height} more: PgDn"
        for _ in range(9):
            await pilot.press("pagedown")
        assert in_sight() == [line.rstrip() for line in lines[-height:]]
        assert panel.border_subtitle == "PgUp"
        await pilot.press("pageup")
        before = in_sight()
        assert before != [line.rstrip() for line in lines[-height:]]
        await pilot._post_mouse_events([MouseScrollDown], Panel, (3, 3))
        assert in_sight() != before
        for _ in range(9):
            await pilot.press("pageup")
        assert in_sight()[0] == lines[0].rstrip()
        await pilot.press("pagedown", "v")
        assert panel._top == 0

    drive(scenario, (100, 24))


def test_another_view_does_not_lay_the_screen_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtui.runs.folder import RunFolder

    path = saved_run([0.5] * 30, [0.25] * 30)

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.open_run(RunFolder(path))
        await until(pilot, lambda: screen.status == "finished" and "final loss" in text_of(screen, "Panel"))
        await pilot.pause()
        layouts: list[object] = []
        layout = screen._refresh_layout
        monkeypatch.setattr(screen, "_refresh_layout", lambda *args, **words: layouts.append(args) or layout(*args, **words))  # type: ignore[func-returns-value]
        for _ in VIEWS:
            await pilot.press("v")
            await pilot.pause()
        assert layouts == []

    drive(scenario)
