"""What the step of an optimizer works on, for whoever watches steps: its parameters, its closure, the steps around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from torch import Tensor
from torch.optim import Optimizer

Step = TypeVar("Step")
Closure = Callable[[], object]


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All parameters of the optimizer, group by group."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def share_a_tensor(ones: Iterable[Tensor], others: Iterable[Tensor]) -> bool:
    """Whether a tensor is among both. (``in`` would compare values.)"""
    return not {id(one) for one in ones}.isdisjoint(map(id, others))


def closure_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Closure | None:
    """The closure among the arguments of a step hook, of which the first is the optimizer; None if there is none."""
    if len(args) > 1 and callable(args[1]):
        return args[1]  # type: ignore[no-any-return]
    closure = kwargs.get("closure") if kwargs else None
    return closure if callable(closure) else None


def with_closure(args: tuple[Any, ...], kwargs: dict[str, Any], closure: Closure) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments, with another closure in place of their own."""
    if len(args) > 1 and callable(args[1]):
        return (args[0], closure, *args[2:]), kwargs
    return args, {**kwargs, "closure": closure}


class OpenSteps(threading.local, Generic[Step]):
    """The steps that this thread is in, outermost first: an optimizer may step another one inside its own step."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def begin(self, step: Step) -> None:
        self.all.append(step)

    def end(self, step: Step) -> bool:
        """End this step, and those inside it that an error has ended. Return False if it is not open."""
        if step not in self.all:
            return False
        del self.all[self.all.index(step) :]
        return True
