"""The export formats, declared once: the export dialog and ``gradtui export`` are generated from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradtui.runs.export.csv_export import export_csv
from gradtui.runs.export.destination import Cancelled, check_target
from gradtui.runs.export.svg import export_svg
from gradtui.runs.export.tensorboard_export import check_directory, export_tensorboard
from gradtui.runs.folder import RunFolder


@dataclass(frozen=True)
class Format:
    """One export format.

    ``check`` raises ExportError if ``write`` would fail; ``write`` returns what it wrote, in words. Both take the run, the
    path and whether an existing file may be replaced; ``write`` also takes a callback that says whether it was cancelled.
    ``place`` makes the default path from a run's id.
    """

    name: str
    title: str
    help: str
    replaces: bool
    place: Callable[[str], str]
    check: Callable[[RunFolder, Path, bool], None]
    write: Callable[[RunFolder, Path, bool, Cancelled], str]


def _csv(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    return f"{export_csv(folder, path, overwrite=overwrite, cancelled=cancelled):,} rows to {path}"


def _tensorboard(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    return f"{export_tensorboard(folder, path, cancelled=cancelled):,} scalars to {path / folder.id}"


def _svg(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    export_svg(folder, path, overwrite=overwrite, cancelled=cancelled)
    return f"a picture to {path}"


def _check_file(folder: RunFolder, path: Path, overwrite: bool) -> None:
    check_target(path, overwrite=overwrite)


def _check_folder(folder: RunFolder, path: Path, overwrite: bool) -> None:
    check_directory(folder, path)


FORMATS = (
    Format("csv", "CSV", "a row per variant and step", True, lambda run: f"{run}.csv", _check_file, _csv),
    Format(
        "tensorboard", "TensorBoard", "event files, a run per variant", False, lambda run: "runs", _check_folder, _tensorboard
    ),
    Format("svg", "Picture (SVG)", "both charts and the table", True, lambda run: f"{run}.svg", _check_file, _svg),
)
