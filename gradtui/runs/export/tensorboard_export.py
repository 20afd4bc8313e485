"""Export a run to TensorBoard: event files with every scalar that the run recorded."""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import Any

from gradtui.runs.atomic import sync
from gradtui.runs.columns import COUNT, EPOCHS, SEED_STEPS, STEPS, Table, of_seeds
from gradtui.runs.export.csv_lines import sound_rows
from gradtui.runs.export.destination import Cancelled, ExportError, check_wanted, exporting_folder, never
from gradtui.runs.folder import RunFolder
from gradtui.runs.state import RunState


class TensorBoardMissing(RuntimeError):
    """The package that writes event files cannot be imported; the message says what to install."""


def check_directory(folder: RunFolder, directory: Path) -> None:
    """Raise ExportError if :func:`export_tensorboard` would fail, before doing any work for it."""
    place = directory if os.path.lexists(directory) else directory.parent
    if not place.is_dir():
        raise ExportError(f"{place} is not a folder")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise ExportError(f"{place} cannot be written to")
    target = directory / folder.id
    if os.path.lexists(target) and not _is_empty_folder(target):
        raise ExportError(f"{target} exists; it is not replaced")


def export_tensorboard(folder: RunFolder, directory: Path, *, cancelled: Cancelled = never) -> int:
    """Write the run to ``directory/<run id>/<variant>/`` atomically; return the number of scalars.

    ``directory`` is the argument of ``tensorboard --logdir``; it is created if missing, but its parent is not. Each variant
    is a run in TensorBoard. Tags are the columns of the run folder's files; steps are kept; values, including nan and the
    infinities, are float32, as TensorBoard stores them. A value that was not measured at a step has no scalar there. Wall
    times are the run's ``started`` plus the variant's ``seconds`` up to and including that step, so TensorBoard's "relative"
    is training time, without pauses and waits for a turn.

    Raises ExportError, also if the run is already there; TensorBoardMissing; DamagedRun.
    """
    state = folder.read()
    started = _started(state)
    library = _Library()
    check_directory(folder, directory)
    with exporting_folder(directory / folder.id) as unfinished:
        seeds = state.settings.all_seeds
        counts = [
            _write_variant(library, folder, name, unfinished / name, started, cancelled, seeds) for name in state.variants
        ]
        folder.read()  # raises if the run was deleted meanwhile: rows would be missing
        return sum(counts)


class _Library:
    """The two classes needed from the package tensorboard; they import neither torch nor TensorFlow.

    Its EventFileWriter is not used: it imports TensorFlow if that is installed, and starts a thread.
    """

    def __init__(self) -> None:
        try:
            self.event: Any = import_module("tensorboard.compat.proto.event_pb2").Event
            self.record_writer: Any = import_module("tensorboard.summary.writer.record_writer").RecordWriter
        except ImportError as error:
            raise TensorBoardMissing(
                f"event files need the package tensorboard ({error}): pip install 'gradtui[tensorboard]'"
            ) from None


def _write_variant(
    library: _Library,
    folder: RunFolder,
    variant: str,
    into: Path,
    started: float,
    cancelled: Cancelled,
    seeds: Sequence[int],
) -> int:
    """Write one variant's event file; return the number of scalars. Memory use does not grow with the run.

    With several seeds, the variant's own scalars are medians, and each seed's losses have a tag such as ``loss/seed 42``.
    """
    into.mkdir()
    unfinished = into / "unfinished"  # a TensorBoard that watches the directory ignores a file of this name
    count, wall_time = 0, started
    steps = _rows(folder.steps_csv(variant), STEPS)
    epochs = _rows(folder.epochs_csv(variant), EPOCHS)
    with open(unfinished, "wb", buffering=1 << 20) as file:
        records = library.record_writer(file)
        records.write(library.event(wall_time=started, file_version="brain.Event:2").SerializeToString())
        of_each = _rows_of_seeds(folder.seeds_csv(variant), seeds)
        for step, values in heapq.merge(steps, of_each, epochs, key=itemgetter(0)):  # at equal steps, in this order
            seconds = values.get("seconds", 0.0)
            if math.isfinite(seconds):
                wall_time += seconds
            event = library.event(wall_time=wall_time, step=step)
            for name, value in values.items():
                event.summary.value.add(tag=name, simple_value=value)
            records.write(event.SerializeToString())
            count += len(values)
            if not step & 255:
                check_wanted(cancelled)
        file.flush()
        sync(file)
    unfinished.rename(into / f"events.out.tfevents.{started:.0f}.gradtui")
    return count


def _rows(path: Path, table: Table) -> Iterator[tuple[int, dict[str, float]]]:
    """The step and the measurements of every sound row; skips empty fields. Steps ascend. Raises DamagedRun."""
    scalars = [column for column in table.columns if column.kind is not COUNT]
    last = 0
    for step, *fields in sound_rows(path, table, [table["step"], *scalars]):
        if int(step) > last:
            last = int(step)
            yield last, {column.name: float(field) for column, field in zip(scalars, fields, strict=True) if field}


def _rows_of_seeds(path: Path, seeds: Sequence[int]) -> Iterator[tuple[int, dict[str, float]]]:
    """The step and each seed's loss, by tag; nothing for a run of one seed. Raises DamagedRun."""
    if len(seeds) > 1:
        table = of_seeds(SEED_STEPS, seeds)
        for step, *losses in sound_rows(path, table, table.columns):
            yield int(step), {f"loss/seed {seed}": float(loss) for seed, loss in zip(seeds, losses, strict=True)}


def _is_empty_folder(path: Path) -> bool:
    try:
        return not path.is_symlink() and not os.listdir(path)
    except OSError:
        return False


def _started(state: RunState) -> float:
    """When the run started, or was created if it never started, in seconds since 1970."""
    text = state.started or state.created
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()  # Python 3.10 cannot parse the Z
