"""gradtui: see, with numbers that hold, what ``optimizer.zero_grad()`` does.

PYTEST_DONT_REWRITE: otherwise pytest warns where gradtui is imported before it, as under ``gradtui check -m pytest``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

TYPE_CHECKING = False  # typing's own would be imported for nothing else
if TYPE_CHECKING:
    from gradtui.check.api import Watch

__version__ = "0.1.0"

_listener: Callable[..., None] | None = None


def log(*mappings: Mapping[str, object], **scalars: object) -> None:
    """Record numbers with the run that this script is in: ``gradtui.log(accuracy=0.91)`` or ``gradtui.log({"lr": 0.1})``.

    Outside of ``gradtui compare`` it does nothing. ``accuracy`` (0 to 1) and ``test_loss`` are drawn and tabled; other names
    are kept in the run folder. A value is a number, or a tensor that holds one.
    """
    if _listener is not None:
        _listener(*mappings, scalars)


def watch(*, quiet: bool = False) -> Watch:
    """Watch what trains inside a ``with``, and print what ``gradtui check`` would report of it, unless ``quiet``.

    ``with gradtui.watch() as w: train()``; afterwards ask ``w.verdict``, ``w.findings``, ``w.notes``, ``w.report()``, or let
    ``w.assert_clean(ignore=[...])`` raise an AssertionError.
    """
    from gradtui.check.api import Watch

    return Watch(quiet)


def load_ipython_extension(shell: object) -> None:
    """``%load_ext gradtui``: adds ``%%gradcheck`` and ``%gradcheck on|off|report``."""
    from gradtui.check.ipython_extension import load

    load(shell)


def unload_ipython_extension(shell: object) -> None:
    """``%unload_ext gradtui``."""
    from gradtui.check.ipython_extension import unload

    unload(shell)
