"""The measurements of ``tests.benchmarks.gpu``, in the order in which they are taken: the most wanted first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks import gpu_loops, gpu_runs
from tests.benchmarks.gpu_rows import Conditions, Row

SHORTEST_SECONDS = 10.0
"""With less time left, a measurement is not begun."""


@dataclass(frozen=True)
class Measurement:
    """``seconds`` is the longest that it may take."""

    title: str
    seconds: float
    take: Callable[[Conditions], Iterator[Row]]


ALL = {
    "digits": Measurement("digits: a step in gradtui's loop", 45, gpu_loops.digits_loop),
    "cifar10": Measurement("cifar10: a step in gradtui's loop", 50, gpu_loops.cifar_loop),
    "probe": Measurement("digits, timing probe", 75, gpu_runs.probe),
    "seeds": Measurement("digits: 32 seeds against one", 60, gpu_runs.seeds),
    "check": Measurement("check adds to a step", 60, gpu_loops.check_cost),
    "article": Measurement("cifar10: an epoch as the article writes it", 60, gpu_loops.article_epoch),
    "run": Measurement("digits, a run", 50, gpu_runs.real_run),
    "app": Measurement("app, digits", 60, gpu_runs.app),
    "choices": Measurement("bare loop: deterministic, TF32, fused", 60, gpu_loops.choices),
}
