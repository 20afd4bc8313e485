"""The corpus of scripts as the sides of a comparison: what WITH clears, what WITHOUT leaves, whose loss is a step's."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.check import broken
from tests.training.scripts_forked import ScriptForks

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "linear_article.json").read_text())

QUICK = {
    *("accumulation", "create_graph", "frozen_then_thawed", "gan", "gan_in_place", "grad_data_zero", "grad_is_none", "lbfgs"),
    *("grad_scaler", "gradient_by_assignment", "gradient_norm_logged", "half_the_model", "lazy_modules"),
    *("one_branch_in_place", "scaler_skips", "sgd_closure", "sparse_embedding", "zeroed_in_place"),
}
MIXED = {
    *("actor_critic", "adversarial_inputs", "gan", "gan_critic_steps", "gan_in_place", "gan_one_loss", "gradient_surgery"),
    *("gradients_saved_and_restored", "leftover_window", "nested_optimizer", "validation_backward", "wgan_penalty"),
}
"""Broken, gradients are left in them that no step has applied, say of another optimizer's backward(): WITH leaves those too."""


@pytest.fixture(scope="module")
def forks() -> Iterator[ScriptForks]:
    with ScriptForks() as started:
        yield started


def scripts() -> list[object]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in broken.names()]


@pytest.mark.parametrize("name", scripts())
def test_with_a_right_script_does_what_it_does_under_python(name: str, forks: ScriptForks) -> None:
    source = broken.source(name)
    plain, left = forks.run(source, "plain"), forks.run(source, "with")
    assert not plain.error
    assert not left.error
    assert left.losses
    assert (left.tensors, left.uncleared) == (plain.tensors, 0)


@pytest.mark.parametrize("name", scripts())
def test_with_a_script_that_forgets_to_clear_becomes_the_right_one(name: str, forks: ScriptForks) -> None:
    source = broken.source(name)
    left = forks.run(broken.broken(source), "with")
    assert not left.error
    if name not in MIXED:
        # What a backward() does not reach has no gradient afterwards, as if the script had cleared as is torch's default.
        assert left.tensors == forks.run(source.replace("set_to_none=False", ""), "plain").tensors
    if broken.clears(source):
        assert left.uncleared > 0


@pytest.mark.parametrize("name", scripts())
def test_without_nothing_is_cleared_but_by_other_means(name: str, forks: ScriptForks) -> None:
    source = broken.source(name)
    right = forks.run(source, "without")
    assert not right.error
    other_means = any("zero_grad(" not in line for line in source.splitlines() if line.endswith("# clears"))
    assert right.cleared_otherwise == other_means
    one_clearing = source.count("zero_grad(") == source.count("# clears") == 1
    if one_clearing and not other_means:
        assert right.tensors == forks.run(broken.broken(source), "plain").tensors


def losses(forks: ScriptForks, training: str, side: str = "with") -> list[float]:
    seen = forks.run(HEAD + textwrap.dedent(training), side)
    assert not seen.error
    return seen.losses


HEAD = """
import torch
from torch import nn
weight = nn.Parameter(torch.tensor(3.0))
optimizer = torch.optim.SGD([weight], lr=0.0)
"""


def test_the_loss_of_a_step_is_the_mean_of_its_micro_batches(forks: ScriptForks) -> None:
    training = """
        for step in range(2):
            for share in (1.0, 2.0, 6.0):
                (weight * share).backward()
            optimizer.step()
            optimizer.zero_grad()
    """
    assert losses(forks, training) == [9.0, 9.0]


@pytest.mark.parametrize("side", ["with", "without"])
@pytest.mark.parametrize("outside", [0, 1, 2])
def test_the_loss_of_a_step_is_the_mean_of_its_micro_batches_also_in_a_closure(
    outside: int, side: str, forks: ScriptForks
) -> None:
    """As trainers do that accumulate gradients; an optimizer that evaluates the closure again returns the first loss."""
    training = f"""
        class Twice(torch.optim.SGD):
            def step(self, closure):
                closure()
                return super().step(closure)
        optimizer = Twice([weight], lr=0.0)
        shares = (1.0, 2.0, 6.0)
        for step in range(2):
            for share in shares[:{outside}]:
                (weight * share).backward()
            def last():
                for share in shares[{outside}:]:
                    (weight * share).backward()
            optimizer.step(last)
            optimizer.zero_grad()
    """
    assert losses(forks, training, side) == [9.0, 9.0]


def test_a_scaled_loss_is_recorded_as_it_was_before(forks: ScriptForks) -> None:
    training = """
        scaler = torch.amp.GradScaler("cpu")
        scaler.scale(weight * 2).backward()
        scaler.step(optimizer)
    """
    assert losses(forks, training) == [6.0]


def test_a_loss_that_the_script_adds_up_in_place_is_recorded_as_it_was(forks: ScriptForks) -> None:
    training = """
        total = None
        for step in range(3):
            loss = weight * 1
            loss.backward()
            optimizer.step()
            total = loss.detach() if total is None else total.add_(loss.detach())
    """
    assert losses(forks, training) == [3.0, 3.0, 3.0]


def norms(forks: ScriptForks, training: str, side: str) -> list[dict[str, float] | None]:
    seen = forks.run(HEAD + textwrap.dedent(training), side)
    assert not seen.error
    return seen.norms


CLIPS = {
    "between backward() and step()": "nn.utils.clip_grad_norm_([weight], 1.0)",
    "by its value": "nn.utils.clip_grad_value_([weight], 1.0)",
    "a generator": "nn.utils.clip_grad_norm_((each for each in [weight]), 1.0)",
    "twice": "nn.utils.clip_grad_norm_(weight, 2.0); nn.utils.clip_grad_norm_(weight, 1.0)",
    "of others first": "for each in (nn.Parameter(torch.ones(2)), weight): nn.utils.clip_grad_norm_([each], 1.0)",
}


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
def test_norms_are_taken_before_the_script_clips(clip: str, forks: ScriptForks) -> None:
    training = f"""
        for step in range(4):
            optimizer.zero_grad()
            (weight * 5.0).backward()
            {clip}
            optimizer.step()
    """
    one = {"grad_norm": 5.0, "fresh_grad_norm": 5.0, "cosine": 1.0}
    clipped = {"clipped_norm": pytest.approx(1.0, rel=1e-5)}
    assert norms(forks, training, "with") == [None, *[one | clipped] * 3]
    stored = one | {"grad_norm": pytest.approx(6.0, rel=1e-5)}  # WITHOUT, clipping rewrites what is stored
    assert norms(forks, training, "without") == [None, *[stored | clipped] * 3]


def test_norms_are_taken_before_a_hook_of_the_optimizer_clips(forks: ScriptForks) -> None:
    training = """
        optimizer.register_step_pre_hook(lambda *args: nn.utils.clip_grad_norm_([weight], 1.0) and None)
        for step in range(3):
            optimizer.zero_grad()
            (weight * 5.0).backward()
            optimizer.step()
    """
    with_norms, without_norms = (norms(forks, training, side)[-1] or {} for side in ("with", "without"))
    assert (with_norms["grad_norm"], with_norms["clipped_norm"]) == pytest.approx((5.0, 1.0))
    assert (without_norms["grad_norm"], without_norms["clipped_norm"]) == pytest.approx((6.0, 1.0))


def test_a_step_that_does_not_clip_has_no_clipped_norm(forks: ScriptForks) -> None:
    training = """
        for step in range(3):
            optimizer.zero_grad()
            (weight * 5.0).backward()
            if step == 1:
                nn.utils.clip_grad_norm_([weight], 1.0)
            optimizer.step()
    """
    assert ["clipped_norm" in (each or {}) for each in norms(forks, training, "with")] == [False, True, False]


def test_the_fresh_gradient_of_a_scaled_loss_is_unscaled_like_the_applied_one(forks: ScriptForks) -> None:
    training = """
        scaler = torch.amp.GradScaler("cpu")
        for step in range(3):
            optimizer.zero_grad()
            scaler.scale(weight * 5.0).backward()
            if step == 2:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_([weight], 1.0)
            scaler.step(optimizer)
            scaler.update()
    """
    one = {"grad_norm": 5.0, "fresh_grad_norm": 5.0, "cosine": 1.0}
    assert norms(forks, training, "with") == [None, one, one | {"clipped_norm": pytest.approx(1.0, rel=1e-5)}]


def test_two_optimizers_that_share_a_backward_share_its_loss_and_are_told_apart(forks: ScriptForks) -> None:
    training = """
        bias = nn.Parameter(torch.tensor(1.0))
        other = torch.optim.SGD([bias], lr=0.0)
        for step in range(2):
            (weight + bias).backward()
            optimizer.step()
            other.step()
    """
    seen = forks.run(HEAD + textwrap.dedent(training), "without")
    assert (seen.losses, seen.optimizers) == ([4.0] * 4, [1, 2, 1, 2])


def test_a_step_inside_another_on_the_same_parameters_belongs_to_it(forks: ScriptForks) -> None:
    training = """
        class Wrapper(torch.optim.Optimizer):
            def step(self):
                optimizer.step()
                optimizer.step()
        wrapper = Wrapper([weight], {})
        other = torch.optim.SGD([nn.Parameter(torch.tensor(1.0))], lr=0.0)
        for step in range(3):
            (weight * 1).backward()
            wrapper.step()
            other.step()
    """
    seen = forks.run(HEAD + textwrap.dedent(training), "with")
    assert (seen.error, seen.optimizers) == ("", [1, 2] * 3)


def test_a_step_without_a_backward_has_no_loss(forks: ScriptForks) -> None:
    (loss,) = losses(forks, "weight.grad = torch.tensor(1.0)\noptimizer.step()")
    assert loss != loss


def test_a_parameter_that_the_last_backward_does_not_reach_is_not_stepped_again(forks: ScriptForks) -> None:
    training = """
        optimizer.param_groups[0]["lr"] = 1.0
        bias = nn.Parameter(torch.tensor(0.0))
        optimizer.add_param_group({"params": [bias], "lr": 1.0})
        for step in range(3):
            (weight if step != 1 else bias).backward()
            optimizer.step()
        assert (weight.item(), bias.item()) == (1.0, -1.0), (weight, bias)
    """
    losses(forks, training)


def test_a_gradient_asked_for_by_itself_leaves_the_applied_one_as_it_is(forks: ScriptForks) -> None:
    training = """
        for step in range(3):
            optimizer.zero_grad()
            (weight * 2).backward()
            optimizer.step()
            torch.autograd.grad(weight * 5, weight)
            assert weight.grad == 2, weight.grad
    """
    losses(forks, training)


def test_a_class_with_a_zero_grad_of_its_own_is_void_too(forks: ScriptForks) -> None:
    training = """
        class Own(torch.optim.SGD):
            def zero_grad(self, *arguments):
                raise AssertionError
        optimizer = Own([weight], lr=0.0)
        for step in range(3):
            optimizer.zero_grad("anything")
            (weight * 1).backward()
            optimizer.step()
        assert weight.grad == 3
    """
    losses(forks, training, "without")


def test_the_articles_losses_on_the_side_that_each_loop_was_written_for(forks: ScriptForks) -> None:
    source = ARTICLE.read_text(encoding="utf-8")
    assert forks.run(source, "with").losses[:20] == GOLDEN["with_zero_grad"]
    assert forks.run(source, "without").losses[20:] == GOLDEN["without_zero_grad"]


ARTICLE = Path(__file__).parent.parent / "golden" / "linear_article.py"
