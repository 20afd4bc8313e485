"""Links, folders and pipes in the place of the files that gradtui writes: nothing outside is made or changed, nothing waits."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gradtui.cli import main
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.results.reader import read_results
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DamagedRun
from gradtui.settings import RunSettings
from tests.made_up import made_up_run

REQUESTS = ("stop", "pause", "step")
VARIANT = tuple(f"with_zero_grad{end}" for end in (".csv", ".epochs.csv", ".timing.csv", ".scalars.csv", ".notes", ".log"))
NAMES = (*REQUESTS, "seen", "alive", "starting", "reserve", "supervisor.log", "run.json", *VARIANT)

Put = Callable[[Path, Path], object]
KINDS: dict[str, Put] = {
    "dangling link": lambda path, outside: path.symlink_to(outside / "new"),
    "link": lambda path, outside: path.symlink_to(outside / "kept"),
    "hard link": lambda path, outside: path.hardlink_to(outside / "kept"),
    "folder": lambda path, outside: path.mkdir(),
    "full folder": lambda path, outside: (path / "deep").mkdir(parents=True),
    "pipe": lambda path, outside: os.mkfifo(path),
    "device": lambda path, outside: path.symlink_to("/dev/zero"),
}


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the home; what is in it must be as it was."""
    folder = tmp_path / "outside"
    folder.mkdir()
    kept = folder / "kept"
    kept.write_bytes(b"untouched")
    os.utime(kept, (1e9, 1e9))
    yield folder
    assert os.listdir(folder) == ["kept"]
    assert kept.read_bytes() == b"untouched"
    assert kept.stat().st_size == 9


def put(folder: RunFolder, name: str, kind: str, outside: Path) -> None:
    path = folder.path / name
    path.unlink(missing_ok=True)
    KINDS[kind](path, outside)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_whatever_stands_there_nothing_outside_changes(
    name: str, kind: str, outside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path), status="running")
    put(folder, name, kind, outside)
    for ask in (
        folder.request_stop,
        folder.request_pause,
        folder.request_resume,
        folder.request_step,
        folder.take_step_request,
    ):
        with suppress(HomeError):  # told in one line
            ask()
    folder.mark_seen()
    folder.reserve()
    folder.release()
    folder.beat()
    for hold in (folder.alive, folder.starting):
        with suppress(OSError), hold():
            pass
    for look in (folder.observe, lambda: read_results(folder)):
        with suppress(DamagedRun):
            look()
    _ = folder.last_log_lines("with_zero_grad"), folder.count_steps("with_zero_grad"), folder.stop_requested, folder.seen
    for command in ("stop", "pause", "resume"):
        main([command])
        assert len(capsys.readouterr().err.splitlines()) == 1
    if kind == "link" and name not in ("run.json", "alive", "starting"):
        assert (outside / "kept").stat().st_mtime == 1e9


@pytest.mark.parametrize("kind", KINDS)
def test_any_name_is_a_request_and_none_is_answered_for_ever(kind: str, outside: Path) -> None:
    folder = create_run(RunSettings.parse({}))
    for name in REQUESTS:
        put(folder, name, kind, outside)
    assert folder.stop_requested
    assert folder.pause_requested
    folder.request_stop()
    assert folder.take_step_request() == ("folder" not in kind)
    assert not folder.take_step_request()
    if "folder" in kind:
        with pytest.raises(HomeError, match="cannot be written to"):
            folder.request_resume()
    else:
        folder.request_resume()
        assert not folder.pause_requested


@pytest.mark.parametrize("kind", ["dangling link", "link", "folder", "pipe", "device"])
@pytest.mark.parametrize("name", ["alive", "starting", "supervisor.log"])
def test_a_run_that_could_not_be_supervised_is_not_started(name: str, kind: str, outside: Path) -> None:
    folder = create_run(RunSettings.parse({}))
    put(folder, name, kind, outside)
    with pytest.raises(HomeError, match=rf"cannot be written to \({name} is not a plain file\)"):
        launch.start_supervisor(folder)
    assert not folder.path.exists()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "link" not in kind])
def test_notes_that_are_no_file_are_not_read(kind: str, outside: Path, tmp_path: Path) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path))
    put(folder, "with_zero_grad.notes", kind, outside)
    folder.notes("without_zero_grad").write_text("the other side's\n")
    assert [note for note in read_results(folder).notes if "deterministic" not in note] == ["the other side's"]


def test_notes_without_end_are_not_read_to_their_end(tmp_path: Path) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path))
    with open(folder.notes("with_zero_grad"), "w") as file:
        file.write("first\n")
        file.truncate(1 << 40)
    notes = read_results(folder).notes
    assert "first" in notes
    assert sum(map(len, notes)) < 1_000_000


def test_what_is_made_is_its_users_alone_up_to_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "some" / "where" / "deep"
    monkeypatch.setenv("GRADTUI_HOME", str(home))
    before = os.umask(0)
    try:
        folder = made_up_run()
        folder.mark_seen()
        folder.request_stop()
        folder.reserve()
        with folder.starting(), folder.alive():
            pass
    finally:
        os.umask(before)
    mine = [home.parent.parent, home.parent, home, *home.rglob("*")]
    open_to_others = [path for path in mine if path.suffix != ".csv" and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []  # the CSV files are the test's own
