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
    "enter": "Enter",
}


@dataclass(frozen=True)
class Key:
    """A command of the app: its action, the keys that trigger it, a word for the footer, a sentence for help."""

    action: str
    keys: tuple[str, ...]
    word: str
    help: str
    footer: bool = True
    priority: bool = False
    """Whether the key is handled before the focused widget sees it."""

    def binding(self) -> Binding:
        return Binding(
            ",".join(self.keys),
            self.action,
            self.word,
            show=self.footer,
            key_display=shown(self.keys[0]),
            tooltip=self.help,
            priority=self.priority,
        )

    def shown_keys(self) -> str:
        """The keys as a person reads them: ``F5 r``."""
        return " ".join(map(shown, self.keys))


def shown(key: str) -> str:
    """How a key is written on screen."""
    return SPECIAL.get(key, key.upper() if key[0] == "f" and key[1:].isdecimal() else key)


LOOKING = ("log_scale", "quantity", "smoothing", "x_axis", "zoom", "cursor", "rate")
"""Actions that change how charts are shown; available on every screen with charts."""

ON_RUN_SCREEN = (
    Key("start", ("f5", "r"), "start", "Start a run with the settings of the form"),
    Key("pause", ("f6", "p"), "pause", "Pause or resume the run"),
    Key("stop", ("f7", "x"), "stop", "Stop the run; all its rows are kept"),
    Key("export", ("f8", "e"), "export", "Export the run: CSV, TensorBoard, a picture"),
    Key("setup", ("f2", "f"), "form", "Show or fold the setup form"),
    Key("sweep", ("f9", "w"), "sweep", "A grid of optimizers, learning rates and seeds"),
    Key("history", ("f10", "h"), "runs", "All saved runs: open, run again, compare, export, delete"),
    Key("open_offered", ("o",), "open", "Open the run in progress, or the last one that ended unseen", footer=False),
    Key("next_view", ("f4", "v"), "view", "Below the charts: results, claims, the code of both sides, what they printed"),
    Key("log_scale", ("f3", "l"), "log y", "Logarithmic y axis", footer=False),
    Key(
        "quantity",
        ("m",),
        "quantity",
        "What is drawn: loss, test loss, accuracy, gradient norms, what a script logs",
        footer=False,
    ),
    Key("smoothing", ("s",), "smooth", "Smooth the curves; the raw ones stay, dimmed", footer=False),
    Key("x_axis", ("a",), "x axis", "Over steps, epochs or seconds of training", footer=False),
    Key("zoom", ("z",), "zoom", "The whole run, its last half, its last tenth", footer=False),
    Key("cursor(1)", ("right",), "cursor", "Cursor: read both sides at the same step", footer=False),
    Key("cursor(-1)", ("left",), "cursor back", "Cursor back", footer=False),
    Key("no_cursor", ("escape",), "no cursor", "Put the cursor away", footer=False),
    Key("step", ("n",), "one step", "While paused: take one step", footer=False),
    Key("copy", ("y",), "copy", "Copy the results table to your own machine's clipboard", footer=False),
    Key("rate", ("d",), "draw rate", "Draw 4, 10 or 1 times a second: less on a slow link", footer=False),
    Key("app.characters", ("c",), "characters", "Draw with braille, blocks or ASCII", footer=False),
    Key("scroll_panel(1)", ("pagedown",), "scroll", "Scroll what is below the charts", footer=False),
    Key("scroll_panel(-1)", ("pageup",), "scroll back", "Scroll it back", footer=False),
)

EVERYWHERE = (
    Key("help", ("f1", "question_mark"), "help", "Show the keys and what the screen means"),
    Key("quit", ("q", "ctrl+q"), "quit", "Quit; asks first if a run is in progress"),
)

ON_COMPARE_SCREEN = (
    *(key for key in ON_RUN_SCREEN if key.action.split("(")[0] in LOOKING),
    Key("close", ("escape",), "back", "Back to the saved runs"),
)

ON_HISTORY_SCREEN = (
    Key("open", ("enter",), "open", "Open the run", priority=True),
    Key("again", ("f5",), "run again", "Its settings in the form, to run them again or change them"),
    Key("compare", ("f4",), "compare", "Mark a run; on another one: compare the two on the same axes"),
    Key("export", ("f8",), "export", "Export the run"),
    Key("delete", ("f9",), "delete", "Delete the run; asks first"),
    Key("move(-1)", ("up",), "up", "", footer=False, priority=True),
    Key("move(1)", ("down",), "down", "", footer=False, priority=True),
    Key("move(-2)", ("pageup",), "page up", "", footer=False, priority=True),
    Key("move(2)", ("pagedown",), "page down", "", footer=False, priority=True),
    Key("close", ("escape",), "back", "Back to the charts"),
)

ON_SWEEP_SCREEN = (
    Key("start", ("f5", "r"), "start", "Start or resume the sweep"),
    Key("stop", ("f7", "x"), "stop", "Stop the sweep; what has ended is kept"),
    Key("export", ("f8", "e"), "export", "Export its rows as CSV, to the current folder"),
    Key("close", ("escape",), "back", "Back to the run; the sweep continues"),
)

ALL = ON_RUN_SCREEN + EVERYWHERE
