"""The export formats, declared once: the export dialog and ``gradtui export`` are generated from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtui.runs.export.destination import Cancelled
    from gradtui.runs.folder import RunFolder


@dataclass(frozen=True)
class Format:
    """One export format.

    ``check`` raises ExportError if ``write`` would fail; ``write`` returns what it wrote, in words. Both take the run, the
    path and whether an existing file may be replaced; ``write`` also takes a callback that says whether it was cancelled.
    ``place`` makes the default path from a run's id. ``to_stdout``, where there is one, writes to standard output instead,
    for the path ``-``.
    """

    name: str
    title: str
    help: str
    metavar: str
    replaces: bool
    place: Callable[[str], str]
    check: Callable[[RunFolder, Path, bool], None]
    write: Callable[[RunFolder, Path, bool, Cancelled], str]
    to_stdout: Callable[[RunFolder], None] | None = None


# Each exporter is imported when it is used, so that the command line, which lists the formats, starts at once.


def _csv(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    from gradtui.runs.export.csv_export import export_csv

    return f"{export_csv(folder, path, overwrite=overwrite, cancelled=cancelled):,} rows to {path}"


def _csv_to_stdout(folder: RunFolder) -> None:
    from gradtui.runs.export.csv_export import write_csv

    write_csv(folder)


def _tensorboard(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    from gradtui.runs.export.tensorboard_export import export_tensorboard

    return f"{export_tensorboard(folder, path, cancelled=cancelled):,} scalars to {path / folder.id}"


def _svg(folder: RunFolder, path: Path, overwrite: bool, cancelled: Cancelled) -> str:
    from gradtui.runs.export.svg import export_svg

    export_svg(folder, path, overwrite=overwrite, cancelled=cancelled)
    return f"a picture to {path}"


def _check_file(folder: RunFolder, path: Path, overwrite: bool) -> None:
    from gradtui.runs.export.destination import check_target

    check_target(path, overwrite=overwrite)


def _check_folder(folder: RunFolder, path: Path, overwrite: bool) -> None:
    from gradtui.runs.export.tensorboard_export import check_directory

    check_directory(folder, path)


FORMATS = (
    Format(
        "csv",
        "CSV",
        "a row per variant and step",
        metavar="PATH",
        replaces=True,
        place=lambda run: f"{run}.csv",
        check=_check_file,
        write=_csv,
        to_stdout=_csv_to_stdout,
    ),
    Format(
        "tensorboard",
        "TensorBoard",
        "event files, a run per variant",
        metavar="DIR",
        replaces=False,
        place=lambda run: "runs",
        check=_check_folder,
        write=_tensorboard,
    ),
    Format(
        "svg",
        "Picture (SVG)",
        "both charts and the table",
        metavar="PATH",
        replaces=True,
        place=lambda run: f"{run}.svg",
        check=_check_file,
        write=_svg,
    ),
)
