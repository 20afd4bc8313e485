"""Record what the script logs with ``gradtui.log``: one row per number, in a file next to its step rows."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gradtui import private
from gradtui.compare.interruptions import from_a_signal
from gradtui.printing import printable
from gradtui.runs.append import append_whole
from gradtui.runs.columns import EPOCHS, SCALARS
from gradtui.runs.folder import RunFolder

LONGEST_KEPT = 200
"""Maximum number of characters of a name; the rest is cut."""
LONGEST_TOLD = 60
"""Maximum number of characters of a name in a note."""
MOST_TOLD = 20
"""Maximum number of notes about values not recorded, as a script can log any number of names."""


class Scalars:
    """Appends to ``<variant>.scalars.csv``; ``accuracy`` and ``test_loss`` also go to the epoch file, where charts find them.

    A call that names either of these two counts as the end of an epoch.
    """

    def __init__(self, folder: RunFolder, variant: str, step: Callable[[], int], note: Callable[[str], None]) -> None:
        self._scalars, self._epochs = folder.scalars_csv(variant), folder.epochs_csv(variant)
        self._step = step
        self._note = note
        self._told: set[str] = set()
        self._epoch = 0
        self._lock = threading.RLock()  # reentrant, as a signal handler may log too

    def log(self, *given: object) -> None:
        """Record the numbers of mappings, or tensors that hold one number. What cannot be recorded is noted.

        Errors of converting a value or writing a file never reach the script. Any other exception is the script's own, raised
        by its signal handler say, and passes.
        """
        numbers = {}
        for name, value in self._items(given):
            key = "a name that cannot be read"
            try:
                key = printable(str(name)[:LONGEST_KEPT])[:LONGEST_KEPT]
                numbers[key] = _number(value)
            except BaseException as error:
                if _passes(error):
                    raise
                self._tell(f"gradtui.log({key[:LONGEST_TOLD]}=...) got {_why_not(value, error)}")
        if not numbers:
            return
        with self._lock:
            step = self._step()
            self._append(self._scalars, SCALARS.names, [(step, name, repr(number)) for name, number in numbers.items()])
            if numbers.keys() & {"accuracy", "test_loss"}:
                self._epoch += 1
                test_loss, accuracy = (repr(numbers[name]) if name in numbers else "" for name in ("test_loss", "accuracy"))
                self._append(self._epochs, EPOCHS.names, [(self._epoch, step, test_loss, accuracy)])

    def _items(self, given: tuple[object, ...]) -> list[tuple[object, object]]:
        """The names and values of mappings; anything else is noted."""
        items: list[tuple[object, object]] = []
        for mapping in given:
            try:
                if isinstance(mapping, Mapping):
                    items += [(name, mapping[name]) for name in mapping]
                    continue
            except BaseException as error:
                if _passes(error):
                    raise
            self._tell(f"gradtui.log() got {_kind(mapping)}; it takes numbers by name, or a mapping of them")
        return items

    def _append(self, path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        try:
            file = private.appending(path)
            try:
                if os.fstat(file).st_size == 0:
                    writer.writerow(columns)
                writer.writerows(rows)
                append_whole(file, text.getvalue().encode())
            finally:
                os.close(file)
        except OSError as error:
            if _passes(error):
                raise
            self._tell(f"{path.name} lacks numbers that the script has logged ({error.strerror})")

    def _tell(self, note: str) -> None:
        if note not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(note)
            self._note(note)
            if len(self._told) == MOST_TOLD:
                self._note("gradtui.log() got more values that could not be recorded; they are not listed")


def _passes(error: BaseException) -> bool:
    """Whether an exception must reach the script."""
    return isinstance(error, (KeyboardInterrupt, SystemExit)) or from_a_signal(error)


def _number(value: object) -> float:
    """Convert ``value`` to a number. Raises whatever its conversion raises."""
    detach = getattr(value, "detach", None)  # torch warns if a tensor that requires grad is converted
    return float(detach() if callable(detach) else value)  # type: ignore[arg-type]


def _why_not(value: object, error: BaseException) -> str:
    """Describe what was given instead of a number."""
    kind = _kind(value)
    if isinstance(error, OverflowError):
        return f"{kind}; it takes a number that fits a float"
    if isinstance(error, (TypeError, ValueError, RuntimeError)):
        return f"{kind}; it takes a number"
    return f"{kind}, which raised {type(error).__name__}; it takes a number"


def _kind(value: object) -> str:
    """The name of a value's type, whatever its metaclass makes of that."""
    return printable(type.__dict__["__name__"].__get__(type(value))[:LONGEST_TOLD])
