"""The scripts of the corpus, right and broken.

A script marks each statement that clears gradients with a trailing ``# clears``. Broken, it has ``pass`` there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
_CLEARS = re.compile(r"^(\s*)(\S.*?)\s*# clears$", re.MULTILINE)


def names() -> list[str]:
    return sorted(path.stem for path in SCRIPTS.glob("*.py"))


def source(name: str, steps: int | None = None) -> str:
    """The script as it stands, or with another number of steps."""
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    return text if steps is None else re.sub(r"^STEPS = \d+$", f"STEPS = {steps}", text, flags=re.MULTILINE)


def clears(text: str) -> bool:
    """Whether there is anything to break."""
    return _CLEARS.search(text) is not None


@dataclass(frozen=True)
class Stale:
    """What is stale once nothing is cleared: which optimizer (None: each), which of its groups (None: all), from which
    step. A script says so in its first comment, ``broken: optimizer 1``, where it is not all, from step 2."""

    optimizer: int | None = None
    group: int | None = None
    first: int = 2


def expected(text: str) -> Stale:
    """What the script says about itself."""
    found = re.search(r"^broken: (.*)$", text, re.MULTILINE)
    words = dict(re.findall(r"(optimizer|group|step) (\d+)", found[1])) if found else {}
    optimizer, group = (int(words[word]) if word in words else None for word in ("optimizer", "group"))
    return Stale(optimizer, group, int(words.get("step", 2)))


def broken(text: str) -> str:
    """Nothing is cleared any more."""
    return _CLEARS.sub(r"\1pass", text)


def broken_after(text: str, calls: int) -> str:
    """What clears is reached only so many times."""
    counted = _CLEARS.sub(r"\1if next(_calls) < _LIMIT:\n\1    \2", text)
    head = f"import itertools as _itertools\n_calls, _LIMIT = _itertools.count(), {calls}\n"
    first = counted.index('"""', 3) + 3
    return counted[:first] + "\n" + head + counted[first:]
