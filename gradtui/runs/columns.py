"""Every column of a run's CSV files, declared once.

The workers' rows, all readers, the exports, the charts' quantities and the README's list are made from these tables. A new
column is one entry here; the code that computes it hands in its value under the same name. One that every row has also needs
a place in ``packed``, or the app reads long runs from their CSV files, which is slow: a test says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

MOST_SECONDS = 1e12
"""A longer time is damage, not a measurement."""

_COUNT = "[1-9][0-9]{0,14}"
FLOAT = "[-+]?(?:(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:e[-+]?[0-9]+)?|nan|inf)"
"""How a float is written; float() accepts more, such as ``1_0``, ``infinity`` and spaces."""


@dataclass(frozen=True)
class Kind:
    """What a field may hold: ``pattern`` matches its text, ``written`` is its printf format."""

    name: str
    pattern: str
    written: str

    def read(self, text: str) -> float:
        """Parse a field; nan if it is empty. Raises ValueError unless a row may hold this text."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(text)
        value = float(text or math.nan)
        if self == TIME and not 0 <= value <= MOST_SECONDS:
            raise ValueError(text)
        return value


COUNT = Kind("integer from 1", _COUNT, "%d")
INDEX = Kind("integer from 0", f"(?:0|{_COUNT})", "%d")
NUMBER = Kind("float or empty", f"(?:{FLOAT})?", "%r")
VALUE = Kind("float", FLOAT, "%r")
TIME = Kind("seconds", FLOAT, "%r")
TEXT = Kind("text", ".*", "%s")


@dataclass(frozen=True)
class Column:
    """One column. A ``sparse`` one is measured on some rows and empty on the others."""

    name: str
    kind: Kind
    meaning: str
    written: str = ""
    """The printf format of a field, if it is not its kind's."""
    quantity: str = ""
    """What the charts call it; empty if they do not draw it."""
    sparse: bool = False
    scripts_only: bool = False
    """Whether only runs of a user's script have it."""
    required: bool = False
    """Whether every file has it. The files of older versions lack a column that is added."""

    @property
    def format(self) -> str:
        return self.written or self.kind.written


@dataclass(frozen=True)
class Table:
    """The columns of one kind of file. The first column ascends."""

    file: str
    per_row: str
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def columns_of(self, *, script: bool) -> tuple[Column, ...]:
        """The columns that a run has: of a user's ``script``, or of an experiment."""
        return tuple(column for column in self.columns if script or not column.scripts_only)


STEPS = Table(
    "<variant>.csv",
    "optimizer step",
    (
        Column("step", COUNT, "the optimizer step", required=True),
        Column("epoch", COUNT, "the epoch; 1 for a script", required=True),
        Column("loss", NUMBER, "the loss whose gradient the step applied", quantity="loss", required=True),
        Column(
            "grad_norm",
            NUMBER,
            "the norm of the applied gradient: what had accumulated in `.grad`",
            quantity="gradient norm, applied",
            sparse=True,
            required=True,
        ),
        Column("seconds", TIME, "training time of the step: no waiting for a turn, no pause", written="%.7f", required=True),
        Column(
            "fresh_grad_norm",
            NUMBER,
            "the norm of the gradient that the step's own backward() calls computed",
            quantity="gradient norm, fresh",
            sparse=True,
        ),
        Column(
            "cosine",
            NUMBER,
            "the cosine of the angle between the applied and the fresh gradient",
            written="%.6g",
            quantity="cosine of applied and fresh",
            sparse=True,
        ),
        Column(
            "optimizer",
            COUNT,
            "which of the script's optimizers stepped: 1 for the first one to step",
            scripts_only=True,
        ),
    ),
)
EPOCHS = Table(
    "<variant>.epochs.csv",
    "epoch, if there is test data",
    (
        Column("epoch", COUNT, "the epoch", required=True),
        Column("step", COUNT, "its last optimizer step", required=True),
        Column("test_loss", NUMBER, "the mean loss over the test data", quantity="test loss", required=True),
        Column("accuracy", NUMBER, "the share of test samples classified correctly", quantity="accuracy", required=True),
    ),
)
TIMING = Table(
    "<variant>.timing.csv",
    "slice of the timing probe",
    (
        Column("slice", COUNT, "the slice", required=True),
        Column("block", COUNT, "the block of four slices, in the order ABBA", required=True),
        Column("side", INDEX, "the policy that was timed: 0 left, 1 right", required=True),
        Column("seconds_per_batch", TIME, "the time of a step, per batch", required=True),
    ),
)
SCALARS = Table(
    "<variant>.scalars.csv",
    "number that a script logged with `gradtui.log()`",
    (
        Column("step", INDEX, "the optimizer steps taken before", required=True),
        Column("name", TEXT, "the name that the script gave", required=True),
        Column("value", VALUE, "the number", required=True),
    ),
)
A_SEED = "<seed>"
"""Stands for a column per seed, which is named by the seed."""
SEED_STEPS = Table(
    "<variant>.seeds.csv",
    "optimizer step, if there are several seeds; the step file has the medians over the seeds",
    (
        Column("step", COUNT, "the optimizer step", required=True),
        Column(A_SEED, VALUE, "a column per seed, named by it: its loss", required=True),
    ),
)
SEED_EPOCHS = Table(
    "<variant>.seeds.epochs.csv",
    "epoch, if there are several seeds and test data; the epoch file has the medians over the seeds",
    (
        Column("epoch", COUNT, "the epoch", required=True),
        Column(A_SEED, VALUE, "a column per seed, named by it: its accuracy", required=True),
    ),
)
TABLES = (STEPS, EPOCHS, SEED_STEPS, SEED_EPOCHS, TIMING, SCALARS)


def of_seeds(table: Table, seeds: Iterable[int]) -> Table:
    """The table with its column per seed named by these seeds."""
    each = table[A_SEED]
    return replace(table, columns=(table.columns[0], *(replace(each, name=str(seed)) for seed in seeds)))


class RowFormat:
    """Writes rows of some columns as text."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.header = ",".join(column.name for column in columns) + "\n"
        self._columns = columns
        self._dense = [column.name for column in columns if not column.sparse]
        self._plain = ",".join("" if column.sparse else column.format for column in columns) + "\n"

    def rows(self, dense: Mapping[str, Iterable[float]], sparse: Mapping[int, Mapping[str, float]]) -> list[str]:
        """One line per row: ``dense`` has the values of all rows by column, ``sparse`` those measured on row i."""
        lines = [self._plain % values for values in zip(*(dense[name] for name in self._dense), strict=True)]
        for i, measured in sparse.items():
            fields = lines[i][:-1].split(",")
            for place, column in enumerate(self._columns):
                if column.sparse:
                    fields[place] = column.format % measured[column.name]
            lines[i] = ",".join(fields) + "\n"
        return lines

    def row(self, **values: float | None) -> str:
        """One line; what is None or not given is left empty."""
        given = [(column, values.get(column.name)) for column in self._columns]
        return ",".join("" if value is None else column.format % value for column, value in given) + "\n"


class RowPattern:
    """Recognizes the sound rows of a file with this ``header``, and picks some columns from them."""

    def __init__(self, header: str, table: Table, wanted: Sequence[Column]) -> None:
        names = header.strip().split(",")
        missing = [column.name for column in wanted if column.name not in names]
        self.fits = all(not column.required or column.name in names for column in (table.columns[0], *wanted))
        """Whether the file has the wanted columns; one that is not required may be missing, and reads as empty."""
        kinds = [table[name].kind if name in table.names else NUMBER for name in names]
        fields = [f"({kind.pattern})" for kind in kinds]
        self._pattern = re.compile(",".join(fields) + "()" * len(missing))
        groups = {name: place for place, name in reversed([*enumerate(names, 1), *enumerate(missing, len(names) + 1)])}
        self._wanted = tuple(groups[column.name] for column in wanted)
        self._ascending = groups.get(table.columns[0].name, 0)
        self._times = [place for place, kind in enumerate(kinds, 1) if kind == TIME]
        self._last = 0

    def fields(self, line: str) -> tuple[str, ...] | None:
        """The wanted fields of the next line, as they are written; None if it is no sound row."""
        row = self._pattern.fullmatch(line)
        if row is None or (number := int(row[self._ascending])) <= self._last:
            return None
        for place in self._times:
            if not 0 <= float(row[place]) <= MOST_SECONDS:
                return None
        self._last = number
        fields: tuple[str, ...] = row.group(0, *self._wanted)[1:]
        return fields


def markdown() -> str:
    """The tables as the README lists them."""
    lines = []
    for table in TABLES:
        lines += [f"`{table.file}`: a row per {table.per_row}.", "", "| column | holds | meaning |", "|---|---|---|"]
        for column in table.columns:
            meaning = column.meaning + (" (measured on some steps)" if column.sparse else "")
            meaning += " (scripts only)" if column.scripts_only else ""
            lines.append(f"| `{column.name}` | {column.kind.name} | {meaning} |")
        lines.append("")
    return "\n".join(lines)
