"""Turns facts into findings, each with its source line, and one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtui.check.accounts import Feeding
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.ledger_findings import REPEATED, clipping, mixed_losses, shared, thrown_away
from gradtui.check.source_lines import Place

CLEAN = "clean"
STALE = "stale gradients"
CLEARED = "cleared before step"
NO_BACKWARD = "step without backward"
NO_OPTIMIZER = "parameters in no optimizer"
NO_GRADIENT = "parameters without a gradient"
NOT_FINITE = "loss not finite"
THROWN_AWAY = "gradients thrown away"
MIXED = "mixed losses"
CLIPPING = "clipping without effect"
NEVER_STEPS = "optimizer never steps"
FROZEN = "frozen yet changed"
SHARED = "shared by two optimizers"
NOT_WATCHED = "not watched"
"""Not a finding: nothing was found, but not everything could be watched, so a problem may have been missed."""
NOTHING = "no steps"
"""Not a finding: no optimizer stepped, so there is nothing to judge."""

IN_PLAIN_WORDS = {
    STALE: "Steps applied gradients again that earlier steps had applied: zero_grad() is missing, so the model is pushed on by "
    "old batches and does not train as written.",
    CLEARED: "The gradients are cleared after backward() and before step(): the model does not learn.",
    MIXED: "A step applies the gradients of a loss that was meant for something else: the model is trained on both.",
    SHARED: "Two optimizers apply the same gradients to the same parameters: these take two steps at once.",
    THROWN_AWAY: "Gradients are cleared before a step has applied them: part of the data is computed and never used.",
    NO_BACKWARD: "Steps come without a backward(): they apply old gradients, or nothing.",
    NEVER_STEPS: "An optimizer never steps: its parameters keep their first values.",
    NO_OPTIMIZER: "Parameters get gradients but belong to no optimizer: they keep their first values.",
    NO_GRADIENT: "Parameters of an optimizer never get a gradient: they keep their first values.",
    FROZEN: "Parameters that are meant to be frozen change.",
    CLIPPING: "Clipping does not limit the gradients that the step applies.",
    NOT_FINITE: "A loss became nan or infinite, and a step applied its gradients.",
}
"""What each kind of finding means for the training. The most serious comes first; the verdict is the first that was found."""

ORDER = tuple(IN_PLAIN_WORDS)

CLEARED_ONE_IN = 2
"""Clearing before step() is a finding from one step in this many on. A loop may skip a bad batch by clearing its gradients, but
one that does so every second time trains on too little."""
EMPTY_ONE_IN = 10
"""Steps without a backward() are a finding from one in this many on. A loop that accumulates may step once more at the end of
each epoch, when the window before it was already complete; an epoch usually has more windows than this."""
NAMES_TOLD = 4
"""List at most this many names, so that a message stays one line."""


@dataclass(frozen=True)
class Finding:
    """One problem. ``optimizer``: index in the facts, None if no optimizer is concerned; ``fix``: what to do."""

    kind: str
    message: str
    where: Place | None
    fix: str
    optimizer: int | None = None


def findings(facts: Facts) -> list[Finding]:
    """All findings, most serious first."""
    found = [finding for place, one in enumerate(facts.optimizers) for finding in _of_optimizer(place, one, facts)]
    found.extend(_never_stepped(facts))
    if facts.empty_clips >= REPEATED:
        message = (
            f"a clipping function got no gradients in {facts.empty_clips:,} calls: the parameters belong to no optimizer, or "
            "the iterator was used up before"
        )
        fix = "hand it the parameters of the optimizer, as a list or by calling parameters() again"
        found.append(Finding(CLIPPING, message, facts.empty_clip_at, fix))
    found.extend(_orphans(facts))
    return sorted(found, key=lambda finding: ORDER.index(finding.kind))


def verdict(found: list[Finding], facts: Facts) -> str:
    """The overall verdict, in a word or two."""
    if found:
        return found[0].kind
    if facts.all_not_watched:
        return NOT_WATCHED
    return CLEAN if facts.steps else NOTHING


def why_nothing(facts: Facts) -> str:
    """The likely reason why no optimizer stepped."""
    if facts.script_code:
        return f"the script failed (exit code {facts.script_code}) before any optimizer stepped"
    others = "; the processes that it started are not watched" if facts.started_others else ""
    if facts.asked_for_help:
        return "the script was asked for help, not to train"
    if not facts.torch_imported:
        return f"the script did not import torch{others}"
    if facts.backward_elsewhere:
        return f"backward() ran, but no optimizer of torch.optim stepped; a step written by hand is not watched{others}"
    if facts.idle_optimizers:
        return f"step() of {some(facts.idle_optimizers)} was never called in this process{others}"
    return f"no optimizer of torch.optim stepped in this process{others}"


def optimizer_verdict(place: int, found: list[Finding], facts: Facts) -> str:
    """The verdict on the optimizer at index ``place`` in the facts."""
    otherwise = NOT_WATCHED if facts.optimizers[place].not_watched else CLEAN
    return next((finding.kind for finding in found if finding.optimizer == place), otherwise)


def _of_optimizer(place: int, one: OptimizerFacts, facts: Facts) -> Iterator[Finding]:
    step_line = _first(one.stepped_at)
    if one.stale_steps:
        yield Finding(STALE, _stale_message(one), step_line, _stale_fix(place, facts), place)
    if one.wiped_steps * CLEARED_ONE_IN >= max(one.steps, 1):
        yield Finding(
            CLEARED,
            f"the gradients were cleared between backward() and step() {_of_steps(one.wiped_steps, one.steps)}: "
            "nothing is learned",
            _first(one.wiped_at) or step_line,
            _cleared_fix(one),
            place,
        )
    yield from _by_ledger(place, one, facts)
    trained_nothing = len(one.no_gradient) == len(one.parameters)
    unseen = trained_nothing and facts.backward_elsewhere
    if one.unchanged_steps or (_often_empty(one) and not unseen):
        count = one.unchanged_steps + len(one.empty_steps)
        yield Finding(
            NO_BACKWARD,
            _no_backward_message(count, one, facts),
            facts.leaf_loss_at or step_line,
            _no_backward_fix(facts),
            place,
        )
        if trained_nothing:
            return
    if one.no_gradient and one.steps:
        yield Finding(
            NO_GRADIENT,
            _no_gradient_message(one, unused=trained_nothing and bool(facts.orphans)),
            step_line,
            "hand the optimizer the parameters that the loss depends on",
            place,
        )
    if one.not_finite_steps:
        yield Finding(
            NOT_FINITE,
            _not_finite_message(one),
            one.not_finite_at or step_line,
            "lower the learning rate, or look at this step's batch",
            place,
        )


def _cleared_fix(one: OptimizerFacts) -> str:
    line, step = _first(one.wiped_at), _first(one.stepped_at)
    after = f"right after the step() of {step}" if step else "after step()"
    return f"move what {line} does to {after}" if line else f"clear before backward(), or {after}"


def _by_ledger(place: int, one: OptimizerFacts, facts: Facts) -> Iterator[Finding]:
    """What the ledger says of this optimizer. What stale gradients cause is not told a second time."""
    questions = [(CLIPPING, clipping)] if not one.wiped_steps else []
    if not (one.stale_steps or one.wiped_steps):
        questions += [(MIXED, mixed_losses), (SHARED, shared), (THROWN_AWAY, thrown_away)]
    for kind, question in questions:
        for told in question(place, facts):
            yield Finding(kind, told.message, told.where, told.fix, place)
    if one.frozen_changed and not one.stale_steps:
        names = some(one.frozen_changed)
        yield Finding(
            FROZEN,
            f"step() changed parameters that do not require a gradient, by momentum or weight decay: {names}",
            _first(one.stepped_at),
            "set their .grad to None where they are frozen, or give the optimizer only the parameters that are trained",
            place,
        )


def _never_stepped(facts: Facts) -> Iterator[Finding]:
    if facts.ended_early or facts.script_code:
        return
    for idle in facts.never_stepped:
        name = idle.variable or f"the {idle.class_name}"
        yield Finding(
            NEVER_STEPS,
            f"{name} never stepped, although {idle.backwards:,} backward() calls made gradients for its parameters",
            idle.place,
            f"call {idle.variable or 'its'}{'.' if idle.variable else ' '}step() after backward()",
        )


def _no_backward_message(count: int, one: OptimizerFacts, facts: Facts) -> str:
    if facts.leaf_losses and one.empty_steps:
        return (
            f"backward() ran on a loss that no parameter leads to, so step() had nothing to apply {_of_steps(count, one.steps)}"
        )
    return f"step() was called without a backward() since the one before {_of_steps(count, one.steps)}"


def _no_backward_fix(facts: Facts) -> str:
    if facts.leaf_losses:
        return "compute the loss from the model's output, without detach(), .item() or no_grad() in between"
    return "call backward() before each step()"


def _often_empty(one: OptimizerFacts) -> bool:
    """Whether empty steps are the rule, not just the occasional flush of an accumulation window that was already complete.

    The first step has no step before it, so it counts only if every step is empty.
    """
    if not one.empty_steps:
        return False
    if len(one.empty_steps) == one.steps:
        return True
    inside = [step for step in one.empty_steps if 1 < step < one.steps]
    return len(inside) * EMPTY_ONE_IN >= one.steps


def _stale_message(one: OptimizerFacts) -> str:
    steps = f"step {one.first_stale}" + (f" and {one.stale_steps - 1:,} more" if one.stale_steps > 1 else "")
    if one.piled_steps and one.first_stale == 1:
        return f"{steps} added, in each call of the closure, to the gradients that the call before had left"
    return f"{steps} applied gradients that an earlier step had already applied ({stale_parameters(one)})"


def stale_parameters(one: OptimizerFacts) -> str:
    """Which parameters are stale: all, whole groups, or single names."""
    stale = set(one.stale_parameters)
    if len(one.stale_parameters) == len(one.parameters):
        count = len(one.parameters)
        return f"all {count} parameters" if count > 1 else "its only parameter"
    parts, start = [], 0
    for group, size in enumerate(one.group_sizes):
        places = range(start, start + size)
        start += size
        if size and stale.issuperset(places):
            parts.append(f"group {group}")
            stale.difference_update(places)
    rest = [one.parameters[place] for place in sorted(stale)]
    return f"{len(one.stale_parameters)} of {len(one.parameters)} parameters: " + some(parts + rest)


def _stale_fix(place: int, facts: Facts) -> str:
    one = facts.optimizers[place]
    step_line = _first(one.stepped_at)
    if one.unchanged_steps == one.stale_steps:
        return "call backward() before each step(), and clear the gradients after each step()"
    name = one.variable or _name(step_line)
    call = f"{name}.zero_grad()" if name else "zero_grad()"
    if (one.piled_steps and one.first_stale == 1) or one.closure:
        return f"call {call} first thing in the closure"
    if one.library_at is not None and step_line is not None and step_line in one.backward_at:
        library = one.library_at
        return f"the loop is in a library that {step_line} calls: look at {library}, and at what overrides its clearing"
    partly = one.cleared_at and len(one.stale_parameters) < len(one.parameters)
    if partly and call not in one.cleared_at[0].source:
        return f"what {one.cleared_at[0]} clears leaves these out: call {call} there"
    feeding = Feeding.of(one)
    backward = feeding.first or _first(one.backward_at)
    before = f", before the backward() of {backward}" if backward else " before backward()"
    after = f"right after {step_line or 'the step'}"
    if feeding.foreign:  # what another loss leaves behind after the step must go too
        return f"call {call} once per step{before}"
    alike = (
        bool(one.variable)
        and sum(each.variable == one.variable and each.stepped_at == one.stepped_at for each in facts.optimizers) > 1
    )
    if alike or "." in name:  # a loop's variable, or an object's attribute: it may mean something else in another line
        return f"call {call} once per step, {after}"
    if feeding.own > 1:
        return f"call {call} once per step, {after}, not for each backward()"
    return f"call {call} once per step{before}, or {after}"


def _name(place: Place | None) -> str:
    """The optimizer's name in a line that steps it, or an empty string."""
    source = place.source if place else ""
    head, call, _ = source.partition(".step(")
    name = head.split()[-1] if call and head.split() else ""
    return name if name.replace(".", "").replace("_", "").isalnum() and "scal" not in name.lower() else ""


def _no_gradient_message(one: OptimizerFacts, unused: bool) -> str:
    count = len(one.no_gradient)
    which = f"all {count} parameters" if count == len(one.parameters) else f"{count} of {len(one.parameters)} parameters"
    if len(one.parameters) == 1:
        which = "the only parameter"
    why = ", the network does not use them" if unused else ""
    return f"{which} of the optimizer never got a gradient in {_steps(one.steps)}{why}: {some(one.no_gradient)}"


def _not_finite_message(one: OptimizerFacts) -> str:
    first = f"step {one.first_not_finite:,}"
    if one.not_finite_unseen:
        first += f", or from up to {_steps(one.not_finite_unseen)} before that,"
    if one.not_finite_steps == 1 and one.first_not_finite < one.steps:
        return f"the loss was {one.not_finite_value} in {first}, of {one.steps:,}"
    until_end = one.not_finite_steps == one.steps - one.first_not_finite + 1
    often = (
        "in each step to the end" if until_end else f"in {_steps(one.not_finite_steps)}, the last one {one.last_not_finite:,}"
    )
    return f"the loss was {one.not_finite_value} from {first} on, {often}"


def _orphans(facts: Facts) -> Iterator[Finding]:
    if not facts.orphans:
        return
    models: dict[str, list[str]] = {}
    for model, name in facts.orphans:
        models.setdefault(model, []).append(name)
    for model, names in models.items():
        count = f"{len(names)} parameters" if len(names) > 1 else "a parameter"
        gets = "get gradients but belong" if len(names) > 1 else "gets gradients but belongs"
        where = next((place for one in facts.optimizers for place in one.stepped_at), None)
        yield Finding(
            NO_OPTIMIZER,
            f"{count} of {model} {gets} to no optimizer: {some(names)}",
            where,
            "hand them to an optimizer, or requires_grad_(False) where they are not to be trained",
        )


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMES_TOLD
    return ", ".join(names) if more <= 1 else ", ".join(names[:NAMES_TOLD]) + f" and {more} more"


def _first(places: list[Place]) -> Place | None:
    return places[0] if places else None


def _steps(count: int) -> str:
    return f"{count:,} step{'s' if count != 1 else ''}"


def _of_steps(count: int, steps: int) -> str:
    return "in each of its steps" if count == steps and steps > 1 else f"in {count:,} of {_steps(steps)}"
