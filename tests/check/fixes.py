"""Follows the fix of a finding to the letter: edits the script as the text says.

A fix names lines as ``script.py:LINE``. Where it offers two ways ("..., or ..."), each is an edit of its own. What no text can
tell to the letter, such as which parameters to hand to which optimizer, is not followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_LINE = r"\S+?\.py:(\d+)"
_CALL = r"(\S+\(\S*\))"


@dataclass(frozen=True)
class Edit:
    """Insert this text before or after the statement at this line, or remove that statement."""

    line: int
    text: str = ""
    where: str = "remove"
    call: str = ""
    """Of several statements in that line, the one with this call."""


def edits(finding: dict[str, Any], source: str) -> list[list[Edit]]:
    """The edits for each way that the finding's fix offers; empty if it cannot be followed to the letter."""
    for pattern, follow in _FIXES:
        if found := re.search(pattern, finding["fix"]):
            return follow(found, finding, source)
    return []


def _clear_before_or_after(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    step = f"{found[1].removesuffix('.zero_grad()')}.step("
    return [[Edit(int(found[2]), found[1], "before", ".backward(")], [Edit(int(found[3]), found[1], "after", step)]]


def _clear_after(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[2]), found[1], "after", f"{found[1].removesuffix('.zero_grad()')}.step(")]]


def _clear_before(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[2]), found[1], "before", ".backward(")]]


def _clear_there(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[1]), found[2], "after", ".zero_grad(")]]


def _clear_behind(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[2]), found[1], "after")]]


def _remove(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[1]), call=".zero_grad(")]]


def _move(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    step = f"{found[1].removesuffix('.zero_grad()')}.step("
    return [[Edit(int(found[2]), call=".zero_grad("), Edit(int(found[3]), found[1], "after", step)]]


def _unscale(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    return [[Edit(int(found[2]), found[1], "before", "clip_grad")]]


def _clip_before_step(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    line = int(finding["where"].rpartition(":")[2])
    clip = _text_of(statement(source, line, "clip_grad"), source)
    return [[Edit(line, call="clip_grad"), Edit(int(found[1]), clip, "before", ".step(")]]


def _step_before(found: re.Match[str], finding: dict[str, Any], source: str) -> list[list[Edit]]:
    lines = [number for number, line in enumerate(source.splitlines(), 1) if f"{found[1]}." in line and ".step(" in line]
    return [[Edit(lines[0], call=f"{found[1]}.step("), Edit(int(found[2]), f"{found[1]}.step()", "before", ".backward(")]]


_Follow = Callable[["re.Match[str]", dict[str, Any], str], list[list[Edit]]]
_FIXES: list[tuple[str, _Follow]] = [
    (rf"^call {_CALL} once per step, before the backward\(\) of {_LINE}, or right after {_LINE}$", _clear_before_or_after),
    (rf"^call {_CALL} once per step, right after {_LINE}, not for each backward\(\)$", _clear_after),
    (rf"^call {_CALL} once per step, right after {_LINE}$", _clear_after),
    (rf"^call {_CALL}(?: once per step,)? before the backward\(\) of {_LINE}$", _clear_before),
    (rf"^what {_LINE} clears leaves these out: call {_CALL} there$", _clear_there),
    (rf"^call {_CALL} right after {_LINE}, or compute these losses without backward\(\)$", _clear_behind),
    (rf"^remove {_LINE}: the gradients are cleared elsewhere$", _remove),
    (rf"^move {_CALL} from {_LINE} to right after (?:the step\(\) of )?{_LINE}, so that", _move),
    (rf"^call {_CALL} before {_LINE}$", _unscale),
    (rf"^clip once, right before {_LINE}, not after each backward\(\)$", _clip_before_step),
    (rf"^clip after the backward\(\) of \S+ and right before {_LINE}$", _clip_before_step),
    (rf"^call (\w+)\.step\(\) before the loss of {_LINE} is computed, or ", _step_before),
]


def statement(source: str, line: int, call: str = "") -> ast.stmt:
    """The innermost statement at this line; of several, the first that contains the call."""
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    simple = [node for node in found if not hasattr(node, "body")] or found
    return next((node for node in simple if call in _text_of(node, source)), simple[0])


def _text_of(node: ast.stmt, source: str) -> str:
    return ast.get_source_segment(source, node) or ""


def apply(todo: list[Edit], source: str) -> str:
    """The script after all edits."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for text in lines:
        starts.append(starts[-1] + len(text))
    places = sorted(_replacements(todo, source, starts), reverse=True)
    for start, end, text in places:
        source = source[:start] + text + source[end:]
    return source


def _replacements(todo: list[Edit], source: str, starts: list[int]) -> Iterator[tuple[int, int, str]]:
    """What to put in place of which part of the source."""
    for edit in todo:
        node = statement(source, edit.line, edit.call)
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        alone = not source[starts[node.lineno - 1] : start].strip()
        between = f"\n{' ' * node.col_offset}" if alone else "; "
        if edit.where == "remove":
            yield start, end, "pass"
        elif edit.where == "before":
            yield start, start, edit.text + between
        else:
            yield end, end, between + edit.text
