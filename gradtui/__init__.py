"""gradtui: see, with numbers that hold, what ``optimizer.zero_grad()`` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__version__ = "0.1.0"

_listener: Callable[..., None] | None = None


def log(*mappings: Mapping[str, object], **scalars: object) -> None:
    """Record numbers with the run that this script is in: ``gradtui.log(accuracy=0.91)`` or ``gradtui.log({"lr": 0.1})``.

    Outside of ``gradtui compare`` it does nothing. ``accuracy`` (0 to 1) and ``test_loss`` are drawn and tabled; other names
    are kept in the run folder. A value is a number, or a tensor that holds one.
    """
    if _listener is not None:
        _listener(*mappings, scalars)
