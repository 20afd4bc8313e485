"""With the most careless umask, everything that the commands make in the home is its user's alone."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.processes import launch
from gradtui.runs.saved_runs import all_runs, create_run
from gradtui.settings import RunSettings

SCRIPT = """
import torch, gradtui
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(5):
    optimizer.zero_grad()
    loss = model(torch.ones(4, 2)).pow(2).mean()
    loss.backward()
    optimizer.step()
gradtui.log(accuracy=0.5, other="no number")
print("done")
"""
AT_ONCE = (
    ("run", "digits", "--epochs", "1", "--timing-probe", "off", "--csv", "../run.csv"),
    ("compare", "train.py"),
    ("sweep", "linear", "--optimizers", "SGD", "--lrs", "0.1", "--seeds", "1", "--epochs", "2"),
)
AFTERWARDS = (("list",), ("export", "last", "--svg", "../run.svg"), ("stop",))


@pytest.mark.slow
def test_what_every_command_makes_in_the_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "some" / "where" / "home"
    where = tmp_path / "work"
    where.mkdir()
    (where / "train.py").write_text(SCRIPT)

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gradtui", *words]
        environment = {**os.environ, "GRADTUI_HOME": str(home)}
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=where, umask=0, env=environment
        )

    at_once = [start(*words) for words in AT_ONCE]
    for process in itertools.chain(at_once, (start(*words) for words in AFTERWARDS)):
        with process:
            _, error = process.communicate(timeout=60)
        assert process.returncode in (0, 2), error
    names = {path.name for path in home.rglob("*")}
    wanted = {"seen", "supervisor.log", "with_zero_grad.epochs.csv", "with_zero_grad.scalars.csv", "without_zero_grad.notes"}
    assert wanted <= names
    everything = (home.parent.parent, home.parent, home, *home.rglob("*"))
    others = [path for path in everything if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert others == []
    assert (tmp_path / "run.csv").exists()


@pytest.mark.slow
def test_links_in_a_new_runs_folder_are_told_in_one_line_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = create_run(RunSettings.parse({"epochs": 10, "timing_probe": False}))
    for name in ("with_zero_grad.log", "without_zero_grad.csv", "reserve", "seen", "step", "with_zero_grad.timing.csv"):
        (folder.path / name).unlink(missing_ok=True)
        (folder.path / name).symlink_to(outside / name)
    launch.start_supervisor(folder).wait(timeout=60)
    state = folder.read()
    assert state.status == "failed"
    left, right = state.variants.values()
    assert left.reason is not None
    assert "with_zero_grad.log is not a plain file" in left.reason
    assert right.reason is not None
    assert "without_zero_grad.csv (File exists)" in right.reason
    folder.mark_seen()
    assert list(outside.iterdir()) == []
    assert all_runs() == [folder]
