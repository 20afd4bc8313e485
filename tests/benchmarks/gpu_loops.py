"""Loops on a GPU in one process: gradtui's, a bare one, the article's, and one that is watched by check."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.gpu_rows import Conditions, Row, micro

if TYPE_CHECKING:
    import torch

    from gradtui.training.preparation import Training

Loop = Callable[[], float]
"""Trains, and returns the seconds of a step."""


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
