"""The table of keys: each key reaches its handler, and no key is named or bound outside the table."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

import gradtui.tui
from gradtui.tui import app, keys
from gradtui.tui.key_bindings import Key, KeyBound, always
from gradtui.tui.screens import (
    compare_screen,
    confirm_dialog,
    download_dialog,
    export_dialog,
    help_screen,
    history_screen,
    leave_dialog,
    sweep_screen,
)
from gradtui.tui.screens.run_screen import RunScreen
from tests.tui.pilot import drive, until

TUI = Path(gradtui.tui.__file__).parent
README = Path(__file__).parents[2] / "README.md"

OWNERS: list[type[KeyBound]] = [
    app.GradtuiApp,
    RunScreen,
    compare_screen.CompareScreen,
    history_screen.HistoryScreen,
    sweep_screen.SweepScreen,
    help_screen.HelpScreen,
    confirm_dialog.ConfirmDialog,
    leave_dialog.LeaveDialog,
    export_dialog.ExportDialog,
    download_dialog.DownloadDialog,
]
"""Everything that has keys."""

EDITING = ("question_mark", "left", "right", "pageup", "pagedown")
"""Keys that a text field or the form handles itself, besides single characters."""

NAMES_A_KEY = re.compile(r"\b(F\d{1,2}|Esc|Escape|PgUp|PgDn|Enter|Tab|[Cc]trl\+\w)\b|\([a-z]\)|\b[Pp]ress [a-z]\b|\^[a-z]\b")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The strings of a module, docstrings left out: line and text."""
    tree = ast.parse(source)
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield node.lineno, node.value


def test_no_other_file_names_a_key() -> None:
    named = [
        f"{path.name}:{line}: {text}"
        for path in sorted(TUI.rglob("*.py"))
        if path.name not in ("keys.py", "key_bindings.py")
        for line, text in texts(path.read_text())
        if NAMES_A_KEY.search(text)
    ]
    assert named == []


@pytest.mark.parametrize("text", ["F5 starts.", "Cancel (Esc)", "Stop it (s)", "press o to open it", "more: PgDn", "^p"])
def test_a_name_of_a_key_is_found(text: str) -> None:
    assert [found for _, found in texts(f"say({text!r})") if NAMES_A_KEY.search(found)] == [text]


def test_no_other_file_binds_a_key() -> None:
    binds = [
        path.name for path in TUI.rglob("*.py") if re.search(r"\bBINDINGS\b|\bBinding\(|def (key|action)_", path.read_text())
    ]
    assert sorted(binds) == ["app.py", "key_bindings.py"], "the app gives Textual's own actions, to quit, another meaning"
    assert re.findall(r"def (?:key|action)_\w+", (TUI / "app.py").read_text()) == ["def action_quit", "def action_help_quit"]


def test_everything_with_keys_is_tested_here() -> None:
    kinds = KeyBound.__subclasses__()
    found = [*kinds, *(deeper for kind in kinds for deeper in kind.__subclasses__())]
    assert {kind for kind in found if kind.KEYS} == set(OWNERS)


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_a_key_does_one_thing(owner: type[KeyBound]) -> None:
    names = [name for key in owner.KEYS for name in key.keys]
    assert len(names) == len(set(names))


def test_no_key_of_a_screen_hides_one_of_the_app() -> None:
    everywhere = {name for key in keys.EVERYWHERE for name in key.keys}
    for table in (keys.ON_RUN_SCREEN, keys.ON_COMPARE_SCREEN, keys.ON_HISTORY_SCREEN, keys.ON_SWEEP_SCREEN):
        assert not everywhere & {name for key in table for name in key.keys}


def recorded(owner: type[KeyBound], pressed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every key of this owner record its name instead of doing anything."""

    def record(name: str) -> Callable[[object], object]:
        return lambda _: pressed.append(name)

    monkeypatch.setattr(owner, "KEYS", [replace(key, handler=record(key.keys[0]), applies=always) for key in owner.KEYS])


@pytest.mark.parametrize("in_a_text_field", [pytest.param(False, marks=pytest.mark.slow), True])
def test_function_keys_work_everywhere_and_letters_outside_text_fields(
    in_a_text_field: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []
    expected: list[str] = []

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        recorded(RunScreen, pressed, monkeypatch)
        recorded(app.GradtuiApp, pressed, monkeypatch)
        screen.set_focus(screen.query(Input).first() if in_a_text_field else None)
        for key in keys.ALL:
            for name in key.keys:
                if not (in_a_text_field and (len(name) == 1 or name in EDITING)):
                    expected.append(key.keys[0])
                await pilot.press(name)
        await pilot.pause()

    drive(scenario)
    assert pressed == expected


def test_a_key_that_does_not_apply_does_nothing_and_is_dimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[str] = []

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        recorded(RunScreen, pressed, monkeypatch)
        monkeypatch.setattr(RunScreen, "KEYS", [replace(key, applies=lambda _: False) for key in RunScreen.KEYS])
        screen.set_focus(None)
        await pilot.press("f5", "r", "m")
        assert pressed == []
        assert not screen.active_bindings["f5"].enabled

    drive(scenario)


def readme_names(key: Key[object]) -> str:
    """A key's names in the README's table: characters as code, ^q written out."""
    names = [name.replace("^", "ctrl+") for name in key.shown_keys().split()]
    return " ".join(f"`{name}`" if len(name) == 1 and name.isascii() else name for name in names)


def test_the_readme_lists_exactly_the_keys() -> None:
    expected = [f"| {readme_names(key)} | {key.help} |" for key in keys.ALL if key.help]
    _, table = README.read_text().split("| key | does |\n|---|---|\n")
    assert table.partition("\n\n")[0].split("\n") == expected, "\n".join(["The README's table should be:", *expected])


def test_the_palette_runs_the_commands_of_the_screen_and_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed: list[str] = []

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        recorded(RunScreen, pressed, monkeypatch)
        recorded(app.GradtuiApp, pressed, monkeypatch)
        for command in pilot.app.get_system_commands(screen):
            ran = command.callback()
            if inspect.isawaitable(ran):
                await ran

    drive(scenario)
    assert pressed == [key.keys[0] for key in keys.ALL if key.word]


def test_ctrl_c_says_which_key_quits() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.set_focus(None)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: [toast.message for toast in pilot.app._notifications] == ["Press q to quit"])

    drive(scenario, notifications=True)


def test_the_palette_goes_back_from_another_screen() -> None:
    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(pilot.app.screen, history_screen.HistoryScreen))
        await pilot.press("ctrl+p", *"back")
        await until(pilot, lambda: isinstance(pilot.app.screen, app.Palette))
        await until(pilot, lambda: pilot.app.screen.query_one("CommandList").option_count == 1)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)

    drive(scenario)
