"""The folder through which ranks tell each other what they saw may vanish, be full, or hold anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gradtui import private
from gradtui.check.facts import Facts
from gradtui.check.ranks import Ranks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ranks").mkdir()
    return tmp_path / "ranks"


def _rank(folder: Path, rank: int) -> Ranks:
    return Ranks({"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}, folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _put_a_file_in_its_place(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("", encoding="utf-8")


@pytest.mark.parametrize(("harm", "problem"), [(_remove, "it has ended"), (_put_a_file_in_its_place, "not a directory")])
def test_folder_that_is_gone_is_no_error(folder: Path, harm: object, problem: str) -> None:
    first, second = _rank(folder, 0), _rank(folder, 1)
    assert callable(harm)
    harm(folder)
    assert second.tell(Facts(rank=1)) == problem
    assert first.hear(Facts(), wait=False) == ([Facts()], [1])
    second.wait_for_report()
    first.done()


def test_full_disk_is_no_error_and_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _rank(folder, 0), _rank(folder, 1)
    monkeypatch.setattr(private, "opener", lambda path, flags: os.open("/dev/full", os.O_WRONLY))
    assert second.tell(Facts(rank=1)) == "no space left on device"
    assert first.hear(Facts(), wait=False) == ([Facts()], [1])


@pytest.mark.parametrize("told", ["", "{", "[1]", '{"optimizers": 3}', '{"optimizers": [], "orphans": [], "other": 1}', "\0"])
def test_what_cannot_be_read_was_not_heard(folder: Path, told: str) -> None:
    first, _ = _rank(folder, 0), _rank(folder, 1)
    (folder / "1.json").write_text(told, encoding="utf-8")
    assert first.hear(Facts(), wait=True) == ([Facts()], [1])


def test_ranks_that_meet_hear_each_other(folder: Path) -> None:
    first, second = _rank(folder, 0), _rank(folder, 1)
    assert second.tell(Facts(rank=1, torch_imported=True)) == ""
    assert first.hear(Facts(), wait=True) == ([Facts(), Facts(rank=1, torch_imported=True)], [])
    first.done()
    first.done()
    assert not folder.exists()
