"""Every script with a fault is told, with the kinds in its first line; its mended form, and every innocent script, is clean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check import faulty
from tests.check.forks import Forks, Run

WAYS = ["closely", "lightly", "sampling"]


def _a_third(names: list[str]) -> list[Any]:
    """Every third runs with every test command; the others are slow, as all of them together are."""
    return [pytest.param(name, marks=pytest.mark.slow if place % 3 else ()) for place, name in enumerate(names)]


@pytest.mark.parametrize("name", _a_third(faulty.names("fault")))
def test_fault_is_told(forks: Forks, name: str) -> None:
    _assert_tells(forks.check(faulty.source(name, "fault")), faulty.expected(name)["fault"])


@pytest.mark.parametrize("name", _a_third(faulty.names("right")))
def test_right_form_is_not_accused(forks: Forks, name: str) -> None:
    _assert_tells(forks.check(faulty.source(name, "right")), faulty.expected(name)["right"])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", faulty.names("right"))
def test_right_form_is_not_accused_however_it_is_watched(forks: Forks, name: str, way: str) -> None:
    run = forks.check(faulty.source(name, "right"), way=way)
    assert (run.report["verdict"], run.report["findings"], run.code) == ("clean", [], 0)


def test_forms_have_the_same_lines() -> None:
    for name in faulty.names("fault"):
        fault, right = (faulty.source(name, form) for form in faulty.FORMS)
        assert fault != right, name
        assert fault.count("\n") == right.count("\n")


def _assert_tells(run: Run, expected: faulty.Expected) -> None:
    findings, notes = (frozenset(each["kind"] for each in run.report[key]) for key in ("findings", "notes"))
    assert faulty.Expected(findings, notes) == expected, run.report["findings"] or run.report["notes"]
    assert (run.code, run.report["script_exit_code"]) == (1 if findings else 0, 0)
