"""Tell a script's own exceptions that arrive while gradtui's code runs from those that gradtui's code causes."""

from __future__ import annotations

import os
import signal
import traceback

import gradtui

_OURS = os.path.join(os.path.dirname(gradtui.__file__), "")


def from_a_signal(error: BaseException) -> bool:
    """Whether a Python signal handler of the script raised ``error``, e.g. an alarm that ends a long step."""
    foreign = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
    foreign = {code for code in foreign if not code.co_filename.startswith(_OURS)}
    if not foreign:
        return False  # without a look at the handlers: Python's own look swallows an alarm that arrives meanwhile
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    return not foreign.isdisjoint(handlers)


def _code_of(handler: object) -> object:
    """The code that runs when ``handler`` is called; None if it is not Python code."""
    called = vars(type(handler)).get("__call__")
    return getattr(handler, "__code__", None) or getattr(called, "__code__", None)
