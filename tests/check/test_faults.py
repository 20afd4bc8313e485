"""Every script with a fault is told, with the kinds in its first line; its mended form, and every innocent script, is clean."""

from __future__ import annotations

import pytest

from tests.check import faulty
from tests.check.forks import Forks, Run


@pytest.mark.parametrize("name", faulty.names("fault"))
def test_fault_is_told(forks: Forks, name: str) -> None:
    _assert_tells(forks.check(faulty.source(name, "fault")), faulty.expected(name)["fault"])


@pytest.mark.parametrize("name", faulty.names("right"))
def test_right_form_is_not_accused(forks: Forks, name: str) -> None:
    _assert_tells(forks.check(faulty.source(name, "right")), faulty.expected(name)["right"])


def _assert_tells(run: Run, expected: faulty.Expected) -> None:
    findings = {finding["kind"] for finding in run.report["findings"]}
    notes = {note["kind"] for note in run.report["notes"]}
    assert (findings, notes) == (expected.findings, expected.notes), run.report["findings"] or run.report["notes"]
    assert run.code == (1 if findings else 0)
