"""The report of check in text and in JSON, from facts made by hand; ranks that agree and ranks that differ."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gradtui.check.facts import Facts
from gradtui.check.loop_notes import Note
from gradtui.check.report import OPTIMIZERS_TOLD, UNWATCHED, WIDTH, Report
from gradtui.check.source_lines import Place
from tests.unit.test_verdict import facts, optimizer, place

__all__ = ["place"]  # the fixture

STALE = {"stale_steps": 19, "first_stale": 2, "stale_parameters": [0, 1, 2, 3]}


def text(*all_facts: Facts, color: bool = False, missing: tuple[int, ...] = (), here: bool = False) -> str:
    return Report(all_facts, missing, here).as_text(color)


def document(*all_facts: Facts, missing: tuple[int, ...] = ()) -> dict[str, Any]:
    line = Report(all_facts, missing).as_json()
    assert "\n" not in line
    return dict(json.loads(line))


def stale_and_clean(place: Any) -> Facts:
    lines = {"backward_at": [place(3)], "stepped_at": [place(4)]}
    return facts(optimizer(**lines, cleared_at=[place(2)]), optimizer(**STALE, **lines))


def test_text_of_a_clean_optimizer_and_of_a_stale_one(place: Any) -> None:
    assert (
        text(stale_and_clean(place))
        == """\
gradtui check: stale gradients  (40 optimizer steps)
Steps applied gradients again that earlier steps had applied: zero_grad() is missing, so the model
is pushed on by old batches and does not train as written.

  SGD  20 steps, 1 backward() each: clean
    cleared    train.py:2  optimizer.zero_grad()
    backward   train.py:3  loss.backward()
    step       train.py:4  optimizer.step()

  SGD  20 steps, 1 backward() each: stale gradients
    Step 2 and 18 more applied gradients that an earlier step had already applied (all 4 parameters).
    cleared    nowhere
    backward   train.py:3  loss.backward()
    step       train.py:4  optimizer.step()
    fix        call optimizer.zero_grad() once per step, before the backward() of train.py:3, or right after train.py:4
"""
    )


def test_json_of_a_clean_optimizer_and_of_a_stale_one(place: Any) -> None:
    seen = document(stale_and_clean(place))
    stale = {"first_stale_step": 2, "stale_parameters": ["a", "b", "c", "d"], "cleared_at": []}
    clean = {
        "class": "SGD",
        "steps": 20,
        "stale_steps": 0,
        "verdict": "clean",
        "first_stale_step": None,
        "stale_parameters": [],
        "parameters": 4,
        "backwards_per_step": {"1": 20},
        "cleared_at": ["train.py:2"],
        "backward_at": ["train.py:3"],
        "step_at": ["train.py:4"],
        "steps_without_backward": 0,
        "steps_cleared_before": 0,
        "parameters_without_gradient": [],
        "not_watched": [],
        "loss_not_finite_from_step": None,
    }
    assert seen["optimizers"] == [clean, {**clean, **stale, "stale_steps": 19, "verdict": "stale gradients"}]
    (finding,) = seen["findings"]
    assert finding["kind"] == "stale gradients"
    assert finding["message"].startswith("step 2 and 18 more applied")
    assert finding["where"] == "train.py:4"
    assert finding["fix"].startswith("call optimizer.zero_grad()")
    del seen["optimizers"], seen["findings"]
    assert seen == {
        "verdict": "stale gradients",
        "notes": [],
        "steps": 40,
        "ended_early": False,
        "script_exit_code": 0,
    }


def test_json_counts_what_else_was_seen() -> None:
    seen = optimizer(
        unchanged_steps=2, empty_steps=[5, 6], wiped_steps=3, no_gradient=["a"], not_finite_steps=1, first_not_finite=9
    )
    (one,) = document(facts(seen))["optimizers"]
    assert (one["steps_without_backward"], one["steps_cleared_before"]) == (4, 3)
    assert (one["parameters_without_gradient"], one["loss_not_finite_from_step"]) == (["a"], 9)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (facts(optimizer()), 0),
        (facts(optimizer(**STALE)), 1),
        (facts(optimizer(**STALE, not_watched=["x"])), 1),
        (facts(optimizer(not_watched=["x"])), UNWATCHED),
        (facts(optimizer(), not_watched=["x"]), UNWATCHED),
        (facts(), UNWATCHED),
    ],
)
def test_exit_code(seen: Facts, code: int) -> None:
    assert Report([seen]).exit_code == code


# The head


@pytest.mark.parametrize(
    ("seen", "head"),
    [
        (facts(optimizer(steps=1)), "gradtui check: clean  (1 optimizer step)"),
        (facts(optimizer(steps=2000)), "gradtui check: clean  (2,000 optimizer steps)"),
        (
            facts(optimizer(), ended_early=True),
            "gradtui check: clean  (20 optimizer steps, then the script was ended, as asked)",
        ),
        (
            facts(optimizer(), script_code=3),
            "gradtui check: clean so far  (20 optimizer steps, then the script failed (exit code 3))",
        ),
        (facts(torch_imported=False), "gradtui check: no steps: the script did not import torch"),
        (facts(script_code=3), "gradtui check: the script failed (exit code 3) before any optimizer stepped"),
    ],
)
def test_head_of_the_text(seen: Facts, head: str) -> None:
    assert text(seen).splitlines()[0] == head


def test_why_nothing_stepped_is_a_note() -> None:
    assert document(facts(torch_imported=False))["notes"] == [
        {"kind": "no steps", "message": "the script did not import torch", "where": None}
    ]


# What was not watched, and findings of no optimizer


def test_what_was_not_watched_is_told_with_its_reason() -> None:
    seen = facts(optimizer(not_watched=["w: no values"]), not_watched=["losses on a device: gone"])
    lines = text(seen).splitlines()
    assert lines[0] == "gradtui check: not watched  (20 optimizer steps)"
    assert lines[2:4] == ["  SGD  20 steps, 1 backward() each: not watched", "    not watched: w: no values"]
    assert lines[-1] == "  not watched: losses on a device: gone"
    assert [note["message"] for note in document(seen)["notes"]] == ["w: no values", "losses on a device: gone"]


def test_what_was_not_watched_is_noted_once_and_is_why_nothing_was_seen() -> None:
    assert len(document(facts(optimizer(not_watched=["w: x"]), optimizer(not_watched=["w: x"])))["notes"]) == 1
    assert [note["kind"] for note in document(facts(not_watched=["an optimizer: x"]))["notes"]] == ["not watched"]


def test_parameters_in_no_optimizer_stand_by_themselves() -> None:
    assert text(facts(optimizer(), orphans=[("Net", "w")])).splitlines()[5:] == [
        "  parameters in no optimizer",
        "    A parameter of Net gets gradients but belongs to no optimizer: w.",
        "    fix        hand them to an optimizer, or requires_grad_(False) where they are not to be trained",
    ]


# Optimizers


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, "no backward() seen"),
        ({4: 20}, "4 backward() each"),
        ({4: 19, 1: 1}, "4 backward() each"),
        ({4: 18, 1: 2}, "1 to 4 backward() each"),
    ],
)
def test_backward_calls_per_step(counts: dict[int, int], told: str) -> None:
    assert f"20 steps, {told}: clean" in text(facts(optimizer(backwards_per_step=counts)))


def test_optimizers_that_look_alike_are_told_once() -> None:
    alike = [optimizer() for _ in range(3)]
    assert text(facts(*alike, optimizer(**STALE))).count("  SGD x 3  20 steps") == 1
    many = [optimizer(class_name=f"Mine{i}") for i in range(OPTIMIZERS_TOLD + 3)]
    assert text(facts(*many)).count("20 steps") == OPTIMIZERS_TOLD
    assert len(document(facts(*many))["optimizers"]) == OPTIMIZERS_TOLD + 3


@pytest.mark.parametrize(
    "other",
    [{"class_name": "Adam"}, {"stepped_at": [Place("b.py", 2)]}, {"not_watched": ["w: x"]}, STALE],
)
def test_optimizers_that_differ_are_told_apart(other: dict[str, Any]) -> None:
    assert " x 2" not in text(facts(optimizer(), optimizer(**other)))


def test_a_loop_that_clears_some_parameters_clears_somewhere(place: Any) -> None:
    shown = text(facts(optimizer(**{**STALE, "stale_parameters": [0]}, cleared_at=[place(2)])))
    assert "nowhere" not in shown
    assert "    cleared    train.py:2  optimizer.zero_grad()" in shown


def test_lines_that_clear_too_early_are_quoted_with_those_that_clear(place: Any) -> None:
    lines = text(facts(optimizer(cleared_at=[place(2)], wiped_at=[place(2), place(3)]))).splitlines()
    assert [line.strip() for line in lines if "train.py" in line] == [
        "cleared    train.py:2  optimizer.zero_grad()",
        "train.py:3  loss.backward()",
    ]


def test_a_long_line_is_cut_and_a_hostile_one_is_made_harmless(tmp_path: Any) -> None:
    (tmp_path / "long.py").write_text("x = '" + "y" * WIDTH + "'\nprint('\x1b[31m\x03')\n")
    lines = [Place(str(tmp_path / "long.py"), line) for line in (1, 2)]
    seen = facts(optimizer(class_name="S\x1bGD\x02", cleared_at=lines), not_watched=["losses: \x1b[0m\x03"])
    shown = text(seen)
    assert "..." in shown
    assert "y" * WIDTH not in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    # Not even the marks of the report's own colors pass from outside.
    assert text(seen, color=True).count("\x1b[1;3") == 1  # that of the optimizer, which is clean


def test_colors_mark_what_is_good_and_what_is_bad() -> None:
    good, bad, unsure = (text(facts(optimizer(**each)), color=True) for each in ({}, STALE, {"not_watched": ["x"]}))
    assert "\x1b[1;32mgradtui check: clean\x1b[0m" in good
    assert "\x1b[1;32mclean\x1b[0m" in good
    assert "\x1b[1;31mgradtui check: stale gradients\x1b[0m" in bad
    assert "\x1b[1;31mstale gradients\x1b[0m" in bad
    assert "\x1b[1mgradtui check: not watched\x1b[0m" in unsure
    assert "\x1b[1mnot watched\x1b[0m" in unsure
    assert "\x1b" not in text(facts(optimizer(**STALE)))


# Ranks


def test_ranks_that_saw_the_same_are_told_in_one_line() -> None:
    ranks = [replace(facts(optimizer()), rank=rank) for rank in range(3)]
    lines = text(*ranks).splitlines()
    assert lines[0] == "gradtui check: clean  (20 optimizer steps, 3 ranks)"
    assert lines[-1] == "  3 ranks, all as rank 0"
    seen = document(*ranks)
    assert seen["ranks"][2] == {"rank": 2, "verdict": "clean", "steps": 20, "script_exit_code": 0}
    assert seen["ranks_not_heard_from"] == []
    assert "ranks" not in document(ranks[0])


def test_a_rank_that_differs_is_named_with_what_it_found() -> None:
    one, other = facts(optimizer()), replace(facts(optimizer(**STALE), script_code=3), rank=1)
    report = Report([one, other])
    assert (report.verdict, report.exit_code) == ("stale gradients", 1)
    assert text(one, other).splitlines()[-1] == (
        "  rank 1 differs from rank 0: SGD stale gradients in 20 steps, 19 stale, exit code 3; rank 0: SGD clean in 20 steps"
    )
    (finding,) = document(one, other)["findings"]
    assert finding["message"].startswith("rank 1: step 2 and 18 more")
    assert [rank["verdict"] for rank in document(one, other)["ranks"]] == ["clean", "stale gradients"]
    assert "Rank 1: step 2" in text(one, other)


def test_what_all_ranks_found_is_told_once() -> None:
    ranks = [replace(facts(optimizer(**STALE)), rank=rank) for rank in range(2)]
    assert len(Report(ranks).findings) == 1
    three = [facts(optimizer()), *(replace(facts(optimizer(**STALE)), rank=rank) for rank in (1, 2))]
    assert [finding.message[:6] for finding in Report(three).findings] == ["rank 1"]


def test_a_rank_may_take_no_step_as_long_as_another_does() -> None:
    idle = replace(facts(), rank=1)
    assert Report([facts(optimizer()), idle]).verdict == "clean"
    assert Report([facts(), replace(facts(optimizer()), rank=1)]).verdict == "clean"
    assert Report([facts(), idle]).verdict == "no steps"
    assert text(facts(optimizer()), idle).splitlines()[-1] == (
        "  rank 1 differs from rank 0: no steps; rank 0: SGD clean in 20 steps"
    )


def test_what_another_rank_could_not_watch_is_told_with_its_rank() -> None:
    ranks = [facts(optimizer()), replace(facts(optimizer(not_watched=["w: x"])), rank=1)]
    assert Report(ranks).verdict == "not watched"
    assert [note["message"] for note in document(*ranks)["notes"]] == ["rank 1: w: x"]


def test_ranks_that_were_not_heard_from() -> None:
    seen = facts(optimizer())
    elsewhere = Report([seen], [2, 3])
    assert (elsewhere.verdict, elsewhere.notes) == ("clean", [])  # another machine reports for them
    assert text(seen, missing=(2, 3)).splitlines()[-1] == "  not heard from: rank 2, rank 3"
    here = Report([seen], [1], missing_here=True)
    assert (here.verdict, here.exit_code) == ("not watched", UNWATCHED)
    assert here.notes == [Note("not watched", "rank 1 was not heard from")]
    assert document(seen, missing=(1,))["ranks_not_heard_from"] == [1]
