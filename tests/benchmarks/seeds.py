"""What training many seeds at once costs, against training one: ``python -m tests.benchmarks.seeds [SEEDS]``.

CPU time of this process, on one thread, of whole training loops that record nothing: both take the same steps in turns, and
the least of several times counts, as other processes only ever add to it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import torch

from gradtui.settings import RunSettings
from gradtui.training.preparation import Training, prepare, rehearse

ROUNDS = 15
CASES: tuple[tuple[str, int, dict[str, object]], ...] = (
    ("linear", 200, {}),
    ("digits", 24, {"lr": 0.01}),
    ("digits", 24, {"optimizer": "Adam"}),
)


def steps(training: Training) -> Iterator[None]:
    """Take steps for ever."""
    train_step = training.policy.make(training.settings.k or 1)
    while True:
        for inputs, targets in training.batches:
            train_step(training.model, training.loss_fn, training.optimizer, inputs, targets)
            yield


def stepper(side: int, count: int, given: dict[str, object]) -> Callable[[], float]:
    """A function that takes ``count`` steps and returns their CPU time per step, in seconds."""
    training = prepare(RunSettings.parse(given), side, torch.device("cpu"))
    rehearse(training)
    endless = steps(training)

    def take() -> float:
        began = time.process_time()
        for _ in range(count):
            next(endless)
        return (time.process_time() - began) / count

    return take


def main() -> None:
    torch.set_num_threads(1)
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    for experiment, count, given in CASES:
        for side, name in enumerate(("WITH", "WITHOUT")):
            settings: dict[str, object] = {"experiment": experiment, **given}
            one, many = stepper(side, count, settings), stepper(side, count, {**settings, "seeds": seeds})
            times = [(one(), many()) for _ in range(ROUNDS)]
            alone, at_once = (min(column) for column in zip(*times, strict=True))
            words = " ".join([experiment, *map(str, given.values()), name])
            print(
                f"{words:<24} one {1e6 * alone:6.0f} µs, {seeds} at once {1e6 * at_once:6.0f} µs a step: {at_once / alone:.1f}"
            )


if __name__ == "__main__":
    main()
