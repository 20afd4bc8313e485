"""The closed form of ``linear`` beside real runs of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gradtui.runs.results.theory import FLOAT32_FLOOR, Theory, theory_of
from gradtui.settings import RunSettings
from tests.training.stubs import losses_of, run_loop


def measured(folder: Path, side: int, **given: Any) -> tuple[list[float], Theory]:
    """A side's losses, row 1 first, and the theory that starts from the first of them."""
    run_loop(folder, side, **given)
    losses = losses_of(folder / "side.csv")
    theory = theory_of(RunSettings.parse(given), side, losses[0])
    assert theory is not None
    return losses, theory


@pytest.mark.parametrize("seed", [1, 42])
@pytest.mark.parametrize("lr", [0.003, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_with_zero_grad_the_loss_follows_the_theory_down_to_the_floor(tmp_path: Path, lr: float, seed: int) -> None:
    losses, theory = measured(tmp_path, 0, lr=lr, epochs=120, seed=seed)
    last = theory.last_row(len(losses))
    assert last > 8
    for row, loss in enumerate(losses[:last], 1):
        # An error of float32's step in the residual is a relative error of the loss that grows as the residual shrinks.
        assert loss == pytest.approx(theory.loss(row), rel=1e-4 + 8 * math.sqrt(FLOAT32_FLOOR / theory.loss(row)))
    if last < len(losses) and lr < 1 / 6:
        assert max(losses[last:]) < 100 * FLOAT32_FLOOR, "what remains is rounding"


@pytest.mark.parametrize("policy", ["never", "momentum_one"])
@pytest.mark.parametrize("lr", [0.01, 0.1, 0.25, 0.3])
def test_without_zero_grad_the_residual_follows_the_theory(tmp_path: Path, lr: float, policy: str) -> None:
    losses, theory = measured(tmp_path, 1, lr=lr, epochs=1000, right=policy)
    assert theory.envelope is not None
    for row, loss in enumerate(losses, 1):
        # Each step adds an error of float32's rounding; relative to the amplitude it has grown to 2e-6 at step 20.
        tolerance = 3e-7 * row * math.sqrt(theory.envelope)
        assert math.sqrt(loss) == pytest.approx(math.sqrt(theory.loss(row)), abs=tolerance)


def test_beyond_a_third_without_grows_as_the_theory_says(tmp_path: Path) -> None:
    losses, theory = measured(tmp_path, 1, lr=0.4, epochs=45)
    for row, loss in enumerate(losses, 1):
        assert loss == pytest.approx(theory.loss(row), rel=1e-4)
    assert losses[-1] > 1e30
