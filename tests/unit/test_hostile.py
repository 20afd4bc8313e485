"""Whatever stands in a setting, in run.json or in a CSV file: no traceback, no wait, errors of one printable line."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradtui.runs.columns import STEPS
from gradtui.runs.export.csv_export import write_csv
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import RunReader
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DamagedRun, RunState
from gradtui.runs.tail import CsvTail
from gradtui.settings import SETTINGS, RunSettings, SettingsError

FEW, MANY = 75, 3500
HOW_MANY = pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(400)])], ids=["few", "many"]
)

ODD_TEXTS = st.sampled_from(
    ["", " ", "nan", "-inf", "1e400", "1_0", "٣", "0x10", "9" * 5000, "\x1b[31m", "a\nb", "\ud800", "\u202e",
     "auto", "linear", "x" * 2000]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ODD_TEXTS
NUMBERS = st.sampled_from([10**400, -(10**400), 10**4000, 2**64, -1, 0, 1e308, 5e-324])
VALUES = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def search(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Try ``check`` on so many examples."""
    tried = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    tried(given(strategy)(check))()


def is_one_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text) < 1500


@HOW_MANY
def test_settings_are_parsed_or_refused(examples: int) -> None:
    names = st.sampled_from(list(SETTINGS)) | st.text() | ODD_TEXTS

    def check(given: dict[str, object]) -> None:
        errors: dict[str, str] = {}
        try:
            parsed = RunSettings.parse(given)
        except SettingsError as refused:
            errors = refused.errors
        else:
            assert RunSettings.parse(parsed.as_dict()) == parsed
            assert parsed.summary().isprintable()
        assert all(is_one_line(f"{name}: {problem}") for name, problem in errors.items())
        assert len(errors) <= len(SETTINGS) + 5

    search(examples, st.dictionaries(names, VALUES, max_size=5), check)


@st.composite
def run_jsons(draw: st.DrawFn, sound: bytes) -> bytes:
    """A sound run.json that somebody changed: a value anywhere, a key, some bytes; or something else entirely."""
    how = draw(st.sampled_from(["value", "value", "value", "bytes", "cut", "anything"]))
    if how == "anything":
        return draw(st.binary(max_size=200))
    if how == "cut":
        return sound[: draw(st.integers(0, len(sound)))]
    if how == "bytes":
        at = draw(st.integers(0, len(sound)))
        return sound[:at] + draw(st.binary(max_size=20)) + sound[at + draw(st.integers(0, 20)) :]
    document = json.loads(sound)
    place = document
    while True:
        key = draw(st.sampled_from(sorted(place)) | st.text(max_size=5))
        if isinstance(place.get(key), dict) and draw(st.integers(0, 3)):
            place = place[key]
            continue
        if draw(st.integers(0, 5)):
            place[key] = draw(VALUES)
        else:
            place.pop(key, None)
        break
    return json.dumps(document).encode()


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    return [value] if isinstance(value, str) else []


@HOW_MANY
def test_a_run_json_is_understood_or_damaged(examples: int, home: Path) -> None:
    folder = create_run(RunSettings.parse({}))
    sound = (folder.path / "run.json").read_bytes()

    def check(data: bytes) -> None:
        (folder.path / "run.json").write_bytes(data)
        said = ""
        try:
            state = folder.read()
        except DamagedRun as damaged:
            said = str(damaged)
        if said:
            assert is_one_line(said)
            return
        document = json.loads(state.to_json())
        assert all(text.isprintable() for text in texts_of(document))
        assert RunState.from_json(state.to_json()) == state
        json.dumps(RunReader(folder).results().as_json(), allow_nan=False)

    search(examples, run_jsons(sound), check)


COLUMNS = STEPS.columns_of(script=False)
HEADER = ",".join(column.name for column in COLUMNS).encode()
FIELDS = st.sampled_from(
    [b"", b"0", b"1", b"-1", b"0.5", b"1e999", b"-1e999", b"1e308", b"nan", b"inf", b"-inf", b"zero", b"1_0", b" 1",
     b"01", b"+1", b".5", b"1.", b"1.0", b"-nan", b"infinity", b"1e-3", b"\x1b[31m", b"\x00", b"\xff", b"9" * 400,
     b"1e3", b"0.0001"]
) | st.integers(0, 9).map(lambda n: str(n).encode())  # fmt: skip
ROWS = st.integers(1, 9).map(lambda step: b"%d,1,0.5,,0.1,," % step)
LINES = ROWS | ROWS | st.lists(FIELDS, min_size=6, max_size=8).map(b",".join) | st.binary(max_size=30) | st.just(b"7" * 5000)
FILES = st.tuples(st.sampled_from([HEADER, HEADER, HEADER, HEADER[:20], b"", b"time,price"]), st.lists(LINES, max_size=25))


@HOW_MANY
def test_a_csv_gives_its_sound_rows_however_it_grows(examples: int, home: Path) -> None:
    folder = create_run(RunSettings.parse({}))
    path = folder.steps_csv("with_zero_grad")

    def rows_of(tail: CsvTail) -> list[tuple[float, ...]]:
        return [tuple(map(float, row)) for rows in iter(tail.read, None) for row in zip(*rows.values.values(), strict=True)]

    def check(drawn: tuple[tuple[bytes, list[bytes]], list[int]]) -> None:
        (header, lines), cuts = drawn
        data = b"\n".join([header, *lines])
        path.write_bytes(b"")
        growing, read = CsvTail(path, COLUMNS), []
        for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
            path.write_bytes(data[:cut])
            read += rows_of(growing)
        assert list(map(repr, read)) == list(map(repr, rows_of(CsvTail(path, COLUMNS))))
        steps = [row[0] for row in read]
        assert steps == sorted(set(steps))
        assert all(step.is_integer() and 1 <= step <= 2**53 for step in steps)
        for name in ("epochs", "timing"):
            (folder.path / f"with_zero_grad.{name}.csv").write_bytes(data)
        for status in ("running", "finished"):
            _say(folder, status)
            reader = RunReader(folder)
            while any(reader.advance()):
                pass
            json.dumps(reader.results().as_json(), allow_nan=False)
        assert folder.count_steps("with_zero_grad") >= 0
        exported = io.StringIO()
        assert write_csv(folder, exported) == len(read)
        assert exported.getvalue().replace("\n", "").isprintable()

    search(examples, st.tuples(FILES, st.lists(st.integers(0, 400), max_size=3)), check)


def _say(folder: RunFolder, status: str) -> None:
    """Without waiting for the disk, as this is done thousands of times."""
    document = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps({**document, "status": status}))


@HOW_MANY
def test_the_last_lines_of_any_log_are_fit_for_a_screen(examples: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        folder = RunFolder(Path(directory))

        def check(data: bytes) -> None:
            folder.log("with_zero_grad").write_bytes(data)
            lines = folder.last_log_lines("with_zero_grad")
            assert all(line.isprintable() and line for line in lines)

        search(examples, st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")), check)
