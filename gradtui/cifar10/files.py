"""Find the files of CIFAR-10 on disk, and read them into plain bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from gradtui import private
from gradtui.cifar10 import (
    BINARY,
    CLASSES,
    LAYOUTS,
    MAX_FILE_BYTES,
    PICKLED,
    PIXELS_PER_ROW,
    ROWS_PER_FILE,
    TEST_BATCHES,
    TRAIN_BATCHES,
    DataDamaged,
    DataMissing,
    Pixels,
)
from gradtui.cifar10.pickled import Made, Name, as_text, unpickle
from gradtui.printing import printable


def home_data_dir() -> Path:
    """The folder for data that gradtui downloads."""
    named = os.environ.get("GRADTUI_HOME")
    return (Path(named) if named else platformdirs.user_data_path("gradtui")) / "data"


def download_place(data_dir: str | None) -> Path:
    """The folder to download to, so that :func:`find` finds the data."""
    return Path(data_dir) if data_dir else home_data_dir()


def find(data_dir: str | None) -> Path:
    """Find a folder that :func:`read` can read: one that contains a folder of either layout, or is one itself.

    Without ``data_dir``, tries ./data, ../data and :func:`home_data_dir`. Raises DataMissing.
    """
    places = [data_dir] if data_dir else ["./data", "../data", str(home_data_dir())]
    for place in places:
        if _batches(Path(place)):
            return Path(place)
    names = printable(", ".join(places))
    raise DataMissing(f"CIFAR-10: no {BINARY} and no {PICKLED} in {names}; use --data-dir DIR, --download, or --data synthetic")


def read(folder: Path, *, rows_per_file: int = ROWS_PER_FILE) -> tuple[Pixels, Pixels]:
    """Read the training pictures (five files) and the test pictures (one), in the order of the files.

    ``folder`` is one that :func:`find` found, or the folder of the batches. If both layouts are there, the binary one is
    read. Raises DataMissing if a file is missing or cannot be opened, DataDamaged if a file is not as expected. Whatever a
    file contains, reading it costs little time and memory, and nothing in it is run.
    """
    found = _batches(folder)
    if not found:
        raise DataMissing(f"CIFAR-10: no {BINARY} and no {PICKLED} in {printable(folder)}; use --data-dir DIR or --download")
    batches, suffix = found
    parse = _parse_rows if suffix else _parse_pickle
    pixels = []
    for names in (TRAIN_BATCHES, TEST_BATCHES):
        images, labels = bytearray(), bytearray()
        for name in names:
            path = batches / (name + suffix)
            more_images, more_labels = parse(printable(path), _content(path), rows_per_file)
            images += more_images
            labels += more_labels
        pixels.append(Pixels(images, labels))
    return pixels[0], pixels[1]


def _batches(folder: Path) -> tuple[Path, str] | None:
    """The folder of the batches (``folder`` or a folder in it) and the suffix of its files; None if there is none."""
    for name, suffix in LAYOUTS.items():
        if os.path.isdir(folder / name):
            return folder / name, suffix
    for name, suffix in LAYOUTS.items():
        if os.path.isfile(folder / f"{TRAIN_BATCHES[0]}{suffix}") or (folder.name == name and os.path.isdir(folder)):
            return folder, suffix
    return None


def _content(path: Path) -> bytes:
    name = printable(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe might block forever
            raise DataDamaged(f"{name}: not a regular file; a batch of CIFAR-10 was expected")
        with open(path, "rb", opener=private.regular) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise DataMissing(f"{name}: no such file; use --data-dir DIR, where all six files are, or --data synthetic") from None
    except OSError as error:
        raise DataMissing(
            f"{name}: cannot be read ({printable(error.strerror or error)}); make it readable, or use --data-dir DIR"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise DataDamaged(f"{name}: more than {MAX_FILE_BYTES >> 20} MiB; a batch of CIFAR-10, about 30 MiB, was expected")
    return content


def _parse_rows(name: str, content: bytes, rows: int) -> tuple[bytes, bytes]:
    """Parse a file of the binary layout into pixels and labels. ``name`` is for messages."""
    width = 1 + PIXELS_PER_ROW
    if len(content) != rows * width:
        raise DataDamaged(f"{name}: {len(content):,} bytes; {rows * width:,} were expected ({rows:,} rows of {width:,})")
    labels = content[::width]
    _check_labels(name, labels)
    return b"".join(content[start + 1 : start + width] for start in range(0, len(content), width)), labels


def _parse_pickle(name: str, content: bytes, rows: int) -> tuple[bytes | bytearray, bytes]:
    """Parse a file of the pickled layout into pixels and labels. ``name`` is for messages."""
    expected = f"{rows:,} x {PIXELS_PER_ROW:,}"
    batch = unpickle(name, content)
    fields = {as_text(key): value for key, value in batch.items()}
    match fields.get("data"):
        case Made(
            Name.RECONSTRUCT,
            (Name.NDARRAY, _, _),
            (1, tuple() as shape, Made(Name.DTYPE, (dtype, _, _), _), bool() as fortran, bytes() as pixels),
        ) if as_text(dtype) == "u1":
            pass
        case _:
            raise DataDamaged(f"{name}: no numpy array of bytes as 'data'; {expected} was expected")
    sizes = " x ".join(f"{size:,}" if type(size) is int and abs(size) < 1 << 63 else "?" for size in shape[:4])
    if sizes != expected or len(pixels) != rows * PIXELS_PER_ROW:
        raise DataDamaged(f"{name}: 'data' is {sizes or '0'} in {len(pixels):,} bytes; {expected} was expected")
    labels = fields.get("labels")
    if not isinstance(labels, list) or len(labels) != rows or not all(type(label) is int for label in labels):
        found = f"{len(labels):,} entries" if isinstance(labels, list) else "no list"
        raise DataDamaged(f"{name}: {found} as 'labels'; {rows:,} whole numbers were expected")
    _check_labels(name, labels)
    return _transposed(pixels, rows) if fortran else pixels, bytes(labels)


def _check_labels(name: str, labels: bytes | list[int]) -> None:
    for row, label in enumerate(labels):
        if not 0 <= label < CLASSES:
            shown = f"{label}" if abs(label) < 1 << 63 else "a huge number"
            raise DataDamaged(f"{name}: the label of row {row:,} is {shown}; 0 to {CLASSES - 1} was expected")


def _transposed(pixels: bytes, rows: int) -> bytearray:
    """Convert from column order to row order: numpy saves an array in its memory order, with a flag that says which."""
    turned = bytearray(len(pixels))
    for column in range(PIXELS_PER_ROW):
        turned[column::PIXELS_PER_ROW] = pixels[column * rows : (column + 1) * rows]
    return turned
