"""What is worth knowing of a training loop, but not certainly a fault: printed and in the JSON, never in the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gradtui.check.accounts import Ledgers
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.ledger_findings import thrown_away, used_elsewhere
from gradtui.check.source_lines import Place
from gradtui.check.windows import Clearing, account

SIZES = "windows of different sizes"
UNUSED = "gradients never applied"
DROPPED = "gradients dropped"
SCHEDULER = "scheduler steps"
MADE_ANEW = "optimizer made anew"
EVALUATING = "trained in eval mode"

SCHEDULER_TIMES = 2
"""A scheduler that steps this many times for each step of its optimizer may be called for each micro-batch."""
MADE_TIMES = 3
"""An optimizer that is made this many times for the same parameters loses its state each time."""
SHORT_LIFE = 64
"""If each takes more steps than this, the script may well begin a new phase."""


@dataclass(frozen=True)
class Note:
    """One remark."""

    kind: str
    message: str
    where: Place | None = None


def notes(facts: Facts) -> list[Note]:
    """All remarks on what one process did."""
    found = [note for place, one in enumerate(facts.optimizers) for note in _of_optimizer(place, one, facts)]
    found += _made_anew(facts)
    return found


def _of_optimizer(place: int, one: OptimizerFacts, facts: Facts) -> Iterator[Note]:
    name = one.variable or one.class_name
    step = next(iter(one.stepped_at), None)
    own = Ledgers.of(one)
    counts: Counter[int] = Counter()
    for window, each in own.certain:
        if each.applied:
            counts[len(each.applied)] += window.count
    if len(counts) > 1:
        listed = ", ".join(f"{count:,} of {size}" for size, count in counts.most_common())
        yield Note(SIZES, f"{name} has steps that add up different numbers of backward() calls: {listed}", step)
    known = own.applied()
    left = [each for each in account(one.last_window).applied if known[each.event.site] and not used_elsewhere(each, facts)]
    pending = len(left)
    told = next(thrown_away(place, facts), None) is not None
    if not told and (dropped := _dropped(own, known)):
        calls = f"{dropped:,} of {dropped + sum(known.values()):,} backward() calls"
        where = own.thrown()[0][1].place
        yield Note(DROPPED, f"{name} dropped the gradients of {calls}: they were cleared before a step", where)
    if pending and not facts.ended_early and not facts.script_code:
        calls = f"{pending} backward() calls" if pending > 1 else "backward()"
        yield Note(UNUSED, f"{name} never applied the gradients of the last {calls}", step)
    if one.steps and one.scheduler_steps - 1 >= one.steps * SCHEDULER_TIMES:
        times = f"{one.scheduler_steps - 1:,} times in {one.steps:,} steps"
        yield Note(SCHEDULER, f"the learning rate scheduler of {name} stepped {times} of the optimizer", step)
    events = [event for window, _ in own.certain for event in window.events if event.site]
    if events and all(event.evaluating for event in events):
        yield Note(EVALUATING, f"all modules were in eval mode whenever {name} was trained", events[0].place)


def _dropped(own: Ledgers, known: Counter[int]) -> int:
    """How many contributions were cleared before a step, of those that were meant for this optimizer."""
    return sum(window.count * len(clearing.deposits) for window, clearing in own.thrown() if not _foreign(clearing, known))


def _foreign(clearing: Clearing, known: Counter[int]) -> bool:
    """Whether what was cleared was meant for another optimizer."""
    return any(not known[each.event.site] or each.event.also for each in clearing.deposits)


def _made_anew(facts: Facts) -> Iterator[Note]:
    lives: dict[tuple[str, Place | None], list[OptimizerFacts]] = {}
    for one in facts.optimizers:
        if one.follows is not None:
            before = facts.optimizers[one.follows]
            lives.setdefault((one.class_name, next(iter(one.stepped_at), None)), [before]).append(one)
    for (class_name, step), ones in lives.items():
        longest = max(one.steps for one in ones)
        if len(ones) >= MADE_TIMES and longest <= SHORT_LIFE:
            each = f"every {longest} steps" if longest > 1 else "for every step"
            message = (
                f"a new {class_name} was made for the same parameters {each}, {len(ones)} in all: its state is lost each time"
            )
            yield Note(MADE_ANEW, message, step)
