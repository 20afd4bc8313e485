"""Finds all existing objects of a class: models and optimizers that nobody has reported."""

from __future__ import annotations

import gc
from itertools import compress, repeat
from typing import TypeVar

Kind = TypeVar("Kind")


def living(kind: type[Kind]) -> list[Kind]:
    """All existing objects of this class. Slow: it looks at every object.

    Not a loop in Python, which other threads would interrupt: the list of all objects also holds the tuples that they are just
    making, and python cannot finish a tuple that something else holds.
    """
    everything = gc.get_objects()
    # type(), not isinstance(): asking a proxy for its __class__ may run any code.
    return list(compress(everything, map(issubclass, map(type, everything), repeat(kind))))
