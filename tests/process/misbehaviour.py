"""Real workers that misbehave: a sitecustomize that only the processes of one test import."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

AT_A_STEP = """
    import sys
    if "gradtui.training.worker" in sys.orig_argv:
        import gradtui.policies as p
        sound, calls = p.POLICIES["never"].make(1), [0]
        def never(*args):
            calls[0] += 1
            if calls[0] == {step}:
                {does}
            return sound(*args)
        object.__setattr__(p.POLICIES["never"], "make", lambda k: never)
"""


def every_process_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``code`` is run by every Python process that this test starts, before anything else."""
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(code), encoding="utf-8")
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, filter(None, (tmp_path, ROOT, inherited)))))


def at_a_step(step: int, does: str) -> str:
    """Code for :func:`every_process_runs`: the variant without zero_grad() does something at that step."""
    return textwrap.dedent(AT_A_STEP).format(step=step, does=does)
