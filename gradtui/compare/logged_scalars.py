"""Record what the script logs with ``gradtui.log``: one row per number, in a file next to its step rows."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from gradtui import private
from gradtui.printing import printable
from gradtui.runs.append import append_whole
from gradtui.runs.folder import EPOCH_COLUMNS, RunFolder
from gradtui.runs.scalars import SCALAR_COLUMNS

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

    def log(self, scalars: Mapping[str, object]) -> None:
        """Record numbers, or tensors that hold one. Never breaks the script: what cannot be recorded is noted."""
        try:
            self._log(scalars)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (recording must never break the user's script)
            with suppress(Exception):  # python may be shutting down
                self._tell(f"gradtui.log() failed: {type(error).__name__}: {error}")

    def _log(self, scalars: Mapping[str, object]) -> None:
        numbers = {}
        for name, value in scalars.items():
            try:
                numbers[printable(name)] = _number(value)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 (the value's own code runs here)
                self._tell(f"gradtui.log({printable(name)[:LONGEST_TOLD]}=...) got {_why_not(value, error)}")
        if not numbers:
            return
        with self._lock:
            step = self._step()
            self._append(self._scalars, SCALAR_COLUMNS, [(step, name, repr(number)) for name, number in numbers.items()])
            if numbers.keys() & {"accuracy", "test_loss"}:
                self._epoch += 1
                test_loss, accuracy = (repr(numbers[name]) if name in numbers else "" for name in ("test_loss", "accuracy"))
                self._append(self._epochs, EPOCH_COLUMNS, [(self._epoch, step, test_loss, accuracy)])

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
            self._tell(f"{path.name} lacks numbers that the script has logged ({error.strerror})")

    def _tell(self, note: str) -> None:
        if note not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(note)
            self._note(note)
            if len(self._told) == MOST_TOLD:
                self._note("gradtui.log() got more that could not be recorded; it is not told one by one")


def _number(value: object) -> float:
    """Convert ``value`` to a number. Raises whatever its conversion raises."""
    detach = getattr(value, "detach", None)  # torch warns if a tensor that requires grad is converted
    return float(detach() if callable(detach) else value)  # type: ignore[arg-type]


def _why_not(value: object, error: BaseException) -> str:
    """Describe what was given instead of a number."""
    kind = type(value).__name__
    if isinstance(error, OverflowError):
        return f"{kind}; it takes a number that fits a float"
    if isinstance(error, (TypeError, ValueError, RuntimeError)):
        return f"{kind}; it takes a number"
    return f"{kind}, which raised {type(error).__name__}; it takes a number"
