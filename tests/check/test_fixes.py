"""Whoever follows a finding's fix to the letter gets a script that runs and is clean, whichever way of the offered ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.check import broken, faulty, fixes
from tests.check.forks import Forks

UP_TO_THE_READER = {
    "cleared_between",
    "cleared_then_clipped",
    "clip_iterator_twice",
    "clip_other_model",
    "clip_used_up_iterator",
    "frozen_momentum",
    "frozen_weight_decay",
    "leaf_loss",
    "never_steps",
    "never_steps_encoder",
    "no_gradient_detached",
    "orphans_in_a_list",
    "orphans_left_out",
    "shared_all_parameters",
    "shared_encoder",
    "thrown_by_hand",
}
"""What to do there takes more than the report can know: which parameters, which loss, which hand-written lines."""
TOLD = [name for name in faulty.names("fault") if faulty.expected(name)["fault"].findings]
ELSEWHERE = {"lbfgs", "lbfgs_single_step", "sgd_closure", "trainer_class", "optimizer_in_backward"}
"""The fix is in a closure, or in an optimizer that has no name where it steps: the text says so, and no line."""
CORPUS = [name for name in broken.names() if name not in {"compiled", *ELSEWHERE} and broken.clears(broken.source(name))]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TOLD if name not in UP_TO_THE_READER])
def test_fix_of_a_fault_makes_it_clean(forks: Forks, name: str) -> None:
    _follow(forks, faulty.source(name, "fault"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPUS)
def test_fix_of_a_script_that_clears_nothing_makes_it_clean(forks: Forks, name: str) -> None:
    _follow(forks, broken.broken(broken.source(name)))


def _follow(forks: Forks, source: str) -> None:
    findings = forks.check(source).report["findings"]
    ways = [fixes.edits(finding, source) for finding in findings]
    assert ways
    assert all(ways), [finding["fix"] for finding in findings]
    for number in range(max(map(len, ways))):
        todo = dict.fromkeys(edit for offered in ways for edit in offered[min(number, len(offered) - 1)])
        mended = fixes.apply([*todo], source)
        report: dict[str, Any] = forks.check(mended).report
        told = [finding["fix"] for finding in findings]
        assert report["script_exit_code"] == 0, (told, mended)
        assert report["findings"] == [], (told, mended)
