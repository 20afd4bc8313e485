"""The trail of one optimizer: the events since its last step, and its windows so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from torch import nn
from torch.optim import Optimizer

from gradtui.check.torch.optimizer_steps import parameters_of

HAND_CLEARED, WRITTEN, UNKNOWN = 1, 2, 3
"""The codes of events that have no line. Other codes are larger, and negative for a backward()."""
LONGEST = 2048
"""A trail with more events is not kept: the optimizer has not stepped for long."""
MOST_WINDOWS = 512
"""Different windows that are kept; more mean that the loop has no pattern to judge."""


class Trail(list[int]):
    """The events since the last step, as codes."""

    def __init__(self, number: int, parameters: set[int], clearings: set[int]) -> None:
        """``clearings``: the codes of the events that clear all gradients or give them up."""
        super().__init__()
        self.number = number
        self._clearings = clearings
        self.parameters = parameters
        """The ids of the optimizer's parameters."""
        self.optimizer: Callable[[], Optimizer | None] = lambda: None
        self.others: list[tuple[Trail, int]] = []
        """The trails of the other optimizers, and the event that each of them gets when this one steps."""
        self.covers: dict[int, int] = {}
        """What the zero_grad() of the object with this id clears: 2 all parameters, 1 some, 0 none."""
        self.reached: dict[int, set[int]] = {}
        """For each backward() code, the places of the parameters that it was seen to reach."""
        self.passed_by: set[int] = set()
        """The backward() codes that were seen not to reach any."""
        self.followed = False
        """Whether each contribution to the gradients is followed."""
        self.touched_at = 0
        """The number of the last backward() that is known to have reached a parameter."""
        self.cleared_by_hand = False
        """The script clears these gradients without zero_grad(), which is seen only while they are followed."""
        self.followed_windows: Counter[tuple[int, ...]] = Counter()
        """The windows of steps whose gradients were followed."""
        self.windows: Counter[tuple[int, ...]] = Counter()
        self.first: dict[tuple[int, ...], int] = {}
        self.last: dict[tuple[int, ...], int] = {}
        self.usual: list[int] = []
        """The window to expect: the last one that came twice in a row."""
        self._before: tuple[int, ...] = ()
        self.cleared_by = 0
        """The id of the object whose zero_grad() was called last."""
        self.cleared_at = 0
        """Number of backward() calls of the process when the gradients were last applied or cleared."""
        self.given_up = False
        self.gives_up_on_purpose: Callable[[], bool] = lambda: False
        """Whether gradients that are cleared now are given up for a reason: not finite, or applied by the script itself."""
        self.losses_given_up: Callable[[int], None] = lambda since: None
        """Called when unused gradients are cleared: they are of the backward() calls after this number."""

    @property
    def fresh(self) -> bool:
        """Whether a backward() has added to the gradients since they were last applied or cleared."""
        for code in reversed(self):
            if code in self.reached:
                return True
            if code in self._clearings:
                return False
        return False

    def cover(self, subject: Optimizer | nn.Module) -> int:
        """Note what the zero_grad() of this object clears: 2 all parameters, 1 some, 0 none."""
        parameters = parameters_of(subject) if isinstance(subject, Optimizer) else subject.parameters()
        cleared = {id(parameter) for parameter in parameters}
        covers = 2 if self.parameters <= cleared else int(not self.parameters.isdisjoint(cleared))
        self.covers[id(subject)] = covers
        return covers

    def unknown(self) -> list[int]:
        """The backward() calls since the last clearing of which it is not known whether they reach a parameter."""
        return [code for code in self.since_clearing() if code not in self.reached and code not in self.passed_by]

    def since_clearing(self) -> list[int]:
        """The backward() calls since the gradients were last cleared or applied."""
        return _backwards([*self], self._clearings)

    def usual_backwards(self) -> int:
        """Number of backward() calls that usually make the gradients of a step."""
        return sum(code in self.reached for code in _backwards(self.usual, self._clearings))

    def close_window(self, step: int) -> None:
        """Make a window of the events so far, which this step ends."""
        if not self.given_up and len(self) <= LONGEST:
            window = tuple(self)
            self.add(window, 1, step)
            self.followed_windows[window] += self.followed
            if window == self._before:
                self.usual = [*window]
            self._before = window
        self.clear()

    def add(self, window: tuple[int, ...], count: int, step: int) -> None:
        """Count windows that are alike, of which the last ends at this step."""
        if window not in self.first:
            if len(self.first) >= MOST_WINDOWS:
                self.give_up()
                return
            self.first[window] = step - count + 1
        self.last[window] = step
        self.windows[window] += count

    @property
    def uncertain(self) -> set[int]:
        """The backward() codes of which some calls reach and others do not."""
        return self.passed_by & self.reached.keys()

    def pass_by(self, code: int) -> None:
        """Note that the backward() that has just ended, with this code, has reached none of the parameters."""
        self.passed_by.add(code)
        if self and self[-1] == code:
            self.pop()

    def learn(self, contributions: int) -> None:
        """Learn which of the unknown backward() calls reach, as this many have added to a gradient since it was cleared."""
        codes = self.since_clearing()
        if contributions < sum(code in self.reached for code in codes):
            self.passed_by.update(codes)  # some calls of these lines are another model's
            return
        unknown = self.unknown()
        known = len(self.since_clearing()) - len(unknown) - sum(code in self.passed_by for code in self.since_clearing())
        if contributions == known + len(unknown):
            everything = {history for reached in self.reached.values() for history in reached}
            self.reached.update({code: {*everything} for code in unknown})
        elif contributions == known:
            self.passed_by.update(unknown)

    def give_up(self) -> None:
        """Keep no windows from here on."""
        self.given_up = True
        self.windows.clear()
        self.usual = []
        self.clear()


def _backwards(codes: list[int], clearings: set[int]) -> list[int]:
    """The backward() calls after the last clearing."""
    begin = max((place for place, code in enumerate(codes) if code in clearings), default=-1) + 1
    return [code for code in codes[begin:] if code < 0]
