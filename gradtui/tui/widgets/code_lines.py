"""The code that both sides run, verbatim, with the clearing lines marked."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from pathlib import Path

from gradtui.policies import POLICIES
from gradtui.printing import printable
from gradtui.runs.safe_open import first_bytes
from gradtui.script.modules import NoSuchModule, file_of_module
from gradtui.script.notebook import SUFFIX, NotANotebook, as_text, is_notebook
from gradtui.settings import RunSettings
from gradtui.tui.widgets.styled_lines import Line

ABOUT_SCRIPTS = (
    "Your script, unchanged.",
    "WITH: gradients that a step has applied are cleared before the next backward(), unless the script clears them.",
    "WITHOUT: zero_grad() on its optimizers and modules does nothing.",
)
LONGEST_SOURCE = 1 << 18
LONGEST_NOTEBOOK = 1 << 24
"""Most of a notebook is the pictures in it."""
TAB = 4


def code_lines(settings: RunSettings | None, width: int) -> list[Line]:
    """The training step of each side, next to each other if there is room; or the user's whole script."""
    if settings is None:
        return []
    if settings.can.run_script:
        return _script_lines(settings, width)
    sources = [POLICIES[name].source() for name in settings.policies]
    titles = settings.titles
    half = width // 2
    if max(len(line) + 4 for source in sources for line in source) > half:
        lines: list[Line] = []
        for role, title, source in zip(("left", "right"), titles, sources, strict=True):
            lines += [[(f" {title}", role)], *([*_code(line, 0)] for line in source), []]
        return lines
    rows: list[Line] = [[(f" {titles[0]}".ljust(half), "left"), (f" {titles[1]}", "right")]]
    for i in range(max(map(len, sources))):
        left, right = (source[i] if i < len(source) else "" for source in sources)
        rows.append([*_code(left, half), *_code(right, 0)])
    return rows


def _code(line: str, width: int) -> Line:
    text = f"   {line}"
    if "zero_grad(" in line:
        return [(" ▸ ", ""), (line, "clears"), (" " * max(0, width - len(text)), "")]
    return [(text.ljust(width), "code")]


def _script_lines(settings: RunSettings, width: int) -> list[Line]:
    about: list[Line] = [[(f" {line}", "note")] for text in ABOUT_SCRIPTS for line in textwrap.wrap(text, width - 1)]
    file = _file(settings)
    source = _source(file) if file is not None else ""
    numbered = enumerate(source.expandtabs(TAB).splitlines(), 1)
    return [*about, [], *([(f" {number:>4}", "note"), *_code(printable(line), 0)] for number, line in numbered)]


def _source(file: Path) -> str:
    source = first_bytes(file, LONGEST_NOTEBOOK if file.suffix == SUFFIX else LONGEST_SOURCE)
    if is_notebook(file.name, source):
        with suppress(NotANotebook):  # damaged, or longer than that
            return as_text(source)
    return source.decode("utf-8", "replace")


def _file(settings: RunSettings) -> Path | None:
    """The file that the run starts with; None if only running it shows which."""
    if not settings.module:
        return settings.script_path
    try:
        file = file_of_module(settings.script or "", settings.directory or ".")
    except NoSuchModule:  # no longer
        return None
    return Path(file) if file is not None else None
