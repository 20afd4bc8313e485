"""What gradtui costs, and how fast it is, on a CUDA GPU: one table, in Markdown.

    python -m tests.benchmarks.gpu [--device cuda|cpu] [--quick] [--seconds 280] [--only NAME ...]

Each measurement is a process of its own, so that none can spoil, hide or hang another: one that fails leaves a row that says
why. What comes after ``--seconds`` is not reached. Lines are printed as they come; the table follows at the end.
``--device cpu`` does the same on small sizes, to try the script where there is no card.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.benchmarks import gpu_measurements as measurements
from tests.benchmarks.gpu_rows import Conditions, Row
from tests.conftest import processes_of

LAST_LINES = 400  # characters of what a failed measurement printed


def measure(name: str, conditions: Conditions) -> None:
    """Take one measurement in this process; print its rows as JSON lines."""
    for row in measurements.ALL[name].take(conditions):
        print(json.dumps(row), flush=True)


def measured(name: str, arguments: argparse.Namespace, seconds: float) -> list[Row]:
    """Take one measurement in another process, which is ended after so many seconds."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--measure", name, "--device", arguments.device]
    command += ["--quick"] * arguments.quick
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, start_new_session=True)
        why = ""
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            why = f"not ready after {seconds:.0f} s"
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        out.seek(0)
        errors.seek(0)
        rows = list(_rows(out))
        if process.returncode and not why:
            lines = [line for line in errors.read().splitlines() if line.strip()]
            why = " ".join(lines[-1:])[:LAST_LINES] or f"exit code {process.returncode}"
            print("\n".join(lines[-12:]), file=sys.stderr, flush=True)
    if why:
        rows.append([measurements.ALL[name].title, f"failed: {why}", ""])
    return rows


def _rows(lines: Iterable[str]) -> Iterable[Row]:
    for line in lines:
        with suppress(ValueError):
            what, figure, more = json.loads(line)
            yield [str(what), str(figure), str(more)]


def patience(device: str) -> int:
    """How many times as long a measurement may take: on a CPU it is a rehearsal, where others compute too."""
    return 4 if device == "cpu" else 1


def end_all_of(home: str) -> None:
    """Kill what a measurement that was cut off has left."""
    for pid in processes_of(Path(home)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def all_of(arguments: argparse.Namespace) -> list[Row]:
    """The rows of all measurements that are reached, printed as they come."""
    began, table = time.monotonic(), []
    for name, measurement in measurements.ALL.items():
        if arguments.only and name not in arguments.only:
            continue
        left = arguments.seconds - (time.monotonic() - began)
        if left < measurements.SHORTEST_SECONDS:
            rows = [[measurement.title, "not reached", ""]]
        else:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
                os.environ["GRADTUI_HOME"] = home
                rows = measured(name, arguments, min(measurement.seconds * patience(arguments.device), left))
                end_all_of(home)
        for row in rows:
            print(f"[{time.monotonic() - began:5.0f} s] " + " | ".join(filter(None, row)), flush=True)
        table += rows
    return table


def hardware(device: str) -> str:
    """The machine in words. Asks a process of its own, as CUDA must not start in this one."""
    code = (
        "import torch; from gradtui.training.torch_devices import resolve, cpu_name; "
        f"print(resolve({device!r})[1], '·', cpu_name(), '· torch', torch.__version__, '· CUDA', torch.version.cuda)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return f"{result.stdout.strip() or result.stderr.strip()[-LAST_LINES:]} · Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes; always on a CPU")
    parser.add_argument("--seconds", type=float, help="280; on a CPU 1120")
    parser.add_argument("--only", nargs="*", choices=[*measurements.ALL], metavar="NAME", help=", ".join(measurements.ALL))
    parser.add_argument("--measure", choices=[*measurements.ALL], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, Conditions(arguments.device, arguments.quick or arguments.device == "cpu"))
        return
    arguments.seconds = arguments.seconds or 280 * patience(arguments.device)
    began = time.monotonic()
    print(hardware(arguments.device), flush=True)
    arguments.seconds -= time.monotonic() - began
    table = all_of(arguments)
    print("\n| what | figure | |\n|---|---|---|")
    for row in table:
        print("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
