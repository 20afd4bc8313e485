"""The ledger of a process: what happens to the gradients of each optimizer, event by event.

Torch's functions report to it (``event_sources``): backward(), zero_grad(), clipping, GradScaler; the watcher reports steps.
Each optimizer has a trail: the events since its last step, as small integers. When it steps, the trail becomes a window
(``gradtui.check.windows``), and windows that are alike are counted. So a loop that repeats itself costs an append per event
and one comparison per step, and nothing that happens between two steps is forgotten, however rarely it happens.

What the events cannot tell, the histories of the gradients do (``gradient_history``), while they follow each contribution:
which optimizers a backward() reaches, and that the script has cleared or written gradients by hand.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType

from torch import Tensor, nn
from torch.optim import Optimizer

from gradtui.check import windows
from gradtui.check.source_lines import Place, places_up
from gradtui.check.torch.optimizer_steps import parameters_of
from gradtui.check.watch.event_codes import EventCodes, Meaning
from gradtui.check.watch.grad_scaler import KnownScaler
from gradtui.check.watch.trail import HAND_CLEARED, LONGEST, UNKNOWN, WRITTEN, Trail

MOST_TRAILS = 16
"""With more optimizers than this at once, nothing is recorded."""
CLEARINGS = {windows.CLEAR, windows.CLEAR_PART, windows.SKIP}
LOOKED_AT = 64
"""Look at every backward() of a new site, and at each of this many: the rest is only counted."""
LOOKS = 16
"""How often to look at the gradients that a line clears unused; after that, the last answer is believed."""
MOST_MADE = 256
"""Optimizers that have not stepped; more are not remembered."""
RECENT = 256
"""Events kept for optimizers that have not stepped yet."""


@dataclass
class Made:
    """An optimizer that has not stepped yet."""

    class_name: str
    place: Place | None
    optimizer: weakref.ref[Optimizer]
    parameters: list[weakref.ref[Tensor]] = field(default_factory=list)


class Ledger:
    """All trails. ``modules`` returns the modules that exist, to tell whether a backward() runs in eval mode."""

    def __init__(self, modules: Callable[[], Iterable[nn.Module]]) -> None:
        self.trails: list[Trail] = []
        """Of the optimizers that exist and have stepped."""
        self.count = 0
        """Number of backward() calls so far; one inside another is part of it."""
        self.current = 0
        """The code of the last backward()."""
        self.in_backward = False
        self.off = False
        """Nothing more is recorded."""
        self.quick: Callable[[int], None] | None = None
        """While a loop repeats itself: takes the code of an event that is only counted, not looked up. See :meth:`hurry`."""
        self.quick_clear = 0
        """The code of the only zero_grad() of that loop, and the id of the object that it clears."""
        self.quick_subject = 0
        self._may_hurry = True
        self.followed = False
        """Whether the contributions to the gradients of any optimizer are followed."""
        self.leaf_losses: Counter[Place | None] = Counter()
        """Losses that no parameter leads to, by the line of their backward()."""
        self.empty_clips: Counter[Place | None] = Counter()
        """Calls of a clipping function that got no parameters at all."""
        self.made: dict[int, Made] = {}
        """The optimizers that have not stepped yet, by id."""
        self.scheduler_steps: Counter[int] = Counter()
        """Steps of learning rate schedulers, by the id of their optimizer."""
        self.codes = EventCodes()
        self.scaler = KnownScaler()
        self._modules = modules
        self.sites: dict[tuple[int, int, int, int], int] = {}
        """The codes of the backward() calls, by the two innermost lines that lead to each."""
        self.lines: dict[tuple[int, int], int] = {}
        """The codes of the zero_grad() calls, by line."""
        self._recent: deque[tuple[int, weakref.ref[Optimizer | nn.Module] | None, int]] = deque(maxlen=RECENT)
        """What happened while there was an optimizer that had not stepped yet; for a clearing, whose zero_grad() it was; and
        the number of the backward() before."""
        self._numbers = itertools.count(1)
        self._parameters: dict[int, set[int]] = {}
        """The ids of the parameters of the optimizers that were met last, by the optimizer's number."""

    # Optimizers

    def meet(self, optimizer: Optimizer) -> Trail:
        """An optimizer is about to take its first step."""
        parameters = {id(parameter) for parameter in parameters_of(optimizer)}
        trail = Trail(next(self._numbers), parameters, self.codes.clearings)
        trail.optimizer = weakref.ref(optimizer)
        for code, subject, count in self._recent:
            cleared = subject() if subject is not None else None
            if self._is_shared_step(code, trail):
                trail.clear()
            elif subject is None or (cleared is not None and trail.cover(cleared) == 2):
                trail.append(code)
                if code in self.codes.clearings:
                    trail.cleared_at = count
        self.made.pop(id(optimizer), None)
        if not self.made:
            self._recent.clear()
        self._parameters = {**dict([*self._parameters.items()][-MOST_MADE:]), trail.number: parameters}
        if len(self.trails) >= MOST_TRAILS:
            self.give_up()
        if self.off:
            trail.give_up()
        else:
            self.trails.append(trail)
            self.quick = None
            self._tell_each_other()
        return trail

    def makes(self, optimizer: Optimizer, frame: FrameType) -> None:
        """An optimizer is made, or gets more parameters."""
        made = self.made.get(id(optimizer))
        if made is None and len(self.made) < MOST_MADE:
            place = places_up(frame)[0]
            made = self.made[id(optimizer)] = Made(type(optimizer).__name__, place, weakref.ref(optimizer))
        if made is not None:
            made.parameters = [weakref.ref(parameter) for parameter in parameters_of(optimizer)]

    def forget(self, trail: Trail, key: int) -> None:
        """An optimizer, whose id was ``key``, is gone."""
        self._drop(trail)
        for each in self.trails:
            each.covers.pop(key, None)
        self.scheduler_steps.pop(key, None)

    def _drop(self, trail: Trail) -> None:
        self.trails = [each for each in self.trails if each is not trail]
        self._tell_each_other()

    def _tell_each_other(self) -> None:
        """Which trails get which event when another optimizer steps."""
        for trail in self.trails:
            trail.others = []
            for other in self.trails:
                if other is not trail:
                    kind = windows.STEP if trail.parameters.isdisjoint(other.parameters) else windows.SHARED_STEP
                    code = self._code((kind, trail.number), Meaning(kind, stepped=trail.number))
                    trail.others.append((other, code))

    def remember(self, code: int, subject: Optimizer | nn.Module | None = None) -> None:
        """Keep an event for the optimizers that have not stepped yet."""
        if self.made:
            self._recent.append((code, weakref.ref(subject) if subject is not None else None, self.count))

    def _is_shared_step(self, code: int, trail: Trail) -> bool:
        stepped = self.codes.meanings[code].stepped
        return not trail.parameters.isdisjoint(self._parameters.get(stepped, ()))

    def backward_ended(self) -> None:
        """A backward() is over: the hooks of the gradients that are followed have told whether it reached them."""
        for trail in self.trails:
            if trail.followed and trail.touched_at != self.count:
                trail.pass_by(self.current)

    def stop(self) -> None:
        """Record nothing more, and hold on to nothing; the trails keep what they have."""
        self.off, self.quick = True, None
        self.trails = []
        self._recent.clear()

    def give_up(self) -> None:
        """Record nothing more: there is too much of it, or an error."""
        self.off, self.quick = True, None
        for trail in self.trails:
            trail.give_up()
        self.trails = []

    # Events

    def look_at(self, frame: FrameType, loss: object) -> int:
        """Look at a backward() that is called by ``frame``: one of a new site, or one of many. Return its code."""
        up = frame.f_back
        key = (id(frame.f_code), frame.f_lasti, id(up.f_code), up.f_lasti) if up is not None else (0, 0, 0, frame.f_lasti)
        code = self.sites.get(key)
        if code is None:
            modes = [module.training for module in self._modules()]
            place, outer = places_up(frame)
            meaning = Meaning(windows.BACKWARD, place, outer, evaluating=bool(modes) and not any(modes))
            code = self.sites[key] = self._code(key, meaning, frame)
        if type(loss) is Tensor and loss.grad_fn is None:
            self.leaf_losses[self.codes.meanings[code].place] += 1
        for trail in self.trails:
            if len(trail) > LONGEST:  # the optimizer has not stepped for long
                trail.clear()
                trail.append(WRITTEN)  # what its gradients hold is no longer known
        return code

    def _code(self, key: object, meaning: Meaning, frame: FrameType | None = None) -> int:
        code = self.codes.of(key, meaning, frame)
        if self.codes.are_too_many:
            self.give_up()
        return code

    def new_clearing(self, frame: FrameType) -> int:
        """The code of a zero_grad() that is called by ``frame``."""
        line = id(frame.f_code), frame.f_lasti
        code = self.lines[line] = self._code((windows.CLEAR, line), Meaning(windows.CLEAR, places_up(frame)[0]), frame)
        return code

    def clears(self, trail: Trail, subject: Optimizer | nn.Module, code: int) -> None:
        """The zero_grad() of an optimizer or a module begins, at the line with this code."""
        trail.cleared_by = id(subject)
        covers = trail.covers.get(id(subject))
        if covers is None:
            covers = trail.cover(subject)
        if covers == 2:
            trail.append(self._purpose(code, trail) if trail.fresh else code)
            trail.cleared_at = self.count
        elif covers == 1:
            place = self.codes.meanings[code].place
            trail.append(self._code((windows.CLEAR_PART, code), Meaning(windows.CLEAR_PART, place)))

    def _purpose(self, code: int, trail: Trail) -> int:
        """The code of a line that clears unused gradients: its own, or that of a skip, where it does so on purpose."""
        meaning = self.codes.meanings[code]
        trail.losses_given_up(trail.cleared_at)
        if meaning.looks < LOOKS:
            meaning.looks += 1
            meaning.on_purpose = trail.gives_up_on_purpose()
        if not meaning.on_purpose:
            return code
        return self._code((windows.SKIP, code), Meaning(windows.SKIP, meaning.place))

    def clips(self, parameters: list[Tensor], limit: float, frame: FrameType) -> None:
        """The gradients of these parameters are about to be clipped to this norm or value; an infinite one only measures."""
        any_gradient = any(parameter.grad is not None for parameter in parameters)
        clipped = {id(parameter) for parameter in parameters}
        concerned = [trail for trail in self.trails if not trail.parameters.isdisjoint(clipped)]
        if not any_gradient and not concerned and not self.made and limit < math.inf:
            self.empty_clips[places_up(frame)[0]] += 1
            return
        # One call may serve several optimizers: it has no effect only if it has none for any of them.
        served = [trail for trail in concerned if trail.fresh] or concerned
        kind = windows.CLIP if any_gradient else windows.CLIP_NOTHING
        if limit == math.inf:
            kind = windows.MEASURE
        elif self.scaler.is_limit_scaled(limit):
            kind = windows.CLIP_SCALED
        code = self._code((kind, id(frame.f_code), frame.f_lasti), Meaning(kind, places_up(frame)[0]), frame)
        self.remember(code)
        for trail in served:
            trail.append(code)

    def scales(self, optimizer: Optimizer, kind: str) -> None:
        """A GradScaler unscales this optimizer's gradients, or is about to step it."""
        self._record_for(optimizer, self._code((kind,), Meaning(kind)))

    def has_scaled(self, optimizer: Optimizer) -> None:
        """A GradScaler was to step this optimizer. If it has not, the gradients were not finite."""
        scaler, skip = self.codes.by_key[(windows.SCALER,)], self._code((windows.SKIP,), Meaning(windows.SKIP))
        trail = next((trail for trail in self.trails if trail.optimizer() is optimizer), None)
        last = self._recent[-1][0] if trail is None and self._recent else (trail or [0])[-1]
        if last == scaler:
            self._record_for(optimizer, skip)
            if trail is not None:
                trail.losses_given_up(trail.cleared_at)
                trail.cleared_at = self.count

    def _record_for(self, optimizer: Optimizer, code: int) -> None:
        self.remember(code)
        for trail in self.trails:
            if trail.optimizer() is optimizer:
                trail.append(code)

    def steps(self, trail: Trail, number: int) -> None:
        """The optimizer takes this step: its trail becomes a window."""
        trail.close_window(number)
        trail.cleared_at = self.count
        if trail.given_up:
            self._drop(trail)
        for other, code in trail.others:
            other.append(code)
        if self.made:
            self.remember(self._code((windows.STEP, trail.number), Meaning(windows.STEP, stepped=trail.number)))

    def kinds_since_backward(self, trail: Trail) -> set[str]:
        """The kinds of events of this window since the last backward() that is over."""
        events = trail[:-1] if trail and trail[-1] == self.current and self.in_backward else trail[:]
        kinds: set[str] = set()
        for code in reversed(events):
            if code in trail.reached:
                break
            kinds.add(self.codes.meanings[code].kind)
        return kinds

    def hurry(self, trail: Trail) -> None:
        """From now on only count the events: the only loop has long repeated itself, with one backward() and one zero_grad().

        A window that differs is not judged, and ends this for good: from the next one on, its events are looked up again.
        """
        backwards = {code for code in trail.usual if code < 0}
        clearings = self.codes.clearings.intersection(trail.usual)
        if self._may_hurry and len(self.trails) == 1 and len(backwards) == len(clearings) == 1 and len(trail.usual) > 1:
            (self.current,), (self.quick_clear,) = backwards, clearings
            self.quick_subject = trail.cleared_by
            self.quick = trail.append

    def slow_down(self, trail: Trail) -> None:
        """The window that ends now is not as usual."""
        if self.quick is not None:
            trail.append(UNKNOWN)
            self.quick, self._may_hurry = None, False

    def follow(self, trail: Trail, follow: bool) -> None:
        """Whether each contribution to this optimizer's gradients is followed from now on."""
        trail.followed = follow
        self.followed = any(each.followed for each in self.trails)

    def wraps(self, outer: Trail, inner: Trail) -> None:
        """The inner optimizer steps inside the outer one's step: both are one."""
        for one, other in ((outer, inner), (inner, outer)):
            code = next((code for each, code in one.others if each is other), None)
            if code is not None:
                one.others = [(each, code) for each, code in one.others if each is not other]
                other[:] = [each for each in other if each != code]

    def has_zero_grad(self, trail: Trail) -> bool:
        """Whether a zero_grad() is among the events since the last step."""
        return any(self.codes.meanings[code].kind in CLEARINGS for code in trail)

    def written(self, trail: Trail, *, cleared: bool) -> None:
        """The script has cleared the gradients without zero_grad(), or written something else to them."""
        code = HAND_CLEARED if cleared else WRITTEN
        trail.cleared_by_hand |= cleared
        if self.in_backward and trail and trail[-1] == self.current:  # noticed inside the backward() that comes after
            if len(trail) < 2 or trail[-2] != code:
                trail.insert(len(trail) - 1, code)
        else:
            trail.append(code)
