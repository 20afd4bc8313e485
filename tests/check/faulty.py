"""The scripts that have a fault and a mended form, and those that look faulty and are not.

The first line of a script says what check must tell of each form: ``# fault: KIND, ... [NOTE, ...]; right: clean``. A statement
with a trailing ``# fault`` is only in the faulty form, one with ``# right`` only in the right form; the other form has ``pass``
there, so both have the same lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts" / "faults"
FORMS = ("fault", "right")
_EXPECTED = re.compile(r"(fault|right): ([^;\[\n]+?)(?: \[([^\]]*)\])?(?:;|$)")


@dataclass(frozen=True)
class Expected:
    """The kinds of the findings, and those of the notes."""

    findings: frozenset[str]
    notes: frozenset[str]


def names(form: str) -> list[str]:
    """The scripts that have this form."""
    return [name for name in sorted(path.stem for path in SCRIPTS.glob("*.py")) if form in expected(name)]


def expected(name: str) -> dict[str, Expected]:
    """What the script's first line says of each of its forms."""
    first = _text(name).splitlines()[0].removeprefix("# ")
    return {form: Expected(_kinds(findings), _kinds(notes)) for form, findings, notes in _EXPECTED.findall(first)}


def _kinds(listed: str) -> frozenset[str]:
    return frozenset(kind for kind in listed.split(", ") if kind and kind != "clean")


def source(name: str, form: str) -> str:
    """One form of the script."""
    other = next(each for each in FORMS if each != form)
    without = re.sub(rf"^(\s*)\S.*# {other}$", r"\1pass", _text(name), flags=re.MULTILINE)
    return re.sub(rf" +# {form}$", "", without, flags=re.MULTILINE)


def _text(name: str) -> str:
    return (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
