"""What an optimizer's windows add up to: what its steps applied, what was thrown away, and which window is the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gradtui.check.facts import OptimizerFacts
from gradtui.check.source_lines import Place
from gradtui.check.windows import WRITTEN, Account, Clearing, Window, account

USUAL_SHARE = 1, 2
"""What more than this share of the steps do is the rule."""


@dataclass(frozen=True)
class Ledgers:
    """The accounts of one optimizer's windows, of those whose events tell all."""

    one: OptimizerFacts
    certain: Sequence[tuple[Window, Account]]

    @classmethod
    def of(cls, one: OptimizerFacts) -> Ledgers:
        if any(event.kind == WRITTEN for window in one.windows for event in window.events):
            return cls(one, [])  # its script writes gradients by hand, which is seen in some steps only
        both = [(window, account(window.events)) for window in one.windows]
        return cls(one, [(window, each) for window, each in both if each.certain])

    @property
    def steps(self) -> int:
        return sum(window.count for window, _ in self.certain)

    def applied(self) -> Counter[int]:
        """How many contributions of each backward() site the steps have applied."""
        counts: Counter[int] = Counter()
        for window, each in self.certain:
            for deposit in each.applied:
                counts[deposit.event.site] += window.count
        return counts

    def thrown(self) -> list[tuple[Window, Clearing]]:
        return [(window, clearing) for window, each in self.certain for clearing in each.thrown]

    @property
    def usual(self) -> tuple[Window, Account] | None:
        """The window that more than half of the steps have."""
        share, of = USUAL_SHARE
        most = max(self.certain, key=lambda both: both[0].count, default=None)
        return most if most is not None and most[0].count * of > self.steps * share else None

    @property
    def name(self) -> str:
        return self.one.variable or "the optimizer"

    @property
    def call(self) -> str:
        return f"{self.one.variable}.zero_grad()" if self.one.variable else "zero_grad()"


@dataclass(frozen=True)
class Feeding:
    """Where the gradients of most steps come from. ``first``: the line of the first backward() after the last step of another
    optimizer; ``own``: the number of those; ``foreign``: gradients from before that step are there as well."""

    first: Place | None = None
    own: int = 0
    foreign: bool = False

    @classmethod
    def of(cls, one: OptimizerFacts) -> Feeding:
        window = max(one.windows, key=lambda window: window.count, default=None)
        applied = account(window.events).applied if window is not None else []
        foreign = any(deposit.steps for each in one.windows for deposit in account(each.events).applied)
        own = [deposit for deposit in applied if not deposit.steps]
        if not own:  # one loss, and an optimizer for each part of the model
            return cls(applied[0].event.place if applied else None, len(applied))
        return cls(own[0].event.place, len(own), foreign)
