"""Every key of every screen and dialog: what triggers it, what it is called, what it does, when it applies.

To add a key, add an entry. The bindings, the footer, the help screen and the command palette are made from this table,
and so is each key's name in a message. A key that another module mentions has a name here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradtui.tui.key_bindings import Key

if TYPE_CHECKING:  # the screens import this table
    from gradtui.tui.app import GradtuiApp
    from gradtui.tui.screens.chart_screen import ChartScreen
    from gradtui.tui.screens.compare_screen import CompareScreen
    from gradtui.tui.screens.confirm_dialog import ConfirmDialog
    from gradtui.tui.screens.download_dialog import DownloadDialog
    from gradtui.tui.screens.export_dialog import ExportDialog
    from gradtui.tui.screens.help_screen import HelpScreen
    from gradtui.tui.screens.history_screen import HistoryScreen
    from gradtui.tui.screens.leave_dialog import LeaveDialog
    from gradtui.tui.screens.run_screen import RunScreen
    from gradtui.tui.screens.sweep_screen import SweepScreen

# Everywhere

HELP: Key[GradtuiApp] = Key(
    ("f1", "question_mark"), "help", "Show the keys and explain the screen", lambda app: app.show_help()
)
QUIT: Key[GradtuiApp] = Key(("q", "ctrl+q"), "quit", "Quit; asks first if a run is in progress", lambda app: app.quit())

EVERYWHERE: tuple[Key[GradtuiApp], ...] = (
    Key(("c",), "characters", "Draw with braille, blocks or ASCII", lambda app: app.next_characters(), footer=False),
    HELP,
    QUIT,
    Key(("ctrl+p",), "", "All commands by name", lambda app: app.show_palette(), footer=False, priority=True),
    # With priority, the focus moves before the next key is handled, so that fast typing lands in the right field.
    Key(
        ("tab",),
        "",
        "Next field; letters typed into a text field are text",
        lambda app: app.screen.focus_next(),
        footer=False,
        priority=True,
    ),
    Key(("shift+tab",), "", "", lambda app: app.screen.focus_previous(), footer=False, priority=True),
)

# The run screen

START: Key[RunScreen] = Key(
    ("f5", "r"),
    "start",
    "Start a run with the settings of the form",
    lambda screen: screen.start(),
    lambda screen: not screen.is_live,
)
HISTORY: Key[RunScreen] = Key(
    ("f10", "h"),
    "runs",
    "All saved runs: filter by typing, open, run again, compare two on the same axes, export, delete",
    lambda screen: screen.show_history(),
)
OPEN_OFFERED: Key[RunScreen] = Key(
    ("o",),
    "open",
    "Open the run in progress, or the last one that ended unseen",
    lambda screen: screen.open_offered(),
    lambda screen: screen.has_offer,
    footer=False,
)
SCROLL: Key[RunScreen] = Key(
    ("pagedown",), "scroll", "Scroll what is below the charts down", lambda screen: screen.scroll_panel(1), footer=False
)
SCROLL_BACK: Key[RunScreen] = Key(
    ("pageup",), "scroll back", "Scroll it back up", lambda screen: screen.scroll_panel(-1), footer=False
)

QUANTITY: Key[ChartScreen] = Key(
    ("m",),
    "quantity",
    "Switch the curves: loss, test loss, accuracy, gradient norms, their cosine, sharpness, what a script logs",
    lambda screen: screen.next_quantity(),
    footer=False,
)

ON_CHARTS: tuple[Key[ChartScreen], ...] = (
    Key(
        ("f3", "l"),
        "log y",
        "Logarithmic y axis",
        lambda screen: screen.use(screen.instruments.other_scale()),
        footer=False,
    ),
    QUANTITY,
    Key(
        ("s",),
        "smooth",
        "Smooth the curves; the raw ones stay visible, dimmed",
        lambda screen: screen.use(screen.instruments.next_smoothing()),
        footer=False,
    ),
    Key(
        ("a",),
        "x axis",
        "Switch the x axis: steps, epochs or seconds of training",
        lambda screen: screen.use(screen.instruments.next_x_axis()),
        footer=False,
    ),
    Key(
        ("z",),
        "zoom",
        "Zoom: the whole run, its last half, its last tenth",
        lambda screen: screen.use(screen.instruments.next_zoom()),
        footer=False,
    ),
    Key(
        ("i",),
        "theory",
        "Draw what theory says of the loss behind it, dashed: plain SGD on linear has a closed form",
        lambda screen: screen.use(screen.instruments.other_theory()),
        lambda screen: screen.has_theory,
        footer=False,
    ),
    Key(
        ("t",),
        "difference",
        "With several seeds: the paired difference of the sides, and back",
        lambda screen: screen.next_layout(),
        lambda screen: screen.most_seeds > 1,
        footer=False,
    ),
    Key(
        ("b",),
        "next seed",
        "With several seeds: one seed after the other, then the median",
        lambda screen: screen.other_seed(1),
        lambda screen: screen.most_seeds > 1,
        footer=False,
    ),
    Key(
        ("B",),
        "previous seed",
        "With several seeds: the seed before",
        lambda screen: screen.other_seed(-1),
        lambda screen: screen.most_seeds > 1,
        footer=False,
    ),
    Key(
        ("d",),
        "draw rate",
        "Redraw 4, 10 or 1 times a second; choose less on a slow link",
        lambda screen: screen.next_rate(),
        footer=False,
    ),
    Key(
        ("right",),
        "cursor",
        "Move a cursor that shows both sides' values at the same step",
        lambda screen: screen.move_cursor(1),
        footer=False,
    ),
    Key(("left",), "cursor back", "Move the cursor back", lambda screen: screen.move_cursor(-1), footer=False),
)

ON_RUN_SCREEN: tuple[Key[RunScreen], ...] = (
    START,
    Key(("f6", "p"), "pause", "Pause or resume the run", lambda screen: screen.pause(), lambda screen: screen.is_live),
    Key(
        ("f7", "x"),
        "stop",
        "Stop the run; all its rows are kept",
        lambda screen: screen.stop(),
        lambda screen: screen.is_live,
    ),
    Key(
        ("f8", "e"),
        "export",
        "Export the run: CSV, TensorBoard, a picture (SVG)",
        lambda screen: screen.export(),
        lambda screen: screen.folder is not None,
    ),
    Key(("f2", "f"), "form", "Show or fold the setup form", lambda screen: screen.fold_form()),
    Key(("f9", "w"), "sweep", "Sweep a grid of optimizers, learning rates and seeds", lambda screen: screen.show_sweep()),
    HISTORY,
    OPEN_OFFERED,
    Key(
        ("f4", "v"),
        "view",
        "Switch what is below the charts: results, claims, the code of both sides, their logs",
        lambda screen: screen.next_view(),
    ),
    SCROLL,
    SCROLL_BACK,
    *ON_CHARTS,
    Key(("escape",), "no cursor", "Hide the cursor", lambda screen: screen.remove_cursor(), footer=False),
    Key(
        ("n",),
        "one step",
        "While paused: take one step",
        lambda screen: screen.step(),
        lambda screen: screen.status == "paused",
        footer=False,
    ),
    Key(
        ("y",),
        "copy",
        "Copy the results table to your own machine's clipboard (OSC 52; many terminals drop it)",
        lambda screen: screen.copy_results(),
        lambda screen: screen.folder is not None,
        footer=False,
    ),
)

ALL: tuple[Key[Any], ...] = (*ON_RUN_SCREEN, *EVERYWHERE)
"""The keys that the help screen and the README list."""

# The other screens

ON_COMPARE_SCREEN: tuple[Key[CompareScreen], ...] = (
    *ON_CHARTS,
    Key(("escape",), "back", "Back to the saved runs", lambda screen: screen.dismiss(None)),
)

COMPARE: Key[HistoryScreen] = Key(
    ("f4",),
    "compare",
    "Mark a run, then compare another with it on the same axes",
    lambda screen: screen.mark_or_compare(),
)

ON_HISTORY_SCREEN: tuple[Key[HistoryScreen], ...] = (
    Key(("enter",), "open", "Open the run", lambda screen: screen.choose("open"), priority=True),
    Key(
        ("f5",),
        "run again",
        "Load its settings into the form, to run them again or change them",
        lambda screen: screen.choose("again"),
    ),
    COMPARE,
    Key(("f8",), "export", "Export the run", lambda screen: screen.export()),
    Key(("f9",), "delete", "Delete the run; asks first", lambda screen: screen.delete()),
    Key(("up",), "up", "", lambda screen: screen.move(-1), footer=False, priority=True),
    Key(("down",), "down", "", lambda screen: screen.move(1), footer=False, priority=True),
    Key(("pageup",), "page up", "", lambda screen: screen.move_pages(-1), footer=False, priority=True),
    Key(("pagedown",), "page down", "", lambda screen: screen.move_pages(1), footer=False, priority=True),
    Key(("escape",), "back", "Back to the charts", lambda screen: screen.dismiss(None)),
)

START_SWEEP: Key[SweepScreen] = Key(("f5", "r"), "start", "Start or resume the sweep", lambda screen: screen.start())

ON_SWEEP_SCREEN: tuple[Key[SweepScreen], ...] = (
    START_SWEEP,
    Key(("f7", "x"), "stop", "Stop the sweep; finished runs are kept", lambda screen: screen.stop()),
    Key(("f8", "e"), "export", "Export its rows as CSV to the current folder", lambda screen: screen.export()),
    Key(("pagedown",), "scroll", "Scroll the grid down", lambda screen: screen.scroll_grid(1), footer=False),
    Key(("pageup",), "scroll back", "Scroll it back up", lambda screen: screen.scroll_grid(-1), footer=False),
    Key(("escape",), "back", "Back to the run screen; the sweep continues", lambda screen: screen.dismiss(None)),
)

CLOSE_HELP: Key[HelpScreen] = Key(("escape", "q", "f1", "question_mark"), "close", "", lambda screen: screen.dismiss(None))

ON_HELP_SCREEN = (CLOSE_HELP,)

# The dialogs

BETWEEN_BUTTONS: tuple[Key[ConfirmDialog | LeaveDialog], ...] = (
    Key(("left",), "", "", lambda dialog: dialog.focus_previous()),
    Key(("right",), "", "", lambda dialog: dialog.focus_next()),
)

CONFIRM: Key[ConfirmDialog] = Key(("d", "y"), "do it", "", lambda dialog: dialog.dismiss(True))
CANCEL: Key[ConfirmDialog] = Key(("escape", "n", "q"), "cancel", "", lambda dialog: dialog.dismiss(False))

IN_CONFIRM_DIALOG: tuple[Key[ConfirmDialog], ...] = (CONFIRM, CANCEL, *BETWEEN_BUTTONS)

STOP_RUN: Key[LeaveDialog] = Key(("s",), "stop it", "", lambda dialog: dialog.dismiss("stop"))
LEAVE_RUN: Key[LeaveDialog] = Key(("l",), "leave it running", "", lambda dialog: dialog.dismiss("leave"))
STAY: Key[LeaveDialog] = Key(("escape", "q", "ctrl+q"), "stay", "", lambda dialog: dialog.dismiss("stay"))

IN_LEAVE_DIALOG: tuple[Key[LeaveDialog], ...] = (STOP_RUN, LEAVE_RUN, STAY, *BETWEEN_BUTTONS)

CLOSE_EXPORT: Key[ExportDialog] = Key(("escape",), "close", "", lambda dialog: dialog.dismiss(None))

IN_EXPORT_DIALOG = (CLOSE_EXPORT,)

CANCEL_DOWNLOAD: Key[DownloadDialog] = Key(("escape",), "cancel", "", lambda dialog: dialog.give_up())

IN_DOWNLOAD_DIALOG = (CANCEL_DOWNLOAD,)
