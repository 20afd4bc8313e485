"""Runs on a GPU with all their processes, and the app that shows one."""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from gradtui.runs.folder import RunFolder
from tests.benchmarks.gpu_rows import Conditions, Row, micro

GRADTUI = (sys.executable, "-m", "gradtui")


def finished_run(*words: str, timeout: float = 100) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    """``gradtui run`` to the end: what ``--json`` says, and the rows of each side."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.csv"
        command = [*GRADTUI, "run", *words, "--json", "--csv", str(out)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if result.returncode:
            raise RuntimeError(" ".join((result.stderr or result.stdout).split())[-300:])
        rows: dict[str, list[dict[str, str]]] = {}
        with open(out, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["variant"], []).append(row)
        return json.loads(result.stdout), rows


def seconds_of(rows: list[dict[str, str]]) -> list[float]:
    return [float(row["seconds"]) for row in rows]


def real_run(conditions: Conditions) -> Iterator[Row]:
    """A run with its processes: from the command to the end, and its first steps."""
    epochs = "10" if conditions.quick else "100"
    words = ("digits", "--device", conditions.device, "--epochs", epochs, "--timing-probe", "off")
    for schedule in ("turns", "parallel"):
        began = time.perf_counter()
        document, rows = finished_run(*words, "--schedule", schedule)
        took = time.perf_counter() - began
        for name, side in rows.items():
            seconds = seconds_of(side)
            yield [
                f"digits, a run, {schedule}: a step of {name}",
                micro(statistics.median(seconds)),
                f"mean {micro(statistics.fmean(seconds))}, the first {micro(seconds[0])}, "
                f"peak {document['variants'][name]['peak_memory_mb']:.1f} MB",
            ]
        yield [f"digits, a run, {schedule}: from the command to its results", f"{took:.1f} s", f"{len(seconds):,} steps a side"]


def seeds(conditions: Conditions) -> Iterator[Row]:
    from gradtui.settings import SETTINGS

    if "seeds" not in SETTINGS:
        yield ["digits: 32 seeds against one", "not measured", "this version has no setting `seeds`"]
        return
    count = 4 if conditions.quick else 32
    means = []
    for number in (1, count):
        began = time.perf_counter()
        epochs = "3" if conditions.quick else "40"
        _, rows = finished_run(
            "digits", "--device", conditions.device, "--epochs", epochs, "--timing-probe", "off", "--seeds", str(number)
        )
        took = time.perf_counter() - began
        seconds = [one for side in rows.values() for one in seconds_of(side)]
        means.append(statistics.fmean(seconds))
        yield [f"digits: a step of {number} seeds", micro(means[-1]), f"the whole command {took:.1f} s"]
    ratio = means[1] / means[0]
    yield [f"digits: {count} seeds against one", f"{ratio:.2f} times the time", f"{count / ratio:.1f} times the training"]


def probe(conditions: Conditions) -> Iterator[Row]:
    """What the timing probe says of a policy against itself, and of WITH against WITHOUT."""
    epochs = "2" if conditions.quick else "45"
    pairs = (("A/A", "every_step", "every_step"), ("A/B", "every_step", "never"), ("A/A", "every_step", "every_step"))
    for title, left, right in pairs[: 2 if conditions.quick else 3]:
        document, _ = finished_run(
            "digits", "--device", conditions.device, "--epochs", epochs, "--left", left, "--right", right
        )
        claim = next((claim for claim in document["claims"] if "time" in claim["claim"]), None)
        if claim is None:
            raise RuntimeError("no claim is about time")
        yield [f"digits, timing probe {title}", claim["verdict"], f"{claim['measured']} {claim['why']}".strip()]


def _under_way(folder: RunFolder) -> bool:
    return all(folder.count_steps(name) > 100 for name in folder.read().variants)


def app(conditions: Conditions) -> Iterator[Row]:
    """The app in a terminal of 120x40 while both sides train on the device."""
    from gradtui.runs.processes import launch
    from gradtui.runs.saved_runs import create_run
    from gradtui.settings import RunSettings
    from tests.benchmarks.terminal import rates
    from tests.conftest import wait_until
    from tests.terminal.emulator import Terminal

    seconds = 3.0 if conditions.quick else 8.0
    for schedule in ("turns", "parallel"):
        given = {"experiment": "digits", "device": conditions.device, "epochs": 1_000_000, "schedule": schedule}
        folder = create_run(RunSettings.parse(given))
        supervisor = launch.start_supervisor(folder)
        try:
            if not wait_until(partial(_under_way, folder), seconds=40 * (4 if conditions.quick else 1)):
                raise RuntimeError(f"the run has no steps: {folder.read().variants}")
            with Terminal(120, 40, (*GRADTUI, "attach")) as terminal:
                terminal.wait_for("running")
                terminal.read(3)
                before = [folder.count_steps(name) for name in folder.read().variants]
                sent, cpu = rates(terminal, seconds)
                after = [folder.count_steps(name) for name in folder.read().variants]
            steps = sum(after) - sum(before)
            yield [
                f"app, digits, {schedule}: CPU",
                f"{100 * cpu:.1f} % of a core",
                f"{steps / seconds:,.0f} steps/s of both sides",
            ]
            yield [f"app, digits, {schedule}: to the terminal", f"{sent / 1000:.2f} KB/s", ""]
        finally:
            folder.request_stop()
            supervisor.wait(timeout=30)
