"""What watching costs: the time per step of WITH in a run against a bare loop that records nothing.

    python -m tests.benchmarks.watching [ROUNDS [EXPERIMENT]]

alternates the two, each in a process of its own with as many threads as the run has, and prints the medians over the
rounds and the ratio within each.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import tempfile

BARE = """
import sys, time, torch
from torch import nn
from gradtui.catalog import EXPERIMENTS
from gradtui.settings import RunSettings
from gradtui.training import experiments
from gradtui.training.batches import as_inputs
settings = RunSettings.parse({settings})
if not EXPERIMENTS["{experiment}"].many_cores:
    torch.set_num_threads(1)
torch.manual_seed(42)
experiment = experiments.load("{experiment}")
train, model, loss_fn = experiment.data(settings).train, experiment.model(settings), experiment.loss_fn
optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr)
batch = settings.batch_size
steps, seconds = 0, []
for epoch in range(settings.epochs):
    began = time.perf_counter()
    if batch >= len(train):
        batches = [(train.inputs, train.targets)]
    else:
        order = torch.randperm(len(train))
        batches = ((as_inputs(train.inputs[index]), train.targets[index]) for index in order.split(batch))
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        now = time.perf_counter()
        seconds.append(now - began)
        began = now
print(sum(seconds) / len(seconds), sorted(seconds)[len(seconds) // 2])
"""


CASES: tuple[dict[str, str], ...] = (
    {"experiment": "linear", "epochs": "20000"},
    {"experiment": "digits", "epochs": "100"},
    {"experiment": "cifar10", "epochs": "1", "data": "synthetic"},
)


def bare(settings: dict[str, str]) -> tuple[float, float]:
    """The mean and the median time of a step, in seconds."""
    code = BARE.format(experiment=settings["experiment"], settings=settings)
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    mean, median = output.split()
    return float(mean), float(median)


def watched(settings: dict[str, str]) -> tuple[float, float]:
    """The same of WITH in a run, from its ``seconds`` column."""
    options = [word for name, value in settings.items() if name != "experiment" for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "gradtui", "run", settings["experiment"], *options, "--csv", "-"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = csv.DictReader(output.splitlines())
    seconds = [float(row["seconds"]) for row in rows if row["variant"] == "with_zero_grad"]
    return statistics.fmean(seconds), statistics.median(seconds)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    chosen = sys.argv[2] if len(sys.argv) > 2 else None
    print(f"{'experiment':<12}{'bare':>12}{'watched':>12}{'ratio':>8}{'of medians':>12}   {rounds} rounds, turns")
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRADTUI_HOME"] = home
        for settings in CASES:
            if chosen in (None, settings["experiment"]):
                pairs = [(bare(settings), watched(settings)) for _ in range(rounds)]
                ratio = statistics.median(w[0] / b[0] for b, w in pairs)
                of_medians = statistics.median(w[1] / b[1] for b, w in pairs)
                micro = [1e6 * statistics.median(values) for values in ([b[0] for b, _ in pairs], [w[0] for _, w in pairs])]
                name = settings["experiment"]
                print(f"{name:<12}{micro[0]:>9,.1f} µs{micro[1]:>9,.1f} µs{ratio:>8.3f}{of_medians:>12.3f}", flush=True)


if __name__ == "__main__":
    main()
