"""Every key, declared once: the bindings, the footer, the help screen and the command palette are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

SPECIAL = {"question_mark": "?", "ctrl+q": "^q", "pageup": "PgUp", "pagedown": "PgDn"}


@dataclass(frozen=True)
class Key:
    """A command of the app: its action's name, the keys that call it, a word for the footer, a sentence for help."""

    action: str
    keys: tuple[str, ...]
    word: str
    help: str
    footer: bool = True

    def binding(self) -> Binding:
        return Binding(
            ",".join(self.keys), self.action, self.word, show=self.footer, key_display=shown(self.keys[0]), tooltip=self.help
        )

    def shown_keys(self) -> str:
        """The keys as a person reads them: ``F5 r``."""
        return " ".join(map(shown, self.keys))


def shown(key: str) -> str:
    """How a key is written on screen."""
    return SPECIAL.get(key, key.upper() if key[0] == "f" and key[1:].isdecimal() else key)


ON_RUN_SCREEN = (
    Key("start", ("f5", "r"), "start", "Start a run with the settings of the form"),
    Key("pause", ("f6", "p"), "pause", "Pause the run, or go on with it"),
    Key("stop", ("f7", "x"), "stop", "Stop the run; all its rows are kept"),
    Key("export", ("f8", "e"), "export", "Export the rows of the run as CSV"),
    Key("setup", ("f2", "s"), "setup", "Show or fold the setup form"),
    Key("scroll_results(1)", ("pagedown",), "more results", "Scroll the results down", footer=False),
    Key("scroll_results(-1)", ("pageup",), "results up", "Scroll the results up", footer=False),
    Key("log_scale", ("f3", "l"), "log y", "Logarithmic y axis, for both charts"),
)

EVERYWHERE = (
    Key("help", ("f1", "question_mark"), "help", "Show the keys and what the screen means"),
    Key("quit", ("q", "ctrl+q"), "quit", "Leave; asks first where a run goes on"),
)

ALL = ON_RUN_SCREEN + EVERYWHERE
