"""What ``gradtui check`` costs a training loop: ``python -m tests.benchmarks.check [ROUNDS]`` prints a table.

Twice. First in one process, on the very same model and optimizer: slices of plain and of watched steps alternate (order
ABBA), so what differs is the watching alone. Then as a user would see it: ``python loop.py`` and ``gradtui check loop.py``
in turns, each a process of its own that times its own loop; two such processes differ by some percent for as long as
they live, watched or not, so this needs many. Seconds are those of the process itself, on one thread: what else runs on
the machine counts for less.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

LOOPS = {"digits": 512, "linear": 1024}
"""The loops, and the steps of a slice."""
WARM = 1200
"""The first thousand steps are looked at more often; a run has them once."""
SOURCE = """
import os, sys
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, {root!r})
from tests.benchmarks.check import prepared
import time
steps = prepared({loop!r})
steps({warm})
rounds = []
for _ in range(15):
    start = time.process_time()
    steps({steps})
    rounds.append((time.process_time() - start) / {steps})
print("seconds", sorted(rounds)[len(rounds) // 2])
"""


def prepared(loop: str) -> Callable[[int], None]:
    """A function that trains for so many steps: the plainest loop."""
    import torch
    from torch import nn

    from gradtui.settings import RunSettings
    from gradtui.training.experiments import load

    torch.set_num_threads(1)
    torch.manual_seed(42)
    settings = RunSettings.parse({"experiment": loop})
    experiment = load(loop)
    split, model = experiment.data(settings).train, experiment.model(settings)
    batches = list(zip(split.inputs.split(64), split.targets.split(64), strict=True))
    loss_fn: nn.Module = experiment.loss_fn
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def steps(count: int) -> None:
        for step in range(count):
            inputs, targets = batches[step % len(batches)]
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()

    return steps


def in_one_process(loop: str, rounds: int) -> tuple[float, float]:
    """Microseconds a step: plain, and what watching adds; medians over the rounds."""
    from gradtui.check.watch.watcher import Watcher

    steps, count = prepared(loop), LOOPS[loop]
    steps(LOOPS[loop])
    plain, added = [], []
    for _ in range(rounds):
        seconds = []
        for watched in (False, True, True, False):
            watcher = Watcher()
            if watched:
                watcher.start()
            steps(WARM)
            start = time.process_time()
            steps(count)
            seconds.append((time.process_time() - start) / count)
            if watched:
                watcher.stop()
        first, second, third, fourth = seconds
        plain.append((first + fourth) / 2)
        added.append((second + third - first - fourth) / 2)
    return statistics.median(plain) * 1e6, statistics.median(added) * 1e6


def as_processes(loop: str, rounds: int, folder: str) -> tuple[float, float]:
    """The same, between processes that alternate."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    script = os.path.join(folder, f"{loop}.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SOURCE.format(root=root, loop=loop, steps=LOOPS[loop], warm=WARM))
    check = "import sys; from gradtui.check.command import check; sys.exit(check(sys.argv[1:]))"
    environment = os.environ | {"PYTHONPATH": root}
    plain: list[float] = []
    watched: list[float] = []
    for turn in range(rounds):
        both = [(plain, [script]), (watched, ["-c", check, script])]
        for seconds, words in both if turn % 2 else reversed(both):
            done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=True)
            line = next(line for line in done.stdout.splitlines() if line.startswith("seconds "))
            seconds.append(float(line.split()[1]))
    return statistics.median(plain) * 1e6, (statistics.median(watched) - statistics.median(plain)) * 1e6


def main() -> None:
    import tempfile

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{'loop':<8} {'measured':<16} {'plain us/step':>14} {'added us/step':>14} {'added':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for loop in LOOPS:
            for name, (plain, added) in (
                ("in one process", in_one_process(loop, rounds)),
                ("as processes", as_processes(loop, max(3, rounds // 5), folder)),
            ):
                print(f"{loop:<8} {name:<16} {plain:>14.1f} {added:>14.2f} {added / plain:>7.1%}", flush=True)


if __name__ == "__main__":
    main()
