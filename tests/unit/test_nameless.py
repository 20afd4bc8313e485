"""What killed processes have left in the home goes when a run is made, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

from gradtui.runs.liveness import held
from gradtui.runs.saved_runs import create_run
from gradtui.settings import RunSettings


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "run.json").write_text("{}")
    return path


def test_leftovers_go_when_they_are_old_and_not_in_use(home: Path, tmp_path: Path) -> None:
    runs = create_run(RunSettings.parse({})).path.parent
    old = [folder(runs / ".new-old"), folder(runs / ".deleted-old"), runs / ".warm-old"]
    old[-1].touch()
    fresh = [folder(runs / ".new-fresh"), runs / ".warm-fresh"]
    fresh[-1].touch()
    another_home = folder(tmp_path / "another")
    link, used = runs / ".new-link", runs / ".warm-used"
    link.symlink_to(another_home)
    with held(used):
        for path in (*old, link, used):
            os.utime(path, (0, 0), follow_symlinks=False)
        made = create_run(RunSettings.parse({}))
        assert [path for path in (*old, link) if os.path.lexists(path)] == []
        assert all(path.exists() for path in (*fresh, used, made.path, another_home / "run.json"))
    assert (home / "runs").samefile(runs)
