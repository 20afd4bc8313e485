"""Loops of the real libraries under check: clean as they are, and stale once what clears is taken out.

Install the libraries with ``pip install '.[ecosystem]'``; a test is skipped where its library is missing or does not load.
"""

from __future__ import annotations

import functools
import importlib
import os
from pathlib import Path

import pytest

from tests.check.broken import broken
from tests.check.forks import Forks, Run

SCRIPTS = Path(__file__).parent / "scripts"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))

pytestmark = [pytest.mark.ecosystem, pytest.mark.timeout(300)]


@functools.cache
def problem_with(library: str) -> str:
    """Why this library cannot be imported; empty if it can."""
    try:
        importlib.import_module(library)
    except (ImportError, RuntimeError, OSError) as error:  # timm: "operator torchvision::nms does not exist"
        return f"{library}: {error}"
    return ""


def check(forks: Forks, name: str, clears: bool) -> Run:
    if problem := problem_with(name.partition("_")[0]):
        pytest.skip(problem)
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    run = forks.check(text if clears else broken(text))
    assert run.report["script_exit_code"] == 0, run.err
    return run


@pytest.fixture(autouse=True, scope="module")
def offline() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.mark.parametrize("name", NAMES)
def test_right_loop_is_clean(forks: Forks, name: str) -> None:
    run = check(forks, name, clears=True)
    assert (run.report["verdict"], run.report["findings"], run.code) == ("clean", [], 0)
    assert run.report["steps"] >= 8


@pytest.mark.parametrize("name", NAMES)
def test_loop_without_clearing_is_stale(forks: Forks, name: str) -> None:
    run = check(forks, name, clears=False)
    assert (run.report["verdict"], run.code) == ("stale gradients", 1)
