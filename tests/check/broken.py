"""The scripts of the corpus, right and broken.

A script marks each statement that clears gradients with a trailing ``# clears``. Broken, it has ``pass`` there.
"""

from __future__ import annotations

import re
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
_CLEARS = re.compile(r"^(\s*)(\S.*?)\s*# clears$", re.MULTILINE)


def names() -> list[str]:
    return sorted(path.stem for path in SCRIPTS.glob("*.py"))


def source(name: str, steps: int | None = None) -> str:
    """The script as it stands, or with another number of steps."""
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    return text if steps is None else re.sub(r"^STEPS = \d+$", f"STEPS = {steps}", text, flags=re.MULTILINE)


def broken(text: str) -> str:
    """Nothing is cleared any more."""
    return _CLEARS.sub(r"\1pass", text)


def broken_after(text: str, calls: int) -> str:
    """What clears is reached only so many times."""
    counted = _CLEARS.sub(r"\1if next(_calls) < _LIMIT:\n\1    \2", text)
    head = f"import itertools as _itertools\n_calls, _LIMIT = _itertools.count(), {calls}\n"
    first = counted.index('"""', 3) + 3
    return counted[:first] + "\n" + head + counted[first:]
