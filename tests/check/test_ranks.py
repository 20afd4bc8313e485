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


FSDP2 = """\
import sys
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
dist.init_process_group("gloo")
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 1))
fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(12):
    nn.functional.mse_loss(model(torch.randn(16, 4)), torch.randn(16, 1)).backward()
    BETWEEN
    optimizer.step()
    AFTER
sys.stdout.write(f"rank {dist.get_rank()} done\\n")
dist.destroy_process_group()
"""


def _torchrun(folder: Path, source: str, *arguments: str, options: tuple[str, ...] = ("--json",)) -> tuple[int, str]:
    code, out, _ = _torchrun_with_errors(folder, source, *arguments, options=options)
    return code, out


def _torchrun_with_errors(
    folder: Path, source: str, *arguments: str, options: tuple[str, ...] = ("--json",)
) -> tuple[int, str, str]:
    (folder / "train.py").write_text(source, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    words = [*launcher, "-m", "gradtui", "check", *options, "train.py", *arguments]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)
    return done.returncode, done.stdout, done.stderr


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


@pytest.mark.parametrize(
    ("between", "after", "verdict"),
    [
        ("pass", "pass", "stale gradients"),
        ("pass", "optimizer.zero_grad()", "clean"),
        ("optimizer.zero_grad()", "pass", "cleared before step"),
        ("pass", "optimizer.zero_grad(set_to_none=False)", "clean"),
    ],
)
def test_fsdp2_is_judged_on_each_rank(tmp_path: Path, between: str, after: str, verdict: str) -> None:
    code, out = _torchrun(tmp_path, FSDP2.replace("BETWEEN", between).replace("AFTER", after))
    report = _report(out)
    assert (code != 0, report["verdict"], report["notes"]) == (verdict != "clean", verdict, [])
    assert [rank["verdict"] for rank in report["ranks"]] == [verdict, verdict]
    assert {"rank 0 done", "rank 1 done"} <= set(out.splitlines())


def test_ranks_that_fail_one_after_the_other_show_their_own_errors_only(tmp_path: Path) -> None:
    source = """\
import os, signal, time
import torch
signal.signal(signal.SIGTERM, signal.SIG_IGN)
weight = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([weight], lr=0.1)
weight.sum().backward()
optimizer.step()
rank = int(os.environ["RANK"])
while rank and any(name.startswith("gradtui-check-") for name in os.listdir(os.environ["TMPDIR"])):
    time.sleep(0.01)  # until rank 0 has reported and gone
raise ValueError(f"bad batch on rank {rank}")
"""
    code, out, err = _torchrun_with_errors(tmp_path, source)
    assert code == 1
    assert {"ValueError: bad batch on rank 0", "ValueError: bad batch on rank 1"} <= set(err.splitlines())
    assert "FileNotFoundError" not in err
    assert _report(out)["ranks_not_heard_from"] == [1]


def test_rank_that_cannot_tell_what_it_saw_is_no_clean_run(tmp_path: Path) -> None:
    lost = "import glob, os, shutil\nif os.environ['RANK'] == '1':\n"
    lost += "    for name in glob.glob(os.environ['TMPDIR'] + '/gradtui-check-*'):\n        shutil.rmtree(name)\n"
    code, out, err = _torchrun_with_errors(tmp_path, DDP + lost)
    assert code != 0
    assert "gradtui check: rank 1 cannot tell rank 0 what it saw (it has ended)" in err.splitlines() or (
        _report(out)["ranks_not_heard_from"] == [1]
    )


def test_ranks_that_leave_at_once_are_heard(tmp_path: Path) -> None:
    code, out = _torchrun(tmp_path, DDP + "import os\nos._exit(0)\n")
    report = _report(out)
    assert (code, report["verdict"], report["ranks_not_heard_from"]) == (0, "clean", [])
