"""The questions to the ledger: what an optimizer's windows say about its training loop.

A finding is made only where the events leave no innocent reading; where they do, a note. Each function looks at plain data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradtui.check.accounts import Ledgers
from gradtui.check.facts import Facts
from gradtui.check.source_lines import Place
from gradtui.check.windows import BACKWARD, CLEAR, SHARED_STEP, Account, Clearing, Deposit, Window

REPEATED = 2
"""What happens once may be a special case of the script's; from this many times on it is the loop."""
THROWN_SHARE = 1, 2
"""A loop that throws away this share of a line's gradients does not skip some odd batches."""
FEW_STEPS = 5
"""Too few steps to call one of them different."""
INEFFECTIVE_SHARE = 1, 2
"""Clipping that has no effect in this share of its calls is misplaced; in fewer, the script may have its reasons."""


@dataclass(frozen=True)
class Told:
    """What is wrong, where, and what to do about it."""

    message: str
    where: Place | None
    fix: str


# Gradients thrown away


def thrown_away(place: int, facts: Facts) -> Iterator[Told]:
    """Contributions that are cleared again and again before a step has applied them."""
    own = Ledgers.of(facts.optimizers[place])
    if not own.certain:
        return
    applied = own.applied()
    lost: list[tuple[Window, Clearing, list[Deposit]]] = []
    for window, clearing in own.thrown():
        deposits = [each for each in clearing.deposits if applied[each.event.site] and not used_elsewhere(each, facts)]
        if deposits and len(deposits) == len(clearing.deposits):
            lost.append((window, clearing, deposits))
    if sum(window.count for window, *_ in lost) < REPEATED:
        return
    count = sum(window.count * len(deposits) for window, _, deposits in lost)
    sites = {each.event.site for _, _, deposits in lost for each in deposits}
    kept = sum(applied[site] for site in sites)
    share, of = THROWN_SHARE
    # A script may skip batches whose gradients are too large: it has looked at them.
    chosen = all(clearing.clipped for _, clearing, _ in lost)
    majority = count * of >= (count + kept) * share and not chosen
    if not (majority or _steps_lack(own)):
        return
    where = Counter({clearing.place: 0 for _, clearing, _ in lost})
    for window, clearing, deposits in lost:
        where[clearing.place] += window.count * len(deposits)
    line = where.most_common(1)[0][0]
    regular = {place for _, each in own.certain for place in each.regular} - {line}
    step = next(iter(own.one.stepped_at), None)
    yield Told(
        f"{count:,} of {count + kept:,} backward() calls were for nothing: their gradients were cleared before any step had "
        "applied them",
        line or step,
        _fix_thrown(line, regular, step, own),
    )


def _steps_lack(own: Ledgers) -> bool:
    """Whether the steps before which gradients were cleared unused lack just these: each of them, or where others do not.

    A loop that drops what is left over at the end of an epoch loses something too, but its steps all add up as many.
    """
    dropping = [each for _, each in own.certain if each.thrown]
    sizes: Counter[int] = Counter()
    for window, each in own.certain:
        if each.applied and not each.thrown:
            sizes[len(each.applied)] += window.count
    if sum(sizes.values()) >= REPEATED:
        return max(len(each.applied) for each in dropping) < sizes.most_common(1)[0][0]
    return all(len(clearing.deposits) < len(each.applied) for each in dropping for clearing in each.thrown)


def _fix_thrown(line: Place | None, regular: set[Place | None], step: Place | None, own: Ledgers) -> str:
    after = f"right after the step() of {step}" if step else "right after step()"
    if line is None:
        return f"clear the gradients once per step, {after}, and nowhere else"
    if regular - {None}:
        return f"remove {line}: the gradients are cleared elsewhere"
    return f"move {own.call} from {line} to {after}, so that it runs once per step, not once per backward()"


def used_elsewhere(deposit: Deposit, facts: Facts) -> bool:
    """Whether another optimizer has applied what this backward() made."""
    if any(set(step.also) & set(deposit.event.also) for step in deposit.steps):
        return True
    site = deposit.event.site
    for other in deposit.event.also:
        ledgers = Ledgers.of(facts.optimizers[other])
        thrown = any(each.event.site == site for _, clearing in ledgers.thrown() for each in clearing.deposits)
        if ledgers.applied()[site] and not thrown:
            return True
    return False


# Steps that mix losses


def mixed_losses(place: int, facts: Facts) -> Iterator[Told]:
    """Steps that apply the gradients of a loss that was not meant for them."""
    own = Ledgers.of(facts.optimizers[place])
    told = _left_over(own, facts) or _leaked(own) or _reaches_too_far(own, facts)
    if told is not None:
        yield told


def _left_over(own: Ledgers, facts: Facts) -> Told | None:
    """Contributions that another optimizer's step has used, and that were still there when this one stepped."""
    count, found = 0, None
    for window, each in own.certain:
        own_sites = {deposit.event.site for deposit in each.applied if not deposit.steps}
        for deposit in each.applied:
            used_by = [step for step in deposit.steps if step.kind != SHARED_STEP and set(step.also) & set(deposit.event.also)]
            if used_by and own_sites and deposit.event.site not in own_sites:
                count += window.count
                first = next(other for other in each.applied if not other.steps)
                found = found or (deposit, used_by[0], first, window.first)
                break
    if found is None or count < REPEATED:
        return None
    deposit, step, first, number = found
    other = _name_of(facts, step.also)
    return Told(
        f"step {number:,} and {count - 1:,} more also applied the gradients of another loss: those of {deposit.event.place}, "
        f"which {other} had used before, were still there",
        deposit.event.place,
        f"call {own.call} before the backward() of {first.event.place}",
    )


def _name_of(facts: Facts, places: Sequence[int]) -> str:
    one = facts.optimizers[places[0]] if places else None
    if one is None:
        return "another optimizer"
    return one.variable or f"the {one.class_name}"


def _leaked(own: Ledgers) -> Told | None:
    """Contributions of another backward() line in some steps only, made before those that belong to the step."""
    usual = own.usual
    if usual is None or own.steps < FEW_STEPS:
        return None
    rule = {deposit.event.site for deposit in usual[1].applied}
    if not rule or any(deposit.event.evaluating for deposit in usual[1].applied):
        return None
    odd = [(window, _before(rule, each)) for window, each in own.certain]
    odd = [(window, deposits) for window, deposits in odd if deposits]
    if not odd:
        return None
    steps = sum(window.count for window, _ in odd)
    window, deposits = odd[0]
    once = steps == 1 and window.first == 1 and not any(event.kind == CLEAR for event in window.events)
    evaluating = not any(_is_within_loop(window) for window, _ in odd) and all(
        each.event.evaluating for _, found in odd for each in found
    )
    if not (once or (evaluating and steps >= REPEATED)):
        return None
    event, own_event = deposits[0].event, usual[1].applied[0].event
    count = f"{len(deposits)} backward() calls" if len(deposits) > 1 else "a backward()"
    which = "step 1" if once else f"step {window.first:,} and {steps - 1:,} more" if steps > 1 else f"step {window.first:,}"
    mode = " that ran in eval mode" if evaluating else ""
    if event.place != own_event.place:
        where, fix = event.place, f"call {own.call} before the backward() of {own_event.place}"
    else:
        where = event.outer or event.place
        fix = f"call {own.call} right after {where}, or compute these losses without backward()"
    return Told(f"{which} also applied the gradients of {count}{mode}: nobody cleared them", where, fix)


def _is_within_loop(window: Window) -> bool:
    """Whether a backward() stands between the line that clears and the one that makes the step's own gradients.

    Then it is part of the same iteration: another loss of the step's, not one that was left over.
    """
    places = [event.place for event in window.events if event.kind in (CLEAR, BACKWARD)]
    clear = next((event.place for event in window.events if event.kind == CLEAR), None)
    own, first = places[-1], next((event.place for event in window.events if event.kind == BACKWARD), None)
    if clear is None or own is None or first is None or not clear.file == own.file == first.file:
        return False
    return clear.line < first.line < own.line


def _before(rule: set[int], each: Account) -> list[Deposit]:
    """The contributions of other sites, if all of them came before those of the rule."""
    sites = [deposit.event.site for deposit in each.applied]
    if not rule <= set(sites):
        return []
    first = min(sites.index(site) for site in rule)
    extra = [deposit for deposit in each.applied if deposit.event.site not in rule]
    return extra if extra and extra == each.applied[:first] else []


def _reaches_too_far(own: Ledgers, facts: Facts) -> Told | None:
    """A loss of another optimizer's that reaches all parameters of this one too, beside this one's own loss."""
    usual = own.usual
    if usual is None or usual[0].count < REPEATED:
        return None
    events = [deposit.event for deposit in usual[1].applied if not deposit.steps]
    mine = [event for event in events if not event.also and event.everywhere]
    foreign = [event for event in events if len(event.also) == 1 and event.everywhere]
    if len(events) != 2 or len(mine) != 1 or len(foreign) != 1:
        return None
    other = facts.optimizers[foreign[0].also[0]]
    its = Ledgers.of(other).applied()
    if set(its) != {foreign[0].site}:
        return None
    name = other.variable or f"the {other.class_name}"
    return Told(
        f"its steps apply the gradients of two losses: its own, of {mine[0].place}, and that of {foreign[0].place}, "
        f"the only one that {name} has",
        foreign[0].place,
        f"call {own.name}.step() before the loss of {foreign[0].place} is computed, or keep that loss's gradients out of "
        f"these parameters: requires_grad_(False) while it is computed",
    )


# Clipping


def clipping(place: int, facts: Facts) -> Iterator[Told]:
    """Calls of a clipping function that change nothing, or the wrong thing."""
    own = Ledgers.of(facts.optimizers[place])
    calls: dict[Place | None, Counter[str]] = {}
    for window, each in own.certain:
        for clip in each.clippings:
            calls.setdefault(clip.place, Counter())[_how(clip.before, clip.after, clip.used, clip.scaled)] += window.count
    share, of = INEFFECTIVE_SHARE
    backward, step = next(iter(own.one.backward_at), None), next(iter(own.one.stepped_at), None)
    for line, counts in calls.items():
        total = sum(counts.values())
        how, count = max(((how, count) for how, count in counts.items() if how), key=lambda both: both[1], default=("", 0))
        if count < REPEATED or count * of < total * share:
            continue
        often = f"in {count:,} of {total:,} calls" if count < total else f"in all {total:,} calls"
        before_step = f"right before {step}" if step else "right before step()"
        if how == "scaled":
            yield Told(
                f"gradients were clipped while they were still multiplied by the GradScaler's scale, {often}",
                line,
                f"call {facts.scaler or 'scaler'}.unscale_({own.one.variable or 'optimizer'}) before {line}",
            )
        elif how == "early":
            yield Told(
                f"gradients were clipped while they were still being added up, {often}: what came later was not clipped",
                line,
                f"clip once, {before_step}, not after each backward()",
            )
        else:
            after = f"after the backward() of {backward} and " if backward else ""
            yield Told(
                f"clipping had no effect {often}: there were no new gradients yet, or the step had already applied them",
                line,
                f"clip {after}{before_step}",
            )


def _how(before: int, after: int, used: bool, scaled: bool) -> str:
    """Why a call of a clipping function has no effect; empty if it has one."""
    if not before:
        return "nothing"
    if scaled:
        return "scaled"
    return "early" if after and used else ""


# Parameters of two optimizers


def shared(place: int, facts: Facts) -> Iterator[Told]:
    """Gradients that this optimizer applies although another one has just applied them to the same parameters."""
    own = Ledgers.of(facts.optimizers[place])
    count, found = 0, None
    for window, each in own.certain:
        steps = [step for deposit in each.applied for step in deposit.steps if step.kind == SHARED_STEP]
        if steps:
            count += window.count
            found = found or (window.first, steps[0])
    if found is None or count < REPEATED:
        return
    first, step = found
    other = _name_of(facts, step.also)
    yield Told(
        f"step {first:,} and {count - 1:,} more applied gradients that {other} had just applied to the same parameters",
        next(iter(own.one.stepped_at), None),
        f"give these parameters to one of the two optimizers only: {own.name} or {other}",
    )
