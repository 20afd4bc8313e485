"""A disk that is full, while training and while exporting."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs, create_run, find_run
from gradtui.settings import RunSettings
from tests.conftest import wait_until
from tests.process.misbehaviour import at_a_step, every_process_runs
from tests.process.test_cli import refusal
from tests.process.test_run import LONG, Started, gradtui

LIMIT_MY_FILES = "__import__('resource').setrlimit(__import__('resource').RLIMIT_FSIZE, (100_001, 100_001))"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 1 MiB that holds the home, where this user may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    monkeypatch.setenv("GRADTUI_HOME", str(place / "home"))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


def steps_in(path: Path) -> list[int]:
    """The steps of a file that must hold nothing but whole rows."""
    text = path.read_text()
    assert text.endswith("\n")
    rows = list(csv.DictReader(text.splitlines()))
    assert all(None not in row and None not in row.values() for row in rows)
    return [int(row["step"]) for row in rows]


def assert_rows_are_whole(folder: RunFolder) -> None:
    for name, variant in folder.read().variants.items():
        steps = steps_in(folder.steps_csv(name))
        assert steps == list(range(1, len(steps) + 1))
        assert variant.steps == len(steps) > 0


@pytest.mark.slow
def test_a_variant_that_may_not_write_fails_by_name_and_the_other_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_process_runs(at_a_step(2, LIMIT_MY_FILES), tmp_path, monkeypatch)
    run = Started(epochs=4_000)
    run.wait_for_end()
    state = run.folder.read()
    failed, fine = state.variants["without_zero_grad"], state.variants["with_zero_grad"]
    assert (state.status, failed.status) == ("failed", "failed")
    assert failed.reason == f"no space left for {run.folder.steps_csv('without_zero_grad')} (File too large)"
    assert (fine.status, fine.steps) == ("finished", 4_000)
    assert_rows_are_whole(run.folder)
    assert 99_000 < run.folder.steps_csv("without_zero_grad").stat().st_size <= 100_001


@pytest.mark.slow
def test_a_full_disk_fails_both_variants_by_name_and_an_export_to_it_leaves_nothing(small_disk: Path) -> None:
    result = gradtui("run", "linear", "--epochs", "1000000", "--csv", str(small_disk / "a.csv"))
    assert result.returncode in (1, 2)
    assert "Traceback" not in result.stderr
    folder = find_run("last")
    state = folder.read()
    assert state.status == "failed"
    for name, variant in state.variants.items():
        reason = f"no space left for {folder.steps_csv(name)} (No space left on device)"
        assert (variant.status, variant.reason) == ("failed", reason)
    assert_rows_are_whole(folder)
    assert os.listdir(small_disk) == ["home"]
    assert os.listdir(small_disk / "home" / "runs") == [folder.id]
    line = refusal("export", "last", "--csv", str(small_disk / "a.csv"))
    assert f"{small_disk / 'a.csv'} cannot be written (No space left on device)" in line
    fill(small_disk / "filler")
    assert "cannot be written to (No space left on device)" in refusal("run", "linear")
    assert os.listdir(small_disk / "home" / "runs") == [folder.id]


@pytest.mark.slow
def test_a_run_whose_end_cannot_be_written_is_lost_and_its_run_json_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    every_process_runs(
        f"import sys\nif 'gradtui.runs.processes.supervisor' in sys.orig_argv:\n    {limit}", tmp_path, monkeypatch
    )
    run = Started(**LONG)
    run.wait_for_end()
    assert run.folder.read().status == "running"
    assert run.folder.observe().status == "lost"
    for name in run.folder.read().variants:
        assert steps_in(run.folder.steps_csv(name))
    assert not [name for name in os.listdir(run.folder.path) if name.startswith(".")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [("list",), ("export", "last", "--csv", "-")], ids=["list", "export"])
def test_a_standard_output_that_is_full_is_told_in_one_line(command: tuple[str, ...]) -> None:
    create_run(RunSettings.parse({}))
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "gradtui", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (result.returncode, result.stderr) == (2, "gradtui: standard output cannot be written (No space left on device)\n")


@pytest.mark.slow
def test_a_limit_on_file_sizes_ends_the_whole_command_in_order() -> None:
    """The whole tree of processes has the limit, the supervisor too."""
    command = ["prlimit", "--fsize=50000", sys.executable, "-m", "gradtui", "run", "linear", "--epochs", "1000000"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "without_zero_grad failed: no space left for" in result.stderr
    assert "with_zero_grad failed: no space left for" in result.stderr
    assert wait_until(lambda: all_runs()[0].observe().status == "failed")
    assert_rows_are_whole(find_run("last"))
