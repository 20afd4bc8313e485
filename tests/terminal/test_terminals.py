"""The app at home in any terminal: what it draws with, in which colours, how small."""

from __future__ import annotations

import re
import sys

import pytest

from tests.conftest import wait_until
from tests.made_up import made_up_run
from tests.terminal.emulator import Terminal

ATTACH = (sys.executable, "-m", "gradtui", "attach")


def chart_characters(terminal: Terminal) -> set[str]:
    """The characters right of the charts' y axes."""
    rows = [line[47:78] for line in terminal.text.splitlines()[3:14]]
    return set("".join(rows)) - {" "}


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "xterm-256color", "screen", "tmux-256color", "linux", "dumb"])
def test_the_app_works_on_every_kind_of_terminal(term: str) -> None:
    made_up_run()
    with Terminal(120, 40, ATTACH, TERM=term) as terminal:
        terminal.wait_for("finished", "WITH zero_grad()", "WITHOUT zero_grad()", "final loss")
        assert wait_until(lambda: terminal.read(0.05) and chart_characters(terminal))
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_a_locale_without_unicode_gets_ascii_and_a_key_goes_to_braille() -> None:
    made_up_run()
    with Terminal(120, 40, ATTACH, LANG="C", LC_ALL="C") as terminal:
        terminal.wait_for("finished", "o WITH zero_grad()", "# WITHOUT zero_grad()", "final loss")
        assert wait_until(lambda: terminal.read(0.05) and chart_characters(terminal))
        assert terminal.text.isascii()
        assert terminal.raw.isascii(), "not a byte"
        terminal.press("F2", "c")  # the form goes, so that a letter is a command
        terminal.wait_for("● WITH zero_grad()")
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_no_color_draws_without_colours() -> None:
    made_up_run()
    with Terminal(120, 40, ATTACH, NO_COLOR="1", COLORTERM="truecolor") as terminal:
        terminal.wait_for("finished", "● WITH zero_grad()", "■ WITHOUT zero_grad()", "final loss")
        terminal.press("q")
        assert terminal.exit_code() == 0
    colours = {tuple(colour.split(b";")) for colour in re.findall(rb"[34]8;2;(\d+;\d+;\d+)", terminal.raw)}
    assert colours
    assert all(red == green == blue for red, green, blue in colours), "shades of grey"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "rows", "said"), [(60, 20, "final loss"), (59, 20, "needs 60x20"), (60, 19, "needs 60x20")]
)
def test_the_smallest_terminal_shows_all_and_a_smaller_one_a_sentence(columns: int, rows: int, said: str) -> None:
    made_up_run()
    with Terminal(columns, rows, ATTACH) as terminal:
        terminal.wait_for(said)
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_the_table_is_copied_with_a_key() -> None:
    made_up_run()
    with Terminal(120, 40, ATTACH) as terminal:
        terminal.wait_for("finished", "final loss")
        terminal.press("F2", "y")
        terminal.wait_for("sent to your clipboard", "as CSV, are in")
        assert wait_until(lambda: terminal.read(0.05) and b"\x1b]52;c;" in terminal.raw)
        terminal.press("q")
        assert terminal.exit_code() == 0
