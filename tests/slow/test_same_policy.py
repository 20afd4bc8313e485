"""A few of the runs of the benchmark of the same name: equal sides must not differ, and a difference in time must be found.

The benchmark does hundreds, and prints the rates.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gradtui.runs.results.reader import read_results
from tests.benchmarks.same_policy import TIME, busy, differing_runs, false_claims, is_longer, same_policy_runs, trained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_of_twelve_runs_at_most_one_says_that_the_same_differs() -> None:
    runs = [*itertools.islice(same_policy_runs(), 12)]
    false = [(given, claims) for given in runs if (claims := false_claims(trained(given)))]
    assert len(false) <= 1, false


def test_a_difference_in_time_is_found_while_eight_other_processes_compute(home: Path) -> None:
    with busy(8), ThreadPoolExecutor() as threads:
        folders = [*threads.map(trained, itertools.islice(differing_runs(), 3))]
    claims = [claim for folder in folders for claim in read_results(folder).claims if claim.claim == TIME]
    assert sum(map(is_longer, claims)) >= 2, claims
    assert not [claim for claim in claims if not is_longer(claim) and claim.verdict != "cannot tell"]
