"""What the script logs with ``gradtui.log``: a row for each number, beside the rows of its steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gradtui.runs.folder import EPOCH_COLUMNS, RunFolder
from gradtui.runs.scalars import SCALAR_COLUMNS


class Scalars:
    """Appends to ``<variant>.scalars.csv``; ``accuracy`` and ``test_loss`` go to the epochs' file too, where charts find them.

    Each call that names one of these two is taken for the end of an epoch.
    """

    def __init__(self, folder: RunFolder, variant: str, step: Callable[[], int], note: Callable[[str], None]) -> None:
        self._scalars, self._epochs = folder.scalars_csv(variant), folder.epochs_csv(variant)
        self._step = step
        self._note = note
        self._epoch = 0

    def log(self, scalars: Mapping[str, object]) -> None:
        """Numbers, or tensors that hold one. What is no number is left out, and told: a script must not fail of it."""
        numbers = {}
        for name, value in scalars.items():
            try:
                numbers[name] = float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError, RuntimeError):
                self._note(f"gradtui.log({name}=...) got {type(value).__name__}; it takes a number")
        for name, number in numbers.items():
            _append(self._scalars, SCALAR_COLUMNS, (self._step(), name, repr(number)))
        if numbers.keys() & {"accuracy", "test_loss"}:
            self._epoch += 1
            test_loss, accuracy = (repr(numbers[name]) if name in numbers else "" for name in ("test_loss", "accuracy"))
            _append(self._epochs, EPOCH_COLUMNS, (self._epoch, self._step(), test_loss, accuracy))


def _append(path: Path, columns: tuple[str, ...], row: tuple[object, ...]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not path.exists():
        writer.writerow(columns)
    writer.writerow(row)
    with suppress(OSError), open(path, "a", encoding="utf-8", newline="") as file:  # a full disk: told by the rows
        file.write(text.getvalue())
