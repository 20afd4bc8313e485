"""The measurements of ``tests.benchmarks.gpu``, in the order in which they are taken: the most wanted first."""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from gradtui.training.preparation import Training

SHORTEST_SECONDS = 10.0
"""With less time left, a measurement is not begun."""

Row = list[str]
"""What, the figure, and what else there is to say."""
Loop = Callable[[], float]
"""Trains, and returns the seconds of a step."""

GRADTUI = (sys.executable, "-m", "gradtui")


@dataclass(frozen=True)
class Conditions:
    """``device`` as torch names it; ``quick`` asks for small sizes."""

    device: str
    quick: bool


@dataclass(frozen=True)
class Measurement:
    """``seconds`` is the longest that it may take."""

    title: str
    seconds: float
    take: Callable[[Conditions], Iterator[Row]]


def prepared(conditions: Conditions, **given: object) -> Training:
    """One side of a run, in this process as a worker has it; test data are left out."""
    import torch

    from gradtui.settings import RunSettings
    from gradtui.training.experiments import Data
    from gradtui.training.preparation import prepare, rehearse
    from gradtui.training.torch_devices import resolve

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    device, _ = resolve(conditions.device)
    torch.use_deterministic_algorithms(device.type == "cuda", warn_only=True)
    if device.type == "cuda" or given["experiment"] == "digits":
        torch.set_num_threads(1)
    training = prepare(RunSettings.parse(given), 0, device)
    rehearse(training)
    return replace(training, data=Data(training.data.train))


def per_step(training: Training, train: Callable[[], object], steps: int) -> float:
    """The seconds of a step, of so many, from the first to when the device has done the last."""
    from gradtui.training.torch_devices import synchronize

    synchronize(training.device)
    began = time.perf_counter()
    train()
    synchronize(training.device)
    return (time.perf_counter() - began) / steps


def bare(training: Training, epochs: int, *, reads: bool = False) -> Loop:
    """The plainest loop on the same data, on the device; ``reads`` the loss of each step, as most scripts do."""
    import torch

    from gradtui.training.batches import as_inputs

    settings, data = training.settings, training.data.train
    model, loss_fn, optimizer = training.model, training.loss_fn, training.optimizer
    batch_size = settings.batch_size

    def train() -> None:
        losses: list[object] = []
        for _ in range(epochs):
            order = torch.randperm(len(data)).to(training.device)
            for batch in order.split(batch_size):
                inputs, targets = as_inputs(data.inputs[batch]), data.targets[batch]
                optimizer.zero_grad()
                loss = loss_fn(model(inputs), targets)
                loss.backward()
                optimizer.step()
                losses.append(loss.item() if reads else loss.detach())
        if not reads:
            torch.stack(losses).tolist()  # type: ignore[arg-type]

    return partial(per_step, training, train, epochs * -(-len(data) // batch_size))


def journaled(training: Training, epochs: int) -> Loop:
    """gradtui's loop with its journal, which writes the rows; no other side, so its turn never ends."""
    from gradtui.runs.folder import RunFolder
    from gradtui.training import loop
    from gradtui.training.journal import Journal
    from tests.training.stubs import EndlessTurn

    several = replace(training, settings=replace(training.settings, epochs=epochs))

    def train() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            Journal(RunFolder(Path(folder)), "side", training.device, EndlessTurn()) as rows,
        ):
            loop.train(several, rows)

    return partial(per_step, training, train, epochs * -(-len(training.data.train) // training.settings.batch_size))


def medians(loops: dict[str, Loop], rounds: int) -> dict[str, float]:
    """The median seconds of a step of each, over rounds in which they alternate, forwards and backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        loop()
    for turn in range(rounds):
        for name in loops if turn % 2 else reversed(loops):
            seconds[name].append(loops[name]())
    return {name: statistics.median(values) for name, values in seconds.items()}


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs"


def loop_rows(conditions: Conditions, training: Training, epochs: int, rounds: int) -> Iterator[Row]:
    found = medians(
        {
            "gradtui": journaled(training, epochs),
            "bare": bare(training, epochs),
            "reads": bare(training, epochs, reads=True),
        },
        rounds,
    )
    name = training.settings.experiment
    ratio = found["gradtui"] / found["bare"]
    yield [f"{name}: a step in gradtui's loop, with its journal", micro(found["gradtui"]), f"{ratio:.3f} of a bare loop"]
    yield [f"{name}: in a bare loop on the same data", micro(found["bare"]), "losses read at the end"]
    yield [f"{name}: in a bare loop that reads each loss", micro(found["reads"]), "loss.item() at every step"]


def digits_loop(conditions: Conditions) -> Iterator[Row]:
    epochs, rounds = (10, 3) if conditions.quick else (60, 7)
    yield from loop_rows(conditions, prepared(conditions, experiment="digits"), epochs, rounds)


def cifar_training(conditions: Conditions) -> Training:
    """CIFAR-10's model with made-up pictures; a small part of them where it is to be quick."""
    from gradtui.training.experiments import cifar10

    if conditions.quick:
        cifar10.synthetic = partial(cifar10.synthetic, train=256, test=128)
    return prepared(conditions, experiment="cifar10", data="synthetic")


def cifar_loop(conditions: Conditions) -> Iterator[Row]:
    yield from loop_rows(conditions, cifar_training(conditions), 1, 2 if conditions.quick else 5)


def choices(conditions: Conditions) -> Iterator[Row]:
    """What deterministic algorithms, TF32 and fused optimizers make of a bare loop."""
    import torch
    from torch.utils import deterministic

    def as_it_is() -> None:
        torch.use_deterministic_algorithms(conditions.device != "cpu", warn_only=True)
        deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False

    def unfilled() -> None:
        deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

    def free() -> None:
        torch.use_deterministic_algorithms(False)

    def exact() -> None:
        torch.backends.cudnn.allow_tf32 = False

    def coarse() -> None:
        torch.backends.cuda.matmul.allow_tf32 = True

    named = {
        "as a run has it": as_it_is,
        "deterministic, without filling new memory": unfilled,
        "not deterministic": free,
        "convolutions in float32, not TF32": exact,
        "matrix products in TF32": coarse,
    }
    for training, epochs in (
        (prepared(conditions, experiment="digits"), 4 if conditions.quick else 40),
        (cifar_training(conditions), 1),
    ):
        plain = bare(training, epochs)

        def chosen(choose: Callable[[], None], plain: Loop = plain) -> float:
            as_it_is()
            choose()
            return plain()

        loops: dict[str, Loop] = {name: partial(chosen, choose) for name, choose in named.items()}
        settings = training.settings
        with as_optimizer_allows():
            fused = torch.optim.SGD(training.model.parameters(), lr=settings.lr, fused=True)
            loops["fused SGD"] = partial(chosen, lambda: None, bare(replace(training, optimizer=fused), epochs))
        found = medians(loops, 1 if conditions.quick else 3)
        reference = found["as a run has it"]
        for name, seconds in found.items():
            yield [f"{settings.experiment}, bare loop: {name}", micro(seconds), f"{seconds / reference:.3f}"]


@contextmanager
def as_optimizer_allows() -> Iterator[None]:
    """An option that this torch lacks on this device is left out."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:
        print(error, file=sys.stderr)


def article_epoch(conditions: Conditions) -> Iterator[Row]:
    """An epoch as the article writes it: a DataLoader with 4 workers, and the loss read at each step."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    training = cifar_training(conditions)
    inputs, targets = training.data.train.inputs.cpu(), training.data.train.targets.cpu()

    class Pictures(Dataset[tuple[torch.Tensor, int]]):
        """From memory; a picture becomes floats one by one, as torchvision's ToTensor makes them."""

        def __len__(self) -> int:
            return len(inputs)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return inputs[index].float() / 255, int(targets[index])

    pictures = Pictures()
    loader = DataLoader(pictures, batch_size=128, shuffle=True, num_workers=4)
    model, loss_fn, optimizer, device = training.model, training.loss_fn, training.optimizer, training.device

    def article() -> None:
        running = 0.0
        for batch, wanted in loader:
            pixels, labels = batch.to(device), wanted.to(device)
            optimizer.zero_grad()
            loss = loss_fn(model(pixels), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()

    torch.use_deterministic_algorithms(False)  # the article does not ask for them
    articles = [per_step(training, article, 1) for _ in range(1 if conditions.quick else 2)]
    torch.use_deterministic_algorithms(training.device.type == "cuda", warn_only=True)
    ours = journaled(training, 1)
    steps = -(-len(pictures) // 128)
    ours()
    mine = statistics.median(ours() * steps for _ in range(1 if conditions.quick else 3))
    theirs = min(articles)
    yield [f"cifar10: an epoch of {steps} steps in gradtui's loop", f"{mine:.2f} s", f"{theirs / mine:.1f} times as fast"]
    yield ["cifar10: an epoch as the article writes it", f"{theirs:.2f} s", "DataLoader, 4 workers, from memory"]


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


def check_cost(conditions: Conditions) -> Iterator[Row]:
    """In one process, on the same model: slices of plain and of watched steps alternate."""
    from gradtui.check.watch.watcher import Watcher

    warm = 200 if conditions.quick else 1200
    for training, count in (
        (prepared(conditions, experiment="digits"), 100 if conditions.quick else 1000),
        (cifar_training(conditions), 4 if conditions.quick else 200),
    ):
        step, data = stepper(training), training.settings.experiment
        warm_up = warm if data == "digits" else count
        plain, added = [], []
        for _ in range(2 if conditions.quick else 5):
            seconds = []
            for watched in (False, True, True, False):
                watcher = Watcher()
                if watched:
                    watcher.start()
                step(warm_up)
                seconds.append(per_step(training, partial(step, count), count))
                if watched:
                    watcher.stop()
            first, second, third, fourth = seconds
            plain.append((first + fourth) / 2)
            added.append((second + third - first - fourth) / 2)
        alone, more = statistics.median(plain), statistics.median(added)
        yield [f"{data}: check adds to a step", micro(more), f"{more / alone:+.1%} of {micro(alone)}"]


def stepper(training: Training) -> Callable[[int], None]:
    """A function that trains for so many steps: the plainest loop, with its batches at hand."""
    from gradtui.training.batches import as_inputs

    data, size = training.data.train, training.settings.batch_size
    batches = [
        (as_inputs(inputs), targets)
        for inputs, targets in list(zip(data.inputs.split(size), data.targets.split(size), strict=True))[:24]
    ]
    model, loss_fn, optimizer = training.model, training.loss_fn, training.optimizer

    def steps(count: int) -> None:
        for step in range(count):
            inputs, targets = batches[step % len(batches)]
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()

    return steps


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
            if not wait_until(lambda: all(folder.count_steps(name) > 100 for name in folder.read().variants), seconds=40):  # noqa: B023
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
            supervisor.wait(timeout=20)


ALL = {
    "digits": Measurement("digits: a step in gradtui's loop", 45, digits_loop),
    "cifar10": Measurement("cifar10: a step in gradtui's loop", 50, cifar_loop),
    "probe": Measurement("digits, timing probe", 75, probe),
    "seeds": Measurement("digits: 32 seeds against one", 60, seeds),
    "check": Measurement("check adds to a step", 60, check_cost),
    "article": Measurement("cifar10: an epoch as the article writes it", 60, article_epoch),
    "run": Measurement("digits, a run", 50, real_run),
    "app": Measurement("app, digits", 60, app),
    "choices": Measurement("bare loop: deterministic, TF32, fused", 60, choices),
}
