"""``torchrun -m gradtui check``: each rank watches itself, and one report comes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.check.broken import broken
from tests.check.forks import ROOT

DDP = (Path(__file__).parent / "distributed" / "ddp.py").read_text(encoding="utf-8")
ONE_RANK_FORGETS = DDP.replace(
    "    optimizer.zero_grad()  # clears", "    if dist.get_rank() == 0:\n        optimizer.zero_grad()"
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _torchrun(folder: Path, source: str, *arguments: str, options: tuple[str, ...] = ("--json",)) -> tuple[int, str]:
    (folder / "train.py").write_text(source, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    words = [*launcher, "-m", "gradtui", "check", *options, "train.py", *arguments]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)
    return done.returncode, done.stdout


def _report(out: str) -> dict[str, Any]:
    reports = [line for line in out.splitlines() if line.startswith("{")]
    assert len(reports) == 1
    report: dict[str, Any] = json.loads(reports[0])
    return report


@pytest.mark.parametrize("view", [[], ["view"]])
def test_right_loop_is_clean_on_each_rank(tmp_path: Path, view: list[str]) -> None:
    code, out = _torchrun(tmp_path, DDP, *view)
    report = _report(out)
    assert (code, report["verdict"], report["findings"], report["ranks_not_heard_from"]) == (0, "clean", [], [])
    assert [(rank["rank"], rank["verdict"], rank["steps"]) for rank in report["ranks"]] == [(0, "clean", 12), (1, "clean", 12)]
    assert report["optimizers"][0]["cleared_at"] == ["train.py:18"]
    assert {"rank 0 done", "rank 1 done"} <= set(out.splitlines())
    assert list(tmp_path.glob("gradtui-check-*")) == []


@pytest.mark.parametrize("view", [[], ["view"]])
def test_loop_that_clears_nothing_is_stale_on_each_rank(tmp_path: Path, view: list[str]) -> None:
    code, out = _torchrun(tmp_path, broken(DDP), *view)
    report = _report(out)
    assert (code != 0, report["verdict"]) == (True, "stale gradients")
    assert [(rank["rank"], rank["verdict"]) for rank in report["ranks"]] == [(0, "stale gradients"), (1, "stale gradients")]
    assert (report["optimizers"][0]["stale_steps"], report["optimizers"][0]["first_stale_step"]) == (11, 2)


def test_right_loop_is_clean_over_many_steps(tmp_path: Path) -> None:
    code, out = _torchrun(tmp_path, DDP.replace("STEPS = 12", "STEPS = 200"), "view")
    assert (code, _report(out)["verdict"]) == (0, "clean")


def test_rank_that_differs_is_named(tmp_path: Path) -> None:
    code, out = _torchrun(tmp_path, ONE_RANK_FORGETS, options=())
    assert code == 1
    assert out.count("gradtui check: ") == 1
    assert "gradtui check: stale gradients  (12 optimizer steps, 2 ranks)" in out
    assert "rank 1 differs from rank 0: SGD stale gradients in 12 steps, 11 stale; rank 0: SGD clean in 12 steps" in out
