"""The files of CIFAR-10: found on disk, fetched, and read into plain bytes; no numpy, no torch, nothing in a file is run.

Two layouts are known, both of six batches: ``cifar-10-batches-bin`` (rows of one label and 3,072 pixels) and
``cifar-10-batches-py`` (pickled by Python 2 and numpy; what torchvision downloads). Their description:
https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import pickle
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from pickle import _Unpickler
from typing import Any

import platformdirs

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
ARCHIVE_SIZE = 170_052_171
TIMEOUT_SECONDS = 30
CHUNK = 1 << 18

BINARY = "cifar-10-batches-bin"
PICKLED = "cifar-10-batches-py"
_SUFFIXES = {BINARY: ".bin", PICKLED: ""}
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCHES = ("test_batch",)

ROWS_PER_FILE = 10_000
PIXELS_PER_ROW = 3 * 32 * 32
CLASSES = 10

MAX_FILE_BYTES = 64 << 20
"""A true file has 31 MB; a pickle that spells its pixels as text has up to half as much again."""
MAX_OPCODES = 200_000
"""A true file has 30,000: a label takes one, a file name and its place in the memo two."""
MAX_KEY_LENGTH = 40


class DataMissing(ValueError):
    """Files are not there and could not be fetched; the message says which, where, and what to do."""


class DataDamaged(ValueError):
    """A file is not what it should be; the message names it, and says what was found and what was expected."""


@dataclass(frozen=True)
class Pixels:
    """Pictures and what is on them.

    ``images`` has 3,072 bytes a picture, 0 to 255: 32 rows of 32 of red, then green, then blue ([n, 3, 32, 32] in C
    order). ``labels`` has one byte a picture, 0 to 9.
    """

    images: bytearray
    labels: bytearray

    def __len__(self) -> int:
        return len(self.labels)


def home_data_dir() -> Path:
    """Where gradtui keeps data that it fetched."""
    named = os.environ.get("GRADTUI_HOME")
    return (Path(named) if named else platformdirs.user_data_path("gradtui")) / "data"


def find(data_dir: str | None) -> Path:
    """A folder that :func:`read` can read: one that holds a folder of either layout, or is one itself.

    Without ``data_dir``, the first such place of ./data, ../data and :func:`home_data_dir`. Raises DataMissing.
    """
    places = [data_dir] if data_dir else ["./data", "../data", str(home_data_dir())]
    for place in places:
        if _batches(Path(place)):
            return Path(place)
    names = _printable(", ".join(places))
    raise DataMissing(f"CIFAR-10: no {BINARY} and no {PICKLED} in {names}; use --data-dir DIR, --download, or --data synthetic")


def read(folder: Path, *, rows_per_file: int = ROWS_PER_FILE) -> tuple[Pixels, Pixels]:
    """The training pictures (five files) and the test pictures (one), in the order of the files.

    ``folder`` is one that :func:`find` found, or the folder of the batches. Where both layouts are there, the binary one
    is read. Raises DataMissing where a file is not there or cannot be opened, DataDamaged where one is not what it
    should be: whatever a file holds, it costs little time and memory, and nothing in it is run.
    """
    found = _batches(folder)
    if not found:
        raise DataMissing(f"CIFAR-10: no {BINARY} and no {PICKLED} in {_printable(folder)}; use --data-dir DIR or --download")
    batches, suffix = found
    parse = _parse_rows if suffix else _parse_pickle
    pixels = []
    for names in (TRAIN_BATCHES, TEST_BATCHES):
        images, labels = bytearray(), bytearray()
        for name in names:
            path = batches / (name + suffix)
            more_images, more_labels = parse(_printable(path), _content(path), rows_per_file)
            images += more_images
            labels += more_labels
        pixels.append(Pixels(images, labels))
    return pixels[0], pixels[1]


def _batches(folder: Path) -> tuple[Path, str] | None:
    """The folder of the batches that is in ``folder`` or is it, and the suffix of its files."""
    for name, suffix in _SUFFIXES.items():
        if os.path.isdir(folder / name):
            return folder / name, suffix
    for name, suffix in _SUFFIXES.items():
        if os.path.isfile(folder / f"{TRAIN_BATCHES[0]}{suffix}") or (folder.name == name and os.path.isdir(folder)):
            return folder, suffix
    return None


def _content(path: Path) -> bytes:
    name = _printable(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end, or never begin
            raise DataDamaged(f"{name}: not a regular file; a batch of CIFAR-10 was expected")
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise DataMissing(f"{name}: no such file; use --data-dir DIR, where all six files are, or --data synthetic") from None
    except OSError as error:
        raise DataMissing(f"{name}: cannot be read ({_reason(error)}); make it readable, or use --data-dir DIR") from None
    if len(content) > MAX_FILE_BYTES:
        raise DataDamaged(f"{name}: more than {MAX_FILE_BYTES >> 20} MiB; a batch of CIFAR-10, about 30 MiB, was expected")
    return content


def _parse_rows(name: str, content: bytes, rows: int) -> tuple[bytes, bytes]:
    """The pixels and the labels of a file of the binary layout. ``name`` is for messages."""
    width = 1 + PIXELS_PER_ROW
    if len(content) != rows * width:
        raise DataDamaged(f"{name}: {len(content):,} bytes; {rows * width:,} were expected ({rows:,} rows of {width:,})")
    labels = content[::width]
    _check_labels(name, labels)
    return b"".join(content[start + 1 : start + width] for start in range(0, len(content), width)), labels


def _parse_pickle(name: str, content: bytes, rows: int) -> tuple[bytes | bytearray, bytes]:
    """The pixels and the labels of a file of the pickled layout. ``name`` is for messages."""
    expected = f"{rows:,} x {PIXELS_PER_ROW:,}"
    batch = _unpickle(name, content)
    fields = {_text(key): value for key, value in batch.items()}
    match fields.get("data"):
        case _Made(
            _Name.RECONSTRUCT,
            (_Name.NDARRAY, _, _),
            (1, tuple() as shape, _Made(_Name.DTYPE, (dtype, _, _), _), bool() as fortran, bytes() as pixels),
        ) if _text(dtype) == "u1":
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


def _text(value: object) -> object:
    """``value``; as text where it is bytes, which is what a text of Python 2 becomes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _check_labels(name: str, labels: bytes | list[int]) -> None:
    for row, label in enumerate(labels):
        if not 0 <= label < CLASSES:
            shown = f"{label}" if abs(label) < 1 << 63 else "a huge number"
            raise DataDamaged(f"{name}: the label of row {row:,} is {shown}; 0 to {CLASSES - 1} was expected")


def _transposed(pixels: bytes, rows: int) -> bytearray:
    """From columns to rows: numpy writes an array as it lies in memory, and says so."""
    turned = bytearray(len(pixels))
    for column in range(PIXELS_PER_ROW):
        turned[column::PIXELS_PER_ROW] = pixels[column * rows : (column + 1) * rows]
    return turned


class _Name(Enum):
    """What a batch may name. Nothing is behind a name: it cannot be called and holds no state that a file could change."""

    RECONSTRUCT = auto()
    NDARRAY = auto()
    DTYPE = auto()
    ENCODE = auto()


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _Name.RECONSTRUCT,
    ("numpy", "ndarray"): _Name.NDARRAY,
    ("numpy", "dtype"): _Name.DTYPE,
    ("_codecs", "encode"): _Name.ENCODE,
}


@dataclass(eq=False)
class _Made:
    """A call and a state that a file asks for, written down instead of carried out."""

    __slots__ = ("arguments", "maker", "state")
    __match_args__ = ("maker", "arguments", "state")

    maker: _Name
    arguments: tuple[Any, ...]
    state: Any


def _unpickle(name: str, content: bytes) -> dict[bytes | str, Any]:
    """The dict that ``content`` holds: of numbers, text, lists, tuples, dicts and :class:`_Made`."""
    expected = "a pickled batch of CIFAR-10 was expected"
    if not content.startswith(pickle.PROTO):
        raise DataDamaged(f"{name}: not a pickle of protocol 2 or later; {expected}")
    file = io.BytesIO(content)
    try:
        batch = _BatchUnpickler(file, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise DataDamaged(f"{name}: {_printable(error)}; {expected}") from None
    except EOFError:
        raise DataDamaged(f"{name}: it ends too early; {expected}") from None
    except KeyError as error:  # of the table of opcodes
        raise DataDamaged(f"{name}: an opcode that no batch has ({error}); {expected}") from None
    except (
        AttributeError,
        IndexError,
        MemoryError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise DataDamaged(f"{name}: a broken pickle ({error.__class__.__name__}); {expected}") from None
    if not isinstance(batch, dict) or file.read(1):
        raise DataDamaged(f"{name}: a pickle of something else, or more than one; {expected}")
    return batch


_HANDLERS: Mapping[int, Callable[[Any], None]] = _Unpickler.dispatch


def _counted(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    def handle(unpickler: _BatchUnpickler) -> None:
        unpickler.opcodes += 1
        if unpickler.opcodes > MAX_OPCODES:
            raise pickle.UnpicklingError(f"a pickle of more than {MAX_OPCODES:,} opcodes")
        handler(unpickler)

    return handle


class _BatchUnpickler(_Unpickler):
    """Builds plain data and calls nothing.

    It derives from the unpickler in Python, not from the one in C. The memo of that one is an array as long as the
    largest index in the file, so that six bytes ask for gigabytes; the memo of this one is a dict. And this one's table
    of opcodes can be cut down: what is not in ``dispatch`` below is an error. Left out are, above all, EXT1 to EXT4 (a
    cache that is shared by all unpicklers stands before find_class), BYTEARRAY8 (allocates what the file says before
    it looks whether so much is there), INST, OBJ, NEWOBJ (they call) and DUP, sets and protocol 0 (nobody needs them).
    """

    stack: list[Any]

    def __init__(self, file: io.BytesIO, *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.opcodes = 0
        self.encoded = 0

    def find_class(self, module: str, name: str) -> _Name:
        known = _NAMES.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"it asks for {ascii(module[:40])[1:-1]}.{ascii(name[:40])[1:-1]}")
        return known

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        maker = self.stack[-1]
        if not isinstance(maker, _Name) or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("it calls what cannot be called")
        if maker is _Name.ENCODE:  # how Python 3 writes bytes for Python 2; done here, for the keys are written so too
            self.stack[-1] = self._encoded(*arguments)
        else:
            self.stack[-1] = _Made(maker, arguments, None)

    def _encoded(self, text: object, encoding: object) -> bytes:
        if not isinstance(text, str) or _text(encoding) != "latin1":
            raise pickle.UnpicklingError("it encodes something that is not text")
        self.encoded += len(text)
        if self.encoded > MAX_FILE_BYTES:  # one long text can be encoded over and over
            raise pickle.UnpicklingError("it encodes more text than a batch holds")
        return text.encode("latin-1")

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, _Made):
            raise pickle.UnpicklingError("it sets the state of what has none")
        made.state = state

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:-1])
        _HANDLERS[pickle.SETITEM[0]](self)

    def load_setitems(self) -> None:
        self._check_keys(self.stack[::2])
        _HANDLERS[pickle.SETITEMS[0]](self)

    def _check_keys(self, keys: list[Any]) -> None:
        """Only short text: the hash of a tuple of twice the same tuple of twice the same tuple ... takes for ever."""
        if not all(isinstance(key, (bytes, str)) and len(key) <= MAX_KEY_LENGTH for key in keys):
            raise pickle.UnpicklingError("a key that is not a short text")

    dispatch = {
        opcode[0]: _counted(_HANDLERS[opcode[0]])
        for opcode in (
            *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK),
            *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
            *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
            *(pickle.BINSTRING, pickle.SHORT_BINSTRING, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8),
            *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
            *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
            *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT),
            *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.BINGET, pickle.LONG_BINGET),
            *(pickle.GLOBAL, pickle.STACK_GLOBAL),
        )
    } | {
        pickle.REDUCE[0]: _counted(load_reduce),
        pickle.BUILD[0]: _counted(load_build),
        pickle.SETITEM[0]: _counted(load_setitem),
        pickle.SETITEMS[0]: _counted(load_setitems),
    }


def download(
    to: Path,
    progress: Callable[[int, int | None], None],
    url: str = URL,
    *,
    md5: str = ARCHIVE_MD5,
    size: int = ARCHIVE_SIZE,
    member_size: int = ROWS_PER_FILE * (1 + PIXELS_PER_ROW),
) -> Path:
    """Fetch the binary layout into ``to``; its folder there, which :func:`read` reads. Where it is there, nothing is done.

    ``progress`` is called with the number of bytes that have come and of all, where the server tells it. The folder gets
    its name when it is whole; raises DataMissing, and leaves nothing behind, where it does not get there.
    """
    target = to / BINARY
    if os.path.lexists(target):
        if all(_has_size(target / f"{name}.bin", member_size) for name in (*TRAIN_BATCHES, *TEST_BATCHES)):
            return target
        raise DataMissing(f"{_printable(target)} is there and not whole; remove it and use --download again")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".cifar-10-", dir=to) as temporary:
            archive, folder = Path(temporary, "archive"), Path(temporary, BINARY)
            _fetch(url, archive, progress, md5, size)
            _extract(archive, folder, member_size)
            folder.rename(target)
    except (OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error) as error:
        raise DataMissing(f"{_printable(url)} could not be fetched into {_printable(to)} ({_reason(error)})") from None
    return target


def _has_size(path: Path, size: int) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) == size


def _fetch(url: str, archive: Path, progress: Callable[[int, int | None], None], md5: str, size: int) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    with _opened(url) as response, open(archive, "wb") as file:
        told = response.headers.get("Content-Length") or ""
        total = int(told) if re.fullmatch("[0-9]{1,15}", told) else None
        while chunk := response.read(CHUNK):
            done += len(chunk)
            if done > size:
                raise DataMissing(f"{_printable(url)}: more than {size:,} bytes came; the archive has no more")
            file.write(chunk)
            digest.update(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise DataMissing(f"{_printable(url)}: the connection was cut after {done:,} of {total:,} bytes; try again")
    if digest.hexdigest() != md5:
        raise DataMissing(
            f"{_printable(url)}: {done:,} bytes with the MD5 sum {digest.hexdigest()} came; {size:,} with {md5} were expected"
        )


def _opened(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)
    except ValueError as error:
        raise DataMissing(f"{_printable(url)} cannot be fetched ({_printable(error)})") from None


def _extract(archive: Path, folder: Path, member_size: int) -> None:
    """The batches of an archive, and nothing else of it, under names of our own."""
    folder.mkdir(mode=0o700)
    missing = {f"{name}.bin" for name in (*TRAIN_BATCHES, *TEST_BATCHES)}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            content = tar.extractfile(member) if member.isreg() and name in missing else None
            if content is None:
                continue
            if member.size != member_size:
                raise DataMissing(f"{name} in the archive has {member.size:,} bytes; {member_size:,} were expected")
            with open(folder / name, "xb") as file:
                shutil.copyfileobj(content, file)
            missing.remove(name)
    if missing:
        raise DataMissing(f"{min(missing)} is not in the archive, or is not a file there; the download is of no use")


def _reason(error: BaseException) -> str:
    """Why something failed, in the system's words where it has some."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    words = error.strerror if isinstance(error, OSError) else None
    return _printable(words or str(error) or error.__class__.__name__)


def _printable(text: object) -> str:
    """``text`` on one line: what would move the cursor or cannot be encoded is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
