"""Unpickle a batch of CIFAR-10 into plain data, without calling anything that the file names."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pickle import _Unpickler
from typing import Any

from gradtui.cifar10 import MAX_FILE_BYTES, DataDamaged
from gradtui.printing import printable

MAX_OPCODES = 200_000
"""A real file has 30,000: one per label, two per file name, with its place in the memo."""
MAX_KEY_LENGTH = 40


def as_text(value: object) -> object:
    """Decode ``value`` if it is bytes, as text from Python 2 is; return anything else unchanged."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


class Name(Enum):
    """A name that a batch may use. It is only a marker: it cannot be called and has no state that a file could change."""

    RECONSTRUCT = auto()
    NDARRAY = auto()
    DTYPE = auto()
    ENCODE = auto()


_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): Name.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): Name.RECONSTRUCT,
    ("numpy", "ndarray"): Name.NDARRAY,
    ("numpy", "dtype"): Name.DTYPE,
    ("_codecs", "encode"): Name.ENCODE,
}


@dataclass(eq=False)
class Made:
    """A call and a state that a file asks for, recorded instead of executed."""

    __slots__ = ("arguments", "maker", "state")
    __match_args__ = ("maker", "arguments", "state")

    maker: Name
    arguments: tuple[Any, ...]
    state: Any


def unpickle(name: str, content: bytes) -> dict[bytes | str, Any]:
    """Unpickle the dict in ``content``, of numbers, text, lists, tuples, dicts and :class:`Made`. Raises DataDamaged."""
    expected = "a pickled batch of CIFAR-10 was expected"
    if not content.startswith(pickle.PROTO):
        raise DataDamaged(f"{name}: not a pickle of protocol 2 or later; {expected}")
    file = io.BytesIO(content)
    try:
        batch = _BatchUnpickler(file, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise DataDamaged(f"{name}: {printable(error)}; {expected}") from None
    except EOFError:
        raise DataDamaged(f"{name}: it ends too early; {expected}") from None
    except KeyError as error:  # from the table of opcodes
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

    It derives from the Python unpickler, not from the C one. The memo of the C unpickler is an array as long as the largest
    index in the file, so six bytes can request gigabytes; the memo here is a dict. The Python unpickler's table of opcodes
    can also be reduced: an opcode that is not in ``dispatch`` below is an error. The main ones left out are EXT1 to EXT4 (a
    cache shared by all unpicklers comes before find_class), BYTEARRAY8 (allocates the size that the file states before it
    checks that the data is there), INST, OBJ, NEWOBJ (they make calls), and DUP, sets and protocol 0 (not needed).
    """

    stack: list[Any]

    def __init__(self, file: io.BytesIO, *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.opcodes = 0
        self.encoded = 0

    def find_class(self, module: str, name: str) -> Name:
        known = _NAMES.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"it asks for {ascii(module[:40])[1:-1]}.{ascii(name[:40])[1:-1]}")
        return known

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        maker = self.stack[-1]
        if not isinstance(maker, Name) or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("it calls what cannot be called")
        if maker is Name.ENCODE:  # how Python 3 writes bytes for Python 2; encoded here, because keys are written this way too
            self.stack[-1] = self._encoded(*arguments)
        else:
            self.stack[-1] = Made(maker, arguments, None)

    def _encoded(self, text: object, encoding: object) -> bytes:
        if not isinstance(text, str) or as_text(encoding) != "latin1":
            raise pickle.UnpicklingError("it encodes something that is not text")
        self.encoded += len(text)
        if self.encoded > MAX_FILE_BYTES:  # one long text can be encoded over and over
            raise pickle.UnpicklingError("it encodes more text than a batch holds")
        return text.encode("latin-1")

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, Made):
            raise pickle.UnpicklingError("it sets the state of what has none")
        made.state = state

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:-1])
        _HANDLERS[pickle.SETITEM[0]](self)

    def load_setitems(self) -> None:
        self._check_keys(self.stack[::2])
        _HANDLERS[pickle.SETITEMS[0]](self)

    def _check_keys(self, keys: list[Any]) -> None:
        """Allow only short text: hashing a tuple of twice the same tuple, itself of twice the same tuple, ... takes forever."""
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
