"""Every key, declared once: the bindings, the footer, the help screen and the command palette are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

SPECIAL = {
    "question_mark": "?",
    "ctrl+q": "^q",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
    "escape": "Esc",
}


@dataclass(frozen=True)
class Key:
    """A command of the app: its action, the keys that call it, a word for the footer, a sentence for help."""

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
    Key("export", ("f8", "e"), "export", "Export the run: CSV, TensorBoard, a picture"),
    Key("setup", ("f2", "f"), "form", "Show or fold the setup form"),
    Key("sweep", ("f9", "w"), "sweep", "A grid of optimizers, learning rates and seeds"),
    Key("next_view", ("f4", "v"), "view", "Below the charts: results, claims, or the code of both sides"),
    Key("log_scale", ("f3", "l"), "log y", "Logarithmic y axis"),
    Key("quantity", ("m",), "quantity", "What is drawn: loss, test loss, accuracy, gradient norms", footer=False),
    Key("smoothing", ("s",), "smooth", "Smooth the curves; the raw ones stay, dimmed", footer=False),
    Key("x_axis", ("a",), "x axis", "Over steps, epochs or seconds of training", footer=False),
    Key("zoom", ("z",), "zoom", "The whole run, its last half, its last tenth", footer=False),
    Key("cursor(1)", ("right",), "cursor", "Cursor: read both sides at the same step", footer=False),
    Key("cursor(-1)", ("left",), "cursor back", "Cursor back", footer=False),
    Key("no_cursor", ("escape",), "no cursor", "Put the cursor away", footer=False),
    Key("step", ("n",), "one step", "While paused: take one step", footer=False),
    Key("scroll_panel(1)", ("pagedown",), "scroll", "Scroll what is below the charts", footer=False),
    Key("scroll_panel(-1)", ("pageup",), "scroll back", "Scroll it back", footer=False),
)

EVERYWHERE = (
    Key("help", ("f1", "question_mark"), "help", "Show the keys and what the screen means"),
    Key("quit", ("q", "ctrl+q"), "quit", "Leave; asks first where a run goes on"),
)

ON_SWEEP_SCREEN = (
    Key("start", ("f5", "r"), "start", "Start the sweep, or go on with it"),
    Key("stop", ("f7", "x"), "stop", "Stop the sweep; what has ended is kept"),
    Key("export", ("f8", "e"), "export", "Export its rows as CSV, to the current folder"),
    Key("close", ("escape",), "back", "Back to the run; the sweep goes on"),
)

ALL = ON_RUN_SCREEN + EVERYWHERE
