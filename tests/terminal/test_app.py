"""The app as users see it: in a terminal, driven by keyboard."""

from __future__ import annotations

import csv
import itertools
import re
import signal
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import all_runs, find_run
from tests.conftest import wait_until
from tests.terminal.emulator import Terminal

SIZES = [(120, 40), (80, 24)]
BRAILLE = range(0x2801, 0x2900)


def curves(terminal: Terminal) -> tuple[bool, bool]:
    """Whether the left and the right chart show dots of a curve."""
    left = right = False
    for line in terminal.text.splitlines():
        frame = [i for i, character in enumerate(line) if character == "│"]
        if len(frame) < 4:
            continue
        dots = [i for i, character in enumerate(line) if ord(character) in BRAILLE]
        middle = next((a for a, b in itertools.pairwise(frame) if b == a + 1 and a > len(line) // 2 - 5), None)
        if middle is None:
            middle = frame[-2]
        left |= any(i < middle for i in dots)
        right |= any(i > middle for i in dots)
    return left, right


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), pytest.param(120, 40, marks=pytest.mark.slow)])
def test_open_start_watch_export_and_quit_by_keyboard(
    tmp_path: Path, columns: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Terminal(columns, rows) as terminal:
        terminal.wait_for("WITH zero_grad()", "WITHOUT zero_grad()", "ready")
        terminal.press("F5")
        terminal.wait_for("finished", "epoch 20/20", "final loss")
        assert wait_until(lambda: terminal.read(0.05) and curves(terminal) == (True, True)), terminal.text
        terminal.press("F8")
        terminal.wait_for("CSV: a row per")
        terminal.press("Enter")
        terminal.wait_for("Wrote 40 rows to")
        terminal.press("Escape")
        assert wait_until(lambda: terminal.read(0.05) and "CSV: a row per" not in terminal.text)
        terminal.press("q")
        assert terminal.exit_code() == 0
    run = find_run("last")
    with open(tmp_path / f"{run.id}.csv") as file:
        assert len(list(csv.DictReader(file))) == 40


def test_a_letter_typed_into_a_field_is_text_and_starts_nothing() -> None:
    with Terminal(120, 40) as terminal:
        terminal.wait_for("ready")
        terminal.press("Tab", "Tab")
        terminal.press(*"rxpqe")
        terminal.wait_for("rxpqe", "takes a number above 0")
        assert all_runs() == []
        assert terminal.exit_code(seconds=0) is None
        terminal.press("F5")
        terminal.wait_for("lr: got")
        assert all_runs() == []


def test_help_shows_every_key() -> None:
    from gradtui.tui import keys

    listed = [key for key in keys.ALL if key.help]
    with Terminal(80, 24) as terminal:
        terminal.wait_for("ready")
        terminal.press("F1")
        terminal.wait_for("Keys", *(key.shown_keys() for key in listed[:14]))
        terminal.press("PageDown")
        terminal.wait_for("Draw what theory says")
        terminal.press("PageDown")
        terminal.wait_for(*(key.shown_keys() for key in listed[-6:]), "Both sides train the same model")
        terminal.press("Escape")


@pytest.mark.slow
def test_quitting_during_a_run_asks_and_can_leave_it_running() -> None:
    with Terminal(80, 24) as terminal:
        terminal.wait_for("ready")
        terminal.press("F2")
        terminal.wait_for("Epochs")
        terminal.press("Tab", "Tab", "Tab")
        terminal.press("\x01", "\x0b", *"30000", "F5")  # ctrl+a, ctrl+k: empty the field
        terminal.wait_for("running", "steps/s")
        terminal.press("q")
        terminal.wait_for("A run is in progress", "Stop it", "Leave it running", "Stay")
        terminal.press("Escape")
        assert wait_until(lambda: terminal.read(0.05) and "A run is in progress" not in terminal.text)
        terminal.press("q")
        terminal.wait_for("A run is in progress")
        terminal.press("l")
        assert terminal.exit_code() == 0
    run = find_run("last")
    assert wait_until(lambda: run.observe().status == "finished", seconds=90)
    assert run.count_steps("with_zero_grad") == 30_000


@pytest.mark.slow
def test_pause_and_stop_by_keyboard() -> None:
    with Terminal(120, 40) as terminal:
        terminal.wait_for("ready")
        terminal.press("Tab", "Tab", "Tab", "\x01", "\x0b", *"9999999", "F5")
        terminal.wait_for("running", "steps/s")
        terminal.press("F6")
        terminal.wait_for("paused")
        terminal.press("F6")
        terminal.wait_for("running")
        terminal.press("F7")
        terminal.wait_for("stopped epoch")
        terminal.press("F5")
        terminal.wait_for("running")
        terminal.press("q")
        terminal.wait_for("A run is in progress")
        terminal.press("s")
        assert terminal.exit_code() == 0
    assert wait_until(lambda: [run.observe().status for run in all_runs()] == ["stopped", "stopped"])


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [SIZES[0], pytest.param(*SIZES[1], marks=pytest.mark.slow)])
def test_the_screen_stays_whole_when_a_worker_prints(
    tmp_path: Path, columns: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = tmp_path / "sitecustomize.py"
    noisy.write_text(
        "import os, sys\n"
        "if 'worker' in ' '.join(sys.orig_argv):\n"
        "    import gradtui.policies as p\n"
        "    quiet = p.POLICIES['never'].make(1)\n"
        "    def never(*args):\n"
        "        print('NOISE'); os.write(1, b'NOISE'); os.write(2, b'NOISE'); os.system('echo NOISE')\n"
        "        return quiet(*args)\n"
        "    object.__setattr__(p.POLICIES['never'], 'make', lambda k: never)\n"
    )
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    with Terminal(columns, rows, PYTHONPATH=path) as terminal:
        terminal.wait_for("ready")
        terminal.press("F5")
        terminal.wait_for("finished", "epoch 20/20")
        assert "NOISE" not in terminal.text
        assert b"NOISE" not in terminal.raw
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert "NOISE" in find_run("last").log("without_zero_grad").read_text()


@pytest.mark.slow
def test_a_failed_variant_shows_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import gradtui.policies as p\n"
        "def never(*args): raise RuntimeError('the roof is on fire')\n"
        "object.__setattr__(p.POLICIES['never'], 'make', lambda k: never)\n"
    )
    with Terminal(120, 40, PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}") as terminal:
        terminal.wait_for("ready")
        terminal.press("F5")
        terminal.wait_for("failed: RuntimeError: the roof is on", "in never", "finished")
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_a_terminal_that_is_too_small_is_told_so_and_can_grow() -> None:
    with Terminal(50, 15) as terminal:
        terminal.wait_for("50x15", "60x20")
        terminal.resize(100, 30)
        terminal.wait_for("WITH zero_grad()")
        terminal.resize(59, 30)
        terminal.wait_for("59x30")
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_an_existing_file_is_replaced_only_after_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("mine")
    with Terminal(80, 24) as terminal:
        terminal.wait_for("ready")
        terminal.press("F5")
        terminal.wait_for("finished")
        terminal.press("F8")
        terminal.wait_for("CSV: a row per")
        terminal.press("\x01", "\x0b", *"missing/a.csv", "Enter")
        terminal.wait_for("is not a folder")
        terminal.press("\x01", "\x0b", *"a.csv", "Enter")
        terminal.wait_for("exists. Replace it?", "Replace")
        assert (tmp_path / "a.csv").read_text() == "mine"
        terminal.press("Enter")
        terminal.wait_for("Wrote 40 rows")
        terminal.press("Escape", "q")
        assert terminal.exit_code() == 0
    assert (tmp_path / "a.csv").read_text().startswith("run,variant")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "home"]


@pytest.mark.slow
@pytest.mark.parametrize("hang_up", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGHUP])
def test_a_dropped_link_ends_the_app_and_not_the_run(hang_up: signal.Signals) -> None:
    with Terminal(120, 40) as terminal:
        terminal.wait_for("ready")
        terminal.press("Tab", "Tab", "Tab", "\x01", "\x0b", *"5000", "F5")
        terminal.wait_for("running", "steps/s")
        terminal.process.send_signal(hang_up)
        assert terminal.exit_code() == 128 + hang_up
        assert wait_until(lambda: not terminal.read(0.05)), "the terminal is closed: everything has come"
    whole_screen, after = bytes(terminal.raw).split(b"\x1b[?1049l")
    assert b"\x1b[?1049h" in whole_screen
    assert re.sub(rb"\x1b\[\?\d+[hl]", b"", after).strip() == b"", "nothing is drawn on the user's own screen"
    assert b"\x1b[?25h" in after, "the cursor is back"
    run = find_run("last")
    assert wait_until(lambda: run.observe().status == "finished", seconds=90)
    assert run.count_steps("without_zero_grad") == 5000
