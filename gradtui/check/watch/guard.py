"""Keeps the watcher's own errors out of the user's program.

Everything that torch or python calls while the script runs (hooks, weak reference callbacks, finalizers) is ``@guarded``: an
error in it stops the watching of whatever it concerned, and the report says so. The script continues as it would without us.
"""

from __future__ import annotations

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

LONGEST = 200
"""Error messages are cut to this many characters."""

TENSORS_OWN = ("__torch_dispatch__", "__torch_function__")
"""The methods of a subclass of Tensor that run when the watcher looks at one."""

P = ParamSpec("P")
R = TypeVar("R")


class EnoughSteps(SystemExit):
    """Ends the script once the requested number of steps has been seen."""


class Guarded(Protocol):
    """An object whose methods run inside the user's program."""

    lost: str
    """Why watching stopped; empty while it continues."""

    def give_up(self, *arguments: Any) -> None:
        """Stop watching. ``arguments`` are those of the call that failed; ``lost`` says why."""


G = TypeVar("G", bound=Guarded)


def guarded(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R | None]:
    """Let no error escape this method: the object gives up, and the caller gets None.

    Subclasses of Tensor (their ``__torch_function__``) and the modes that the script has set, such as one that counts
    operations, do not see what the method does.
    """
    # Not at the top: this module loads without torch, and only the code that watches uses this decorator.
    from torch._C import DisableTorchFunction, _len_torch_dispatch_stack
    from torch.utils._python_dispatch import _disable_current_modes

    @functools.wraps(method)
    def safe(self: G, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            with DisableTorchFunction():
                if not _len_torch_dispatch_stack():
                    return method(self, *args, **kwargs)
                with _disable_current_modes():
                    return method(self, *args, **kwargs)
        except BaseException as error:
            if is_the_programs(error):
                raise
            self.lost = why(error)
            with contextlib.suppress(Exception):
                self.give_up(*args)
            return None

    return safe


def is_the_programs(error: BaseException) -> bool:
    """Whether the program should end by this error or see it: it was raised while a hook ran, but not by the hook."""
    if _comes_from_signal_handler(error) or isinstance(error, (EnoughSteps, KeyboardInterrupt)):
        return True
    # Another exit was asked for by another thread or a trace function, unless a tensor's own code raises it when looked at.
    return not isinstance(error, Exception) and not any(name in TENSORS_OWN for name in _functions(error))


def _functions(error: BaseException) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_name
        trace = trace.tb_next


def why(error: BaseException) -> str:
    """The error's class and the first line of its message."""
    try:
        message = next(iter(str(error).strip().splitlines()), "")
    except Exception:  # noqa: BLE001 (the error's own code)
        message = ""
    name = type(error).__name__
    return f"{name}: {message}"[:LONGEST] if message else name


def _comes_from_signal_handler(error: BaseException) -> bool:
    handlers = set(_signal_handlers())
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code not in handlers:
        trace = trace.tb_next
    return trace is not None


def _signal_handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        if callable(handler):
            function = getattr(handler, "__func__", handler)  # of a method
            code = getattr(function, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
            if isinstance(code, CodeType):
                yield code
