"""Gathers what was seen into facts: plain data, without tensors."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from torch.optim import Optimizer

from gradtui.check import windows
from gradtui.check.facts import IdleOptimizer, OptimizerFacts
from gradtui.check.source_lines import Place
from gradtui.check.torch.parameters import Parameters
from gradtui.check.watch.ledger import Ledger
from gradtui.check.watch.optimizer_watch import OptimizerWatch
from gradtui.check.watch.trail import Trail
from gradtui.check.windows import Event, Window

PLACES_TOLD = 4
"""Report at most this many source lines of a kind, the most frequent ones."""
WINDOWS_TOLD = 64
"""Report at most this many different windows of an optimizer, the most frequent ones."""


def facts_of(watch: OptimizerWatch, reported: Sequence[OptimizerWatch], ledger: Ledger) -> OptimizerFacts:
    """What was seen of one optimizer; ``reported`` are all that are reported, in order."""
    log = watch.log
    # Include a dropped parameter only if it was found stale before.
    known = watch.histories + [each for each in watch.dropped.values() if each.stale_steps]
    only_piled = bool(log.piled_steps and not log.stale_steps)
    never = [each.name for each in watch.histories if each.trainable and not each.had_gradient and not each.total]
    return OptimizerFacts(
        class_name=watch.class_name,
        variable=watch.variable,
        windows=_windows(watch, reported, ledger),
        last_window=_pending(watch, reported, ledger),
        frozen_changed=sorted(watch.frozen.changed),
        scheduler_steps=watch.scheduler_steps or ledger.scheduler_steps.get(watch.key, 0),
        closure=watch.has_closure,
        library_at=watch.log.library_at,
        follows=next((place for place, each in enumerate(reported) if each is watch.predecessor), None),
        steps=log.steps,
        parameters=[history.name for history in known],
        group_sizes=watch.group_sizes,
        stale_steps=log.stale_steps or log.piled_steps,
        first_stale=1 if only_piled else log.first_stale,
        stale_parameters=[place for place, each in enumerate(known) if each.stale_steps or only_piled],
        unchanged_steps=log.unchanged_steps,
        piled_steps=log.piled_steps,
        wiped_steps=log.wiped_steps,
        empty_steps=log.empty_steps,
        no_gradient=[] if log.lost else never,
        not_watched=watch.not_watched,
        backwards_per_step=dict(log.backwards_per_step),
        cleared_at=_places(log.cleared_at),
        wiped_at=_places(log.wiped_at),
        backward_at=_places(log.backward_at),
        stepped_at=_places(log.stepped_at),
        not_finite_steps=log.odd_losses.steps,
        first_not_finite=log.odd_losses.first,
        last_not_finite=log.odd_losses.last,
        not_finite_unseen=log.odd_losses.unseen,
        not_finite_value=log.odd_losses.value,
        not_finite_at=log.odd_losses.place,
    )


def _places(counts: Counter[Place]) -> list[Place]:
    return [place for place, _ in counts.most_common(PLACES_TOLD)]


def most_frequent(counts: Counter[Place | None]) -> Place | None:
    """The line that was seen most often."""
    return next((place for place, _ in counts.most_common(1)), None)


def _windows(watch: OptimizerWatch, reported: Sequence[OptimizerWatch], ledger: Ledger) -> list[Window]:
    """The optimizer's windows, in the order in which they came first."""
    trail = watch.log.trail
    # A clearing without zero_grad() is seen only while the gradients are followed.
    counts = +trail.followed_windows if trail.cleared_by_hand else trail.windows
    frequent = sorted((codes for codes, _ in counts.most_common(WINDOWS_TOLD)), key=trail.first.__getitem__)
    return [
        Window(_events(codes, watch, reported, ledger), counts[codes], trail.first[codes], trail.last[codes])
        for codes in frequent
    ]


def _pending(watch: OptimizerWatch, reported: Sequence[OptimizerWatch], ledger: Ledger) -> list[Event]:
    """The events after the last step."""
    trail = watch.log.trail
    return [] if watch.gone or trail.given_up or trail.cleared_by_hand else list(_events(trail, watch, reported, ledger))


def _events(
    codes: Sequence[int], watch: OptimizerWatch, reported: Sequence[OptimizerWatch], ledger: Ledger
) -> tuple[Event, ...]:
    """The events that concern this optimizer, as plain data."""
    trail = watch.log.trail
    return tuple(
        _event(code, trail, reported, ledger)
        for code in codes
        if code in trail.reached or ledger.codes.meanings[code].kind != windows.BACKWARD
    )


def _event(code: int, trail: Trail, reported: Sequence[OptimizerWatch], ledger: Ledger) -> Event:
    meaning = ledger.codes.meanings[code]
    if code in trail.uncertain:
        return Event(windows.UNKNOWN)
    others = [(place, each.log.trail) for place, each in enumerate(reported) if each.log.trail is not trail]
    if meaning.kind == windows.BACKWARD:
        fed = {history for reached in trail.reached.values() for history in reached}
        also = [place for place, other in others if code in other.reached]
        everywhere = len(trail.reached[code]) == len(fed)
        return Event(meaning.kind, meaning.place, meaning.outer, code, tuple(also), everywhere, meaning.evaluating)
    stepped = [place for place, other in others if meaning.stepped == other.number]
    return Event(meaning.kind, meaning.place, also=tuple(stepped))


def global_name_of(optimizer: Optimizer) -> str:
    """The global variable of the script that holds this optimizer; empty if there is none."""
    main = vars(sys.modules["__main__"])
    return next((name for name, value in list(main.items()) if value is optimizer), "")


def never_stepped(ledger: Ledger, parameters: Parameters) -> list[IdleOptimizer]:
    """The optimizers that exist and have never stepped, although backward() has reached parameters that only they have."""
    found = []
    for made in ledger.made.values():
        optimizer = made.optimizer()
        alive = [parameter for ref in made.parameters if (parameter := ref()) is not None]
        counts = [parameters.backwards_that_reached(parameter) for parameter in alive]
        if optimizer is not None and counts and min(counts) >= 0 and max(counts):
            found.append(IdleOptimizer(made.class_name, global_name_of(optimizer), made.place, max(counts)))
    return found
