"""The app: what all screens share."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from gradtui.printing import printable
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.launch import Starter
from gradtui.tui import keys
from gradtui.tui.characters import CHARACTERS, CharacterFilter, PrintableFilter, choose
from gradtui.tui.error_notices import errors_shown
from gradtui.tui.key_bindings import KeyBound
from gradtui.tui.library_internals import RepaintFilter, ResizeGuard
from gradtui.tui.link import call_when_gone
from gradtui.tui.screens.help_screen import HelpScreen
from gradtui.tui.screens.leave_dialog import LeaveDialog
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.theme import THEMES

FREEZE_SECONDS = 1.0
"""Delay after start-up, by when the app's modules are loaded, before gc.freeze() exempts them from garbage collection.
Each full collection would otherwise hold up keys for about 50 ms."""


class Palette(ResizeGuard, CommandPalette):
    """The command palette."""


class GradtuiApp(KeyBound, RepaintFilter):
    """See what ``optimizer.zero_grad()`` does."""

    TITLE = "gradtui"
    KEYS = keys.EVERYWHERE
    ENABLE_COMMAND_PALETTE = False  # Textual's own key for it
    NOTIFICATION_TIMEOUT = 8

    def __init__(self, folder: RunFolder | None = None, starter: Starter | None = None) -> None:
        super().__init__()
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"  # over SSH every frame costs
        self._attached = folder
        self._starter = starter or Starter()
        self._printable = PrintableFilter()
        self._characters = CharacterFilter(choose(os.environ))

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        self._loop_of_events = asyncio.get_running_loop()
        self.set_timer(FREEZE_SECONDS, gc.freeze)
        self._main = RunScreen(self._starter, self._attached)
        self.push_screen(self._main)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._printable, self._characters]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification, never as markup: its text may come from outside."""
        super().notify(printable(message), title=title, severity=severity, timeout=timeout, markup=False)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action on any screen; trouble with a run or the home folder becomes a notification."""
        with errors_shown(self):
            return await super().run_action(action, default_namespace, namespaces)
        return True

    @property
    def characters(self) -> str:
        """What everything is drawn with: ``braille``, ``blocks`` or ``ascii``."""
        return self._characters.characters

    def next_characters(self) -> None:
        following = CHARACTERS.index(self._characters.characters) + 1
        self._characters.characters = CHARACTERS[following % len(CHARACTERS)]
        for screen in self.screen_stack:
            for widget in screen.walk_children(Widget, with_self=True):
                widget.refresh()  # also drops its cached lines

    def leave_soon(self, code: int) -> None:
        """Exit cleanly with an exit code; safe to call from any thread or signal handler. A run continues."""
        self._loop_of_events.call_soon_threadsafe(self.exit, None, code)

    def on_unmount(self) -> None:
        self._starter.end()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        owners: tuple[DOMNode, ...] = (screen, self)
        for owner in owners:
            for key in owner.keys_that_apply() if isinstance(owner, KeyBound) else ():
                if key.word and key.help:
                    run = partial(self.run_action, key.action, owner)
                    yield SystemCommand(key.word.capitalize(), f"{key.help} ({key.shown_keys()})", run)
        yield SystemCommand("Light or dark", "Change the colours", self._change_theme)

    def _change_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def show_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def show_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette())

    async def action_quit(self) -> None:
        self.quit()

    def action_help_quit(self) -> None:
        """Called by Textual on ctrl+c, which many expect to quit."""
        self.notify(f"Press {keys.QUIT.shown} to quit")

    def quit(self) -> None:
        if not self._main.is_live or self._main.folder is None:
            self.exit(0)
        elif self.screen is self._main:
            self.push_screen(LeaveDialog(self._main.folder.id), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "stop":
            with errors_shown(self):  # if the stop fails, the app stays open
                self._main.stop()
                self.exit(0)
        elif answer == "leave":
            self.exit(0)


def open_app(folder: RunFolder | None = None) -> int:
    """Open the app on this terminal, showing a run if one is given; return the exit code."""
    app = GradtuiApp(folder)
    call_when_gone(app.leave_soon)
    app.run(mouse=True)
    return app.return_code or 0
