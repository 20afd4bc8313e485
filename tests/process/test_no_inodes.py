"""A disk that has space left and no inodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtui.runs.saved_runs import all_runs
from tests.disks import small_disk
from tests.made_up import made_up_run
from tests.process.test_run import gradtui


@pytest.mark.parametrize(
    "inodes", [3, 5, 7, 8, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 2, 4, 6, 9, 10, 11, 12, 13, 14))]
)
def test_a_run_that_cannot_create_its_files_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inodes: int) -> None:
    with small_disk(tmp_path / "disk", f"size=200k,nr_inodes={inodes}") as disk:
        monkeypatch.setenv("GRADTUI_HOME", str(disk / "home"))
        result = gradtui("run", "linear", "--epochs", "30")
        assert "Traceback" not in result.stderr
        told = [line for line in result.stderr.splitlines() if line.startswith("gradtui:")]
        assert told
        assert all("No space left on device" in line for line in told)
        if runs := all_runs():
            state = runs[0].observe()
            assert (result.returncode, state.status) == (1, "failed")
            assert any(side.reason and "No space left on device" in side.reason for side in state.variants.values())
        else:
            assert result.returncode == 2
            assert "no free inodes" in told[0]


def test_a_lost_run_says_what_its_supervisor_said_last(tmp_path: Path) -> None:
    """Also where nothing can be written to run.json any more: the supervisor's log was there before."""
    run = made_up_run(status="running")
    run.supervisor_log.write_text(
        "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device: 'alive'\n\n"
    )
    state = run.observe()
    assert (state.status, state.note) == ("lost", "OSError: [Errno 28] No space left on device: 'alive'")
