"""Track which gradients a step has already applied, and act when a backward() is about to add to one.

After a step, every ``.grad`` of its optimizer is marked. A tensor hook on the parameter then runs before the next
contribution is added: by then, a script that clears its gradients has set ``.grad`` to None, another tensor or zeros.
Gradients that no step has applied yet are never touched: accumulating them is intentional. The hook also runs for
torch.autograd.grad(), which adds to no ``.grad``, so only hook calls inside a backward() count.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from operator import attrgetter

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.utils.hooks import unserializable_hook

from gradtui.check.torch.optimizer_steps import parameters_of
from gradtui.compare.backward_losses import BackwardLosses

LOOKS = 3
"""How often to inspect a parameter's gradient values to learn whether the script overwrites it with zeros.
Inspecting waits for the device, so from then on the last finding is trusted; and a script that has removed the gradient, as
zero_grad() does, this often in a row is taken to go on so."""

_version_of: Callable[[Tensor], int] = attrgetter("_version")


class Mark:
    """The mark on one parameter's gradient. Only the parameter's hook keeps it alive."""

    def __init__(self, parameter: Tensor, losses: BackwardLosses, found: Callable[[Mark, Tensor, Tensor | None], None]) -> None:
        self._parameter = weakref.ref(parameter)
        self._found = found
        self._applied: weakref.ref[Tensor] | None = None
        self._version = 0
        self._looks = LOOKS
        self._removed = 0  # how often in a row
        self._was_zero = False
        self._zeroed_by_script = False
        self._later_looks = LOOKS
        self._cleared_later = False
        self._cleared_for_script = False
        self._fed = False

        def before_contribution(fresh: Tensor) -> None:
            if losses.in_backward:
                self._before_contribution()

        parameter.register_hook(unserializable_hook(before_contribution))

    def put(self, gradient: Tensor) -> None:
        """Mark this gradient as applied by a step."""
        self._applied, self._version = weakref.ref(gradient), _version_of(gradient)
        if self._looks:
            self._was_zero = self._removed < LOOKS and _is_zero(gradient)

    @property
    def applied(self) -> Tensor | None:
        """The applied gradient, if it is still the parameter's ``.grad``."""
        parameter, gradient = self._parameter(), self._applied() if self._applied is not None else None
        return gradient if parameter is not None and gradient is not None and parameter.grad is gradient else None

    @property
    def untouched_since(self) -> bool:
        """Whether backward() reaches the parameter but has not since the step, and the gradient was not modified either."""
        gradient = self.applied
        return self._fed and gradient is not None and _version_of(gradient) == self._version

    def is_zeroed(self, gradient: Tensor) -> bool:
        """Whether the script has overwritten the applied gradient with zeros."""
        if self._looks and not self._was_zero:
            self._looks -= 1
            self._zeroed_by_script = _is_zero(gradient)
        return self._zeroed_by_script

    def clear(self, parameter: Tensor, gradient: Tensor) -> None:
        """Clear the applied gradient for the script, which has not cleared it so far."""
        self._cleared_for_script = not (self._was_zero or self.is_zeroed(gradient))
        if gradient.grad_fn is not None:  # from backward(create_graph=True): must not be modified in place
            parameter.grad = None
        else:  # zero in place: changes nothing if the script has zeroed it already, and keeps views attached
            with torch.no_grad():
                gradient.zero_()

    def would_be_stale(self) -> bool:
        """Whether the script itself has still not cleared it, so that the step would apply old gradients again."""
        cleared, self._cleared_for_script = self._cleared_for_script, False
        parameter = self._parameter()
        return cleared and parameter is not None and parameter.grad is not None

    def _before_contribution(self) -> None:
        self._fed = True
        parameter = self._parameter()
        if parameter is None:
            return
        if self._applied is not None:
            gradient = self.applied
            self._applied = None  # once per step: later contributions add to this one
            self._removed = self._removed + 1 if gradient is None else 0
            self._found(self, parameter, gradient)
        elif self._cleared_for_script and self._is_cleared_later(parameter.grad):
            self._cleared_for_script = False

    def _is_cleared_later(self, gradient: Tensor | None) -> bool:
        """Whether the script does clear before the step, as in a GAN, where the other half's backward() comes first."""
        if gradient is not None and self._later_looks:
            self._later_looks -= 1
            self._cleared_later = _is_zero(gradient)
        return gradient is None or self._cleared_later


def _is_zero(gradient: Tensor) -> bool:
    values = gradient.detach().coalesce().values() if gradient.is_sparse else gradient.detach()
    return not bool(values.any())


class AppliedGradients:
    """The marks of all parameters of all optimizers. Each side has a subclass that acts on them."""

    def __init__(self, losses: BackwardLosses) -> None:
        self._losses = losses
        self._marks: weakref.WeakValueDictionary[int, Mark] = weakref.WeakValueDictionary()
        self._called: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()

    def found(self, mark: Mark, parameter: Tensor, gradient: Tensor | None) -> None:
        """Called when a backward() is about to add to ``gradient``, which a step has applied; None if it was removed."""

    def before_step(self, optimizer: Optimizer) -> None:
        """Called before the optimizer steps."""

    def after_step(self, optimizer: Optimizer) -> None:
        """Called after the optimizer has stepped; marks what it applied."""
        self._called[optimizer] = self._losses.calls
        self.mark(optimizer)

    def know(self, optimizer: Optimizer) -> None:
        """Track its parameters, except those that take no hook: frozen ones, and lazy ones before their first batch."""
        for parameter in parameters_of(optimizer):
            if parameter.requires_grad and not is_lazy(parameter) and id(parameter) not in self._marks:
                self._marks[id(parameter)] = Mark(parameter, self._losses, self.found)

    def mark(self, optimizer: Optimizer) -> None:
        """Mark the gradients that the optimizer has applied."""
        self.know(optimizer)
        for parameter in parameters_of(optimizer):
            mark = self._marks.get(id(parameter))
            if mark is not None and parameter.grad is not None:
                mark.put(parameter.grad)


class Clears(AppliedGradients):
    """WITH: clear applied gradients that the script does not clear."""

    def __init__(self, losses: BackwardLosses) -> None:
        super().__init__(losses)
        self.steps_left_uncleared = 0

    def found(self, mark: Mark, parameter: Tensor, gradient: Tensor | None) -> None:
        if gradient is not None:
            mark.clear(parameter, gradient)

    def after_step(self, optimizer: Optimizer) -> None:
        known = [self._marks.get(id(parameter)) for parameter in parameters_of(optimizer)]
        stale = [mark.would_be_stale() for mark in known if mark is not None]  # a list: the call also resets each mark
        self.steps_left_uncleared += any(stale)
        super().after_step(optimizer)

    def before_step(self, optimizer: Optimizer) -> None:
        """Drop the applied gradients of parameters that backward() has not reached since: they would be applied again."""
        if self._called.get(optimizer, self._losses.calls) == self._losses.calls:
            return  # a second step on the same gradients is intentional
        for parameter in parameters_of(optimizer):
            mark = self._marks.get(id(parameter))
            if mark is not None and mark.untouched_since and parameter.grad is not None and not _is_zero(parameter.grad):
                parameter.grad = None


class SeesClearing(AppliedGradients):
    """WITHOUT: zero_grad() does nothing, so a gradient that is cleared was cleared by other means."""

    def __init__(self, losses: BackwardLosses) -> None:
        super().__init__(losses)
        self.cleared_otherwise = False

    def found(self, mark: Mark, parameter: Tensor, gradient: Tensor | None) -> None:
        self.cleared_otherwise = self.cleared_otherwise or gradient is None or mark.is_zeroed(gradient)
