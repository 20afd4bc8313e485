"""What the app costs the link and the machine, and how soon it answers: through a pty of 120x40, 256 colours.

    python -m tests.benchmarks.terminal [SECONDS]

prints a table. Bytes are compared with plain textual-plotext widgets that draw the same two series at the same rate
(pip install textual-plotext; without it that line is left out). Run it on a machine that does nothing else.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import all_runs, create_run, find_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings
from gradtui.tui.widgets.panel import VIEWS
from tests.conftest import wait_until
from tests.made_up import HEADER
from tests.terminal.emulator import Terminal

SIDES = ("with_zero_grad", "without_zero_grad")
GRADTUI = (sys.executable, "-m", "gradtui")
BETWEEN_KEYS_SECONDS = 0.03
"""A key that is held down comes so often."""
PLAIN = """
import sys
from textual.app import App
from textual.containers import Horizontal
from textual_plotext import PlotextPlot
from gradtui.runs.saved_runs import find_run
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.instruments import QUANTITIES

class Plain(App):
    def compose(self):
        with Horizontal():
            yield PlotextPlot()
            yield PlotextPlot()
    def on_mount(self):
        self.run_ = FollowedRun(find_run("last"))
        self.set_interval(0.25, self.draw)
    def draw(self):
        while self.run_.advance():
            pass
        for widget, curves in zip(self.query(PlotextPlot), self.run_.curves.values()):
            series = curves.series[QUANTITIES[0]]
            step = max(1, len(series) // 500)
            widget.plt.clear_data()
            widget.plt.plot(list(series.xs)[::step], list(series.ys)[::step], marker="braille")
            widget.refresh()
Plain().run()
"""


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def training(schedule: str) -> Iterator[RunFolder]:
    """``linear`` with 200,000 epochs, under way; stopped afterwards."""
    command = [*GRADTUI, "run", "linear", "--epochs", "200000", "--schedule", schedule]
    before = {run.id for run in all_runs()}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def under_way() -> bool:
        return {run.id for run in all_runs()} > before and all(find_run("last").count_steps(name) > 2000 for name in SIDES)

    assert wait_until(under_way, seconds=60)
    run = find_run("last")
    try:
        yield run
    finally:
        run.request_stop()
        process.wait()


def rates(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Bytes a second, and the share of a core."""
    bytes_before, cpu_before = terminal.received, cpu_seconds(terminal.process.pid)
    terminal.read(seconds)
    return (terminal.received - bytes_before) / seconds, (cpu_seconds(terminal.process.pid) - cpu_before) / seconds


def say(what: str, figure: str, bar: str = "") -> None:
    print(f"{what:<66}{figure:>14}   {bar}", flush=True)


def drawing(seconds: float) -> None:
    for schedule in ("turns", "parallel"):
        with training(schedule), Terminal(120, 40, (*GRADTUI, "attach")) as terminal:
            terminal.wait_for("running")
            terminal.read(4)
            sent, cpu = rates(terminal, seconds)
        say(f"linear, 200,000 epochs, {schedule}: bytes a second", f"{sent / 1000:.2f} KB", "under 8 KB")
        say(f"linear, 200,000 epochs, {schedule}: the app's share of a core", f"{100 * cpu:.1f} %", "at most 5 %")
        if importlib.util.find_spec("textual_plotext"):
            with training(schedule), Terminal(120, 40, (sys.executable, "-c", PLAIN)) as terminal:  # at the same age
                terminal.read(4)
                plain, _ = rates(terminal, seconds)
            say(f"  plain textual-plotext widgets, {schedule}: bytes a second", f"{plain / 1000:.1f} KB")
            say("  ours are so many times fewer", f"{plain / max(sent, 1):.0f}", "at least 20")


def answer(terminal: Terminal, press: int) -> float:
    """The time from the key for the next view below the charts to its title; ``press`` counts them from 0."""
    began = time.perf_counter()
    terminal.send("v")
    terminal.read_until(VIEWS[(press + 1) % len(VIEWS)].encode(), seconds=5)
    return time.perf_counter() - began


def answering(presses: int = 60) -> None:
    """From a key to what answers it on the wire, while both variants train."""
    with training("parallel"), Terminal(120, 40, (*GRADTUI, "attach")) as terminal:
        terminal.wait_for("running")
        terminal.press("F2")
        terminal.read(4)
        times = []
        for press in range(presses):
            terminal.read(0.11)
            times.append(answer(terminal, press))
    times.sort()
    say("key to paint while both train, median", f"{1000 * statistics.median(times):.0f} ms")
    say("key to paint while both train, 95th of 100", f"{1000 * times[int(0.95 * len(times))]:.0f} ms", "at most 50 ms")


def is_dot(character: str) -> bool:
    return 0x2800 < ord(character) < 0x2900


def has_both_curves(terminal: Terminal) -> bool:
    """Whether there are dots left and right of where the right chart begins."""
    lines = terminal.text.split("\n")
    right = max(line.find("■") for line in lines)
    return any(is_dot(c) for line in lines for c in line[:right]) and any(is_dot(c) for line in lines for c in line[right:])


def starting(rounds: int = 3) -> None:
    """From the start key to the first dot of a curve."""
    times, imports = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        imports.append(time.perf_counter() - began)
        with Terminal(120, 40) as terminal:
            terminal.wait_for("ready")
            terminal.read(8)  # the warm processes have imported torch
            began = time.perf_counter()
            terminal.send("\x1b[15~")
            while not any(map(is_dot, terminal.text)) and time.perf_counter() < began + 20:
                terminal.read(0.002)
            times.append(time.perf_counter() - began)
            terminal.wait_for("finished")
    say("start key to the first point", f"{statistics.median(times):.2f} s", "at most 0.5 s")
    say("  import torch, for comparison", f"{statistics.median(imports):.2f} s")


def rows(first: int, last: int, side: int) -> str:
    return "".join(
        f"{n},{n},{(0.3 + 0.1 * side) * (1 + n % 97) / n**0.3!r},{'0.5' if n % 50 == 1 else ''},0.0001512,"
        f"{'0.25' if n % 50 == 1 else ''},{'1' if n % 50 == 1 else ''}\n"
        for n in range(first, last + 1)
    )


@contextmanager
def made_up_live_run(planned: int) -> Iterator[Callable[[int], None]]:
    """A run that only looks alive; what is yielded lets both variants have so many steps."""
    folder = create_run(RunSettings.parse({"epochs": planned}))
    state = replace(folder.read(), started=folder.read().created)
    done = 0
    for name in state.variants:
        folder.steps_csv(name).write_text(HEADER)

    def grow(to: int) -> None:
        nonlocal done, state
        for side, name in enumerate(state.variants):
            with open(folder.steps_csv(name), "a", encoding="ascii") as file:
                file.write(rows(done + 1, to, side))
            state = with_variant(state, name, steps=to)
        done = to
        folder.write(state)

    with folder.alive():
        folder.write(state)
        yield grow
    folder.write(replace(state, status="stopped"))


def long_runs() -> None:
    """A frame and the memory at a thousand, ten thousand and a million steps; then nothing happens for a while."""
    frames, memory = {}, {}
    with made_up_live_run(1_000_000) as grow, Terminal(120, 40, (*GRADTUI, "attach")) as terminal:
        for length in (1_000, 10_000, 1_000_000):
            for to in range(min(length, 100_000), length + 1, 100_000):
                grow(to)
                terminal.read(0.5)
            terminal.wait_for(f"{length:,}/1,000,000", seconds=60)
            terminal.read(3)
            before = cpu_seconds(terminal.process.pid)
            for frame in range(1, 81):
                grow(length + 10 * frame)
                terminal.read(0.25)
            frames[length] = (cpu_seconds(terminal.process.pid) - before) / 80
            memory[length] = resident_mb(terminal.process.pid)
        terminal.read(3)
        sent, cpu = rates(terminal, 5)
    say("a frame at 1,000 steps", f"{1000 * frames[1_000]:.1f} ms")
    say("a frame at 1,000,000 steps", f"{1000 * frames[1_000_000]:.1f} ms")
    say("  their ratio", f"{frames[1_000_000] / frames[1_000]:.2f}", "at most 1.5")
    say("the app's memory from step 10,000 to 1,000,000", f"{memory[1_000_000] - memory[10_000]:+.0f} MB", "under 40 MB")
    say("bytes a second when nothing changes", f"{sent:.0f}", "0")
    say("  the app's share of a core then", f"{100 * cpu:.1f} %")


def opening() -> None:
    """A run of a million steps from the saved runs, keys being answered meanwhile; a thousand saved runs."""
    with made_up_live_run(1_000_000) as grow:
        for to in range(100_000, 1_000_001, 100_000):
            grow(to)
    with Terminal(120, 40) as terminal:
        terminal.wait_for("ready")
        terminal.read(6)
        began = time.perf_counter()
        terminal.send("o")
        slowest, press = 0.0, 0
        glanced: float | None = None
        while "1,000,000/1,000,000" not in terminal.text and time.perf_counter() < began + 30:
            if glanced is None and has_both_curves(terminal):
                glanced = time.perf_counter() - began
            slowest, press = max(slowest, answer(terminal, press)), press + 1
            terminal.read(BETWEEN_KEYS_SECONDS)
        assert has_both_curves(terminal)
        say("a run of 1,000,000 steps stands there, from a glance, after", f"{glanced or 0:.2f} s")
        say("  and all of it has been read after", f"{time.perf_counter() - began:.2f} s", "under 2 s")
        say("  the slowest answer to a key meanwhile", f"{1000 * slowest:.0f} ms")


def history() -> None:
    """The list of a thousand saved runs; then a word is typed that only the oldest one has."""
    for place in range(1000):
        folder = create_run(RunSettings.parse({} if place else {"lr": 0.025}))
        folder.write(replace(folder.read(), status="finished"))
        for side, name in enumerate(folder.read().variants):
            folder.steps_csv(name).write_text(HEADER + rows(1, 20, side))
    with Terminal(120, 40) as terminal:
        terminal.wait_for("ready")
        terminal.read(6)
        began = time.perf_counter()
        terminal.send("\x1b[21~")
        terminal.read_until(b"1,000", seconds=10)
        say("1,000 saved runs open in", f"{time.perf_counter() - began:.2f} s", "under 0.5 s")
        terminal.send("0.025")
        terminal.read_until(b"lr 0.025", seconds=10)
        say("  from the key to the settings of the oldest, typed for", f"{time.perf_counter() - began:.2f} s")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    parts: tuple[Callable[[], None], ...] = (partial(drawing, seconds), answering, starting, long_runs, opening, history)
    for part in parts:
        with tempfile.TemporaryDirectory() as home:
            os.environ["GRADTUI_HOME"] = home
            part()


if __name__ == "__main__":
    main()
