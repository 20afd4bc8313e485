import json
import stat
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.saved_runs import UnknownRun, all_runs, create_run, find_run
from gradtui.runs.state import DamagedRun, RunState
from gradtui.settings import RunSettings


def new_run(**given: object) -> RunFolder:
    return create_run(RunSettings.parse(given))


def test_what_is_written_is_read(home: Path) -> None:
    folder = new_run(lr="0.25", experiment="digits")
    state = folder.read()
    assert state.settings == RunSettings.parse({"lr": 0.25, "experiment": "digits"})
    assert list(state.variants) == ["with_zero_grad", "without_zero_grad"]
    assert RunState.from_json(state.to_json()) == state


def test_runs_are_private_to_their_user(home: Path) -> None:
    folder = new_run()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "runs").stat().st_mode) == 0o700


def test_runs_of_one_second_get_names_of_their_own_and_are_listed_newest_first() -> None:
    made = [new_run().id for _ in range(12)]
    assert len(set(made)) == 12
    assert [run.id for run in all_runs()] == made[::-1]


def test_a_run_is_found_by_its_id_a_beginning_or_last() -> None:
    first, second = new_run(), new_run()
    assert find_run(first.id) == first
    assert find_run("last") == second
    assert find_run(second.id[:-1]) == second
    with pytest.raises(UnknownRun, match="2 runs begin with that"):
        find_run("2")
    for unknown in ("nonsense", "", "../..", "\x1b[31m"):
        with pytest.raises(UnknownRun):
            find_run(unknown)


def test_there_is_no_last_run_in_an_empty_home() -> None:
    with pytest.raises(UnknownRun, match="no runs yet"):
        find_run("last")


def test_a_home_that_is_a_file_is_told(home: Path) -> None:
    home.write_text("")
    with pytest.raises(HomeError, match=r"GRADTUI_HOME: .* cannot be used \(File exists\)|Not a directory"):
        new_run()


def test_run_json_cut_at_any_byte_is_damaged_and_never_more_than_that() -> None:
    folder = new_run()
    text = (folder.path / "run.json").read_text()
    for cut in range(len(text) - 2):
        (folder.path / "run.json").write_text(text[:cut])
        with pytest.raises(DamagedRun):
            folder.read()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"status": "dancing"}, {"status": 1}, {"id": "another"}, {"settings": {}, "variants": {}},
        {"settings": {"lr": "inf"}}, {"variants": []}, {"variants": {"a": {}}}, {"versions": {"torch": 1}}, {"started": True},
        {"surprise": 1},
    ],
)  # fmt: skip
def test_a_run_json_that_says_something_else_is_damaged(change: dict[str, object]) -> None:
    folder = new_run()
    document = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps({**document, **change}))
    with pytest.raises(DamagedRun):
        folder.read()


def test_a_folder_without_run_json_is_damaged(home: Path) -> None:
    folder = new_run()
    (folder.path / "run.json").unlink()
    with pytest.raises(DamagedRun, match="cannot be read"):
        folder.read()


def test_requests_are_files() -> None:
    folder = new_run()
    assert not folder.pause_requested
    folder.request_pause()
    folder.request_pause()
    assert folder.pause_requested
    folder.request_resume()
    folder.request_resume()
    assert not folder.pause_requested
    folder.request_stop()
    assert folder.stop_requested


def test_the_last_lines_of_a_log_are_fit_for_a_screen() -> None:
    folder = new_run()
    folder.log("with_zero_grad").write_bytes(b"one\n\n\x1b[31mtwo\x07\n\xff three\n")
    assert folder.last_log_lines("with_zero_grad") == ["one", r"\x1b[31mtwo\x07", "\ufffd three"]
    assert folder.last_log_lines("without_zero_grad") == []
