"""How often a run claims a difference where there is none, and whether the time verdict is right where there is one.

    python -m tests.benchmarks.same_policy [RUNS] [--busy N] [--at-once N] [--differ]

Both sides of these runs have the same policy, so whatever the claims say of a difference is false. A claim names one side;
to catch the other direction too, each run is also judged with its sides exchanged. Prints how often each claim was false in
either direction, with the exact 95 % interval of the rate (Clopper and Pearson).

``--differ`` runs `linear` with zero_grad() against without instead, and counts how often the time verdict is right: there a
step without is shorter by 12 %. ``--busy`` keeps so many processes computing meanwhile; ``--at-once`` trains several runs at
the same time, which loads the machine likewise.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.processes import launch
from gradtui.runs.results.claims import Claim
from gradtui.runs.results.reader import read_results
from gradtui.runs.results.rulings import FAILS, HOLDS
from gradtui.runs.results.student_t import incomplete_beta
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import VariantState
from gradtui.settings import RunSettings

SECONDS = 600
"""No run takes longer, also on a machine that is busy."""
TIME = "training time is shorter with"
EXPERIMENTS = {"linear": 400, "digits": 4}
"""The experiments and their epochs."""


def same_policy_runs() -> Iterator[dict[str, object]]:
    """Settings of runs with one policy on both sides, each different, without end."""
    for seed in itertools.count(1):
        for (experiment, epochs), policy, optimizer in itertools.product(
            EXPERIMENTS.items(), ("every_step", "never"), ("SGD", "Adam")
        ):
            yield {
                "experiment": experiment,
                "epochs": epochs,
                "left": policy,
                "right": policy,
                "optimizer": optimizer,
                "seed": seed,
                "device": "cpu",
            }


def differing_runs() -> Iterator[dict[str, object]]:
    """Settings of runs of `linear` with against without zero_grad()."""
    for seed in itertools.count(1):
        yield {"experiment": "linear", "epochs": EXPERIMENTS["linear"], "seed": seed, "device": "cpu"}


def trained(given: Mapping[str, object]) -> RunFolder:
    """A finished run with these settings."""
    folder = create_run(RunSettings.parse(given))
    launch.start_supervisor(folder).wait(timeout=SECONDS)
    status = folder.read().status
    assert status == "finished", (given, status)
    return folder


def false_claims(folder: RunFolder) -> list[Claim]:
    """The claims that name a side in a run of two equal sides, judged as it is and with its sides exchanged."""
    with tempfile.TemporaryDirectory() as directory:
        exchanged = with_sides_exchanged(folder, Path(directory) / folder.id)
        return [claim for judged in (folder, exchanged) for claim in read_results(judged).claims if claim.verdict == HOLDS]


def with_sides_exchanged(folder: RunFolder, to: Path) -> RunFolder:
    """A copy of a run in which left is right, in a folder of the run's name.

    Both sides must have the same policy, so that their settings stay true.
    """
    state = folder.read()
    left, right = state.variants
    to.mkdir(parents=True)
    for path in folder.path.iterdir():
        variant, dot, rest = path.name.partition(".")
        name = {left: right, right: left}.get(variant, variant) + dot + rest
        if path.is_file():
            shutil.copyfile(path, to / name)
    exchanged = RunFolder(to)
    variants: dict[str, VariantState] = {left: state.variants[right], right: state.variants[left]}
    exchanged.write(replace(state, variants=variants))
    for variant in variants:
        timing = exchanged.timing_csv(variant)
        if timing.exists():
            header, *rows = [line.split(",") for line in timing.read_text(encoding="ascii").splitlines()]
            side = header.index("side")
            for row in rows:
                row[side] = str(1 - int(row[side]))
            timing.write_text("".join(",".join(row) + "\n" for row in [header, *rows]), encoding="ascii")
    return exchanged


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep this many processes computing for as long as the block lasts."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(1_000_000))"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def exact_interval(count: int, of: int, tail: float = 0.025) -> tuple[float, float]:
    """The 95 % confidence interval of a rate (Clopper and Pearson 1934): quantiles of two beta distributions."""

    def quantile(probability: float, a: float, b: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if incomplete_beta(middle, a, b) < probability else (low, middle)
        return (low + high) / 2

    low = quantile(tail, count, of - count + 1) if count else 0.0
    return low, quantile(1 - tail, count + 1, of - count) if count < of else 1.0


def rate(count: int, of: int) -> str:
    if of == 0:
        return "no runs"
    low, high = exact_interval(count, of)
    return f"{count:4} of {of}  {100 * count / of:5.1f} %  (95 %: {100 * low:.1f} to {100 * high:.1f} %)"


def finished_runs(settings: Iterator[Mapping[str, object]], runs: int, at_once: int) -> Iterator[RunFolder]:
    """Train so many runs; yields each when it has finished, in order. Ctrl+c ends it once the runs in progress have."""
    threads = ThreadPoolExecutor(at_once)
    try:
        with suppress(KeyboardInterrupt):
            yield from threads.map(trained, itertools.islice(settings, runs))
    finally:
        threads.shutdown(cancel_futures=True)


def count_false(folders: Iterator[RunFolder]) -> None:
    """Judge runs of equal sides and print the rates of false verdicts."""
    false: Counter[str] = Counter()
    time_verdicts: Counter[str] = Counter()
    runs, with_false, names = 0, 0, dict[str, None]()
    for folder in folders:
        wrong = false_claims(folder)
        claims = read_results(folder).claims
        names.update(dict.fromkeys(claim.claim for claim in claims))
        runs += 1
        with_false += bool(wrong)
        false.update({claim.claim for claim in wrong})
        of_time = next(claim for claim in claims if claim.claim == TIME)
        time_verdicts[f"{of_time.verdict}: {of_time.why}"] += 1
        print(f"run {runs}: {of_time.measured}", flush=True)
        for claim in wrong:
            print(f"run {runs}, false: {claim.claim}: {claim.measured}; {claim.why}", flush=True)
    print("\nfalse verdicts:")
    for name in names:
        print(f"  {name:<56} {rate(false[name], runs)}")
    print(f"  {'runs with any':<56} {rate(with_false, runs)}")
    print_time_verdicts(time_verdicts, runs)


def count_right(folders: Iterator[RunFolder]) -> None:
    """Judge the time of runs in which the left side takes longer, and print how often the verdict says so."""
    verdicts: Counter[str] = Counter()
    runs, right = 0, 0
    for folder in folders:
        runs += 1
        claim = next(claim for claim in read_results(folder).claims if claim.claim == TIME)
        right += is_longer(claim)
        verdicts[f"{claim.verdict}: {claim.why}"] += 1
        print(f"run {runs}: {claim.verdict}: {claim.measured}; {claim.why}", flush=True)
    print(f"\n{'the time verdict is right':<58} {rate(right, runs)}")
    print_time_verdicts(verdicts, runs)


def is_longer(claim: Claim) -> bool:
    """Whether the time claim says that a step of the left side takes longer."""
    return claim.verdict == FAILS and claim.why == "it is longer"


def print_time_verdicts(verdicts: Counter[str], runs: int) -> None:
    print("what the time claim said:")
    for said, count in verdicts.most_common():
        print(f"  {said:<56} {count:4} of {runs}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.same_policy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", nargs="?", type=int, default=200, metavar="RUNS")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="processes that compute meanwhile")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="runs that train at the same time")
    parser.add_argument("--differ", action="store_true", help="runs whose sides differ in time")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # either way, what was counted so far is printed
    settings = differing_runs() if given.differ else same_policy_runs()
    with tempfile.TemporaryDirectory() as home, busy(given.busy):
        os.environ["GRADTUI_HOME"] = home
        began, load = time.monotonic(), os.getloadavg()[0]
        folders = finished_runs(settings, given.runs, given.at_once)
        count_right(folders) if given.differ else count_false(folders)
        print(
            f"{given.at_once} at once, {given.busy} busy processes, {os.cpu_count()} cores, load average "
            f"{load:.1f} before and {os.getloadavg()[0]:.1f} after, {time.monotonic() - began:.0f} s"
        )


if __name__ == "__main__":
    main()
