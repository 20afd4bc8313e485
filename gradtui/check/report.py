"""The report: a few lines of text, or one line of JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from gradtui.check import loop_notes
from gradtui.check.accounts import Ledgers
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.loop_notes import Note
from gradtui.check.source_lines import Place
from gradtui.check.verdict import (
    CLEAN,
    IN_PLAIN_WORDS,
    NOT_WATCHED,
    NOTHING,
    Finding,
    findings,
    optimizer_verdict,
    some,
    verdict,
    why_nothing,
)
from gradtui.printing import printable

UNWATCHED = 3
"""Exit code if there is nothing to judge, or if not everything could be watched."""
WIDTH = 100
"""Quoted source lines are cut to this many characters."""
OPTIMIZERS_TOLD = 12
"""The text describes at most this many kinds of optimizers; more would not fit a screen. JSON has them all."""
ODD_STEPS = 1
"""As many steps may have another number of backward() calls than the usual: the last window of an epoch may be short."""
_BOLD, _RED, _GREEN, _DIM, _PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[2m", "\x1b[0m"


class Report:
    """The report on one process, or on the ranks of a distributed run (``facts`` of each, rank 0 first).

    ``missing``: the ranks that were not heard from; ``missing_here``: one of them should have reported on this machine;
    ``strict``: notes count as findings.
    """

    def __init__(
        self, facts: Sequence[Facts], missing: Sequence[int] = (), missing_here: bool = False, *, strict: bool = False
    ) -> None:
        self._all = facts
        self._missing = list(missing)
        self._judged = [(each, findings(each)) for each in facts]
        # Rank 0's findings first, then those that only other ranks have.
        self.findings = list(self._judged[0][1])
        known = {(finding.kind, finding.optimizer) for finding in self.findings}
        for facts_, found in self._judged[1:]:
            for finding in found:
                if (finding.kind, finding.optimizer) not in known:
                    known.add((finding.kind, finding.optimizer))
                    message = f"rank {facts_.rank}: {finding.message}"
                    self.findings.append(Finding(finding.kind, message, finding.where, finding.fix, None))
        self.notes = [
            *_notes(facts),
            *(Note(NOT_WATCHED, f"rank {rank} was not heard from") for rank in missing if missing_here),
        ]
        self.verdict = next((verdict(found, each) for each, found in self._judged if found), "")
        if not self.verdict:
            # A rank may take no step as long as another one does.
            unseen = missing_here or any(each.all_not_watched for each in facts)
            self.verdict = NOT_WATCHED if unseen else (CLEAN if any(each.steps for each in facts) else NOTHING)
        self._counted = [note for note in self.notes if note.kind not in (NOT_WATCHED, NOTHING)] if strict else []
        if self._counted and not self.findings:
            self.verdict = self._counted[0].kind

    @property
    def exit_code(self) -> int:
        """1 with a finding; else 3 if something was not watched or nothing stepped; else 0."""
        if self.findings or self._counted:
            return 1
        return 0 if self.verdict == CLEAN else UNWATCHED

    # JSON

    def as_json(self) -> str:
        """The report as one line of JSON."""
        facts, found = self._judged[0]
        document: dict[str, Any] = {
            "verdict": self.verdict,
            "optimizers": [_optimizer_json(place, found, facts) for place in range(len(facts.optimizers))],
            "findings": [
                {"kind": each.kind, "message": each.message, "where": str(each.where) if each.where else None, "fix": each.fix}
                for each in self.findings
            ],
            "notes": [
                {"kind": each.kind, "message": each.message, "where": str(each.where) if each.where else None}
                for each in self.notes
            ],
            "steps": facts.steps,
            "ended_early": facts.ended_early,
            "script_exit_code": facts.script_code,
        }
        if len(self._all) > 1 or self._missing:
            document["ranks"] = [
                {"rank": each.rank, "verdict": verdict(found, each), "steps": each.steps, "script_exit_code": each.script_code}
                for each, found in self._judged
            ]
            document["ranks_not_heard_from"] = self._missing
        return json.dumps(document)

    # Text

    def as_text(self, color: bool) -> str:
        """The report as several lines, with no control characters except newlines, and color codes if ``color``."""
        facts, found = self._judged[0]
        lines = [self._head(), *textwrap.wrap(IN_PLAIN_WORDS.get(self.verdict, ""), WIDTH), ""]
        for place, one in enumerate(_grouped(facts, found)):
            lines += [*_optimizer_lines(one), ""] if place < OPTIMIZERS_TOLD else []
        lines += [line for finding in self.findings if finding.optimizer is None for line in (*_general(finding), "")]
        lines += [f"  not watched: {printable(note)}" for note in facts.not_watched]
        lines += [f"  note: {_remark(note)}" for note in self.notes if note.kind not in (NOT_WATCHED, NOTHING)]
        lines += self._rank_lines()
        text = "\n".join(_harmless(line) for line in lines).rstrip("\n") + "\n"
        return _colored(text) if color else text.translate(_NO_MARKS)

    def _head(self) -> str:
        facts = self._all[0]
        mark = "\x02" if self.verdict == CLEAN else ("\x03" if self.findings else "\x01")
        so_far = " so far" if self.verdict == CLEAN and facts.script_code else ""
        head = f"{mark}gradtui check: {self.verdict}{so_far}\x00"
        if self.verdict == NOTHING:
            if facts.script_code:
                return f"\x03gradtui check: the script failed\x00 (exit code {facts.script_code}) before any optimizer stepped"
            return f"{head}: {why_nothing(facts)}"
        counts = [_count(facts.steps, "optimizer step")]
        if len(self._all) > 1:
            counts.append(f"{len(self._all)} ranks")
        if facts.ended_early:
            counts.append("then the script was ended, as asked")
        elif facts.script_code:
            counts.append(f"then the script failed (exit code {facts.script_code})")
        return f"{head}  ({', '.join(counts)})"

    def _rank_lines(self) -> Iterator[str]:
        if self._missing:
            yield "  not heard from: " + ", ".join(f"rank {rank}" for rank in self._missing)
        if len(self._all) < 2:
            return
        first = _summary(*self._judged[0])
        odd = [(each, found) for each, found in self._judged[1:] if _summary(each, found) != first]
        if not odd:
            yield f"  {len(self._all)} ranks, all as rank 0"
        for each, found in odd:
            yield f"  rank {each.rank} differs from rank 0: {_summary(each, found)}; rank 0: {first}"


def _remark(note: Note) -> str:
    return printable(f"{note.message}  ({note.where})" if note.where else note.message)


def _summary(facts: Facts, found: list[Finding]) -> str:
    """Summarize one rank in one line."""
    each = [
        f"{one.class_name} {optimizer_verdict(place, found, facts)} in {_count(one.steps, 'step')}"
        + (f", {one.stale_steps:,} stale" if one.stale_steps else "")
        for place, one in enumerate(facts.optimizers)
    ]
    code = f", exit code {facts.script_code}" if facts.script_code else ""
    return printable(some(each) or "no steps") + code


def _notes(all_facts: Sequence[Facts]) -> list[Note]:
    """What is not a finding but must be reported, and remarks on the loop of the first rank."""
    unwatched = [
        Note(NOT_WATCHED, note if facts is all_facts[0] else f"rank {facts.rank}: {note}")
        for facts in all_facts
        for note in facts.all_not_watched
    ]
    if not unwatched and not any(facts.steps for facts in all_facts):
        unwatched.append(Note(NOTHING, why_nothing(all_facts[0])))
    return list(dict.fromkeys([*unwatched, *loop_notes.notes(all_facts[0])]))


def _grouped(facts: Facts, found: list[Finding]) -> list[tuple[int, OptimizerFacts, list[Finding]]]:
    """Groups of optimizers that look alike: how many, the first one, and its findings."""
    alike: dict[object, tuple[int, OptimizerFacts, list[Finding]]] = {}
    for place, one in enumerate(facts.optimizers):
        mine = [finding for finding in found if finding.optimizer == place]
        key = (one.class_name, tuple(one.stepped_at), tuple(finding.kind for finding in mine), tuple(one.not_watched))
        count = alike[key][0] if key in alike else 0
        alike[key] = (count + 1, alike[key][1] if count else one, alike[key][2] if count else mine)
    return list(alike.values())


def _optimizer_lines(group: tuple[int, OptimizerFacts, list[Finding]]) -> Iterator[str]:
    count, one, mine = group
    times = f" x {count}" if count > 1 else ""
    kinds = ", ".join(dict.fromkeys(finding.kind for finding in mine)) or (NOT_WATCHED if one.not_watched else CLEAN)
    mark = "\x03" if mine else ("\x01" if one.not_watched else "\x02")
    name = f"{one.class_name} {one.variable}".rstrip() if count == 1 else one.class_name
    yield f"  \x01{printable(name)}{times}\x00  {_count(one.steps, 'step')}, {_backwards(one)}: {mark}{kinds}\x00"
    for finding in mine:
        yield f"    {_sentence(finding.message)}"
    if one.not_watched:
        yield f"    not watched: {printable(some(one.not_watched))}"
    cleared = one.cleared_at + [place for place in one.wiped_at if place not in one.cleared_at]
    if not cleared and one.stale_steps:
        yield "    cleared    nowhere"
    quoted: set[Place] = set()
    yield from _quoted("cleared", cleared, quoted)
    yield from _quoted("backward", one.backward_at, quoted)
    yield from _quoted("step", one.stepped_at, quoted)
    if one.library_at is not None:
        yield f"    {'in library':<10} {printable(one.library_at)}"
    for finding in mine:
        yield f"    fix        {printable(finding.fix)}"


def _general(finding: Finding) -> Iterator[str]:
    yield f"  \x03{finding.kind}\x00"
    yield f"    {_sentence(finding.message)}"
    yield f"    fix        {printable(finding.fix)}"


def _quoted(label: str, places: list[Place], quoted: set[Place]) -> Iterator[str]:
    """The lines, each with its source where it comes first."""
    for place in places:
        source = printable(place.source.expandtabs()) if place not in quoted else ""
        quoted.add(place)
        text = source if len(source) <= WIDTH else source[: WIDTH - 3] + "..."
        yield f"    {label:<10} {printable(place)}  \x04{text}\x00".rstrip()
        label = ""


def _sentence(message: str) -> str:
    return printable(f"{message[0].upper()}{message[1:]}.")


def _applied(one: OptimizerFacts) -> int:
    """How many backward() calls most steps apply; 0 if that is not known."""
    usual = Ledgers.of(one).usual
    return len(usual[1].applied) if usual is not None and usual[1].thrown else 0


def _backwards(one: OptimizerFacts) -> str:
    counts = sorted(one.backwards_per_step)
    if not counts:
        return "no backward() seen"
    usual = max(counts, key=lambda count: one.backwards_per_step[count])
    if len(counts) == 1 or one.backwards_per_step[usual] >= one.steps - ODD_STEPS:
        applied = _applied(one)
        return f"{usual} backward() each" if applied in (0, usual) else f"{usual} backward() each, {applied} applied"
    return f"{counts[0]} to {counts[-1]} backward() each"


def _optimizer_json(place: int, found: list[Finding], facts: Facts) -> dict[str, Any]:
    one = facts.optimizers[place]
    return {
        "class": one.class_name,
        "steps": one.steps,
        "stale_steps": one.stale_steps,
        "verdict": optimizer_verdict(place, found, facts),
        "first_stale_step": one.first_stale or None,
        "stale_parameters": [one.parameters[place] for place in one.stale_parameters],
        "parameters": len(one.parameters),
        "backwards_per_step": {str(count): steps for count, steps in sorted(one.backwards_per_step.items())},
        "cleared_at": [str(each) for each in one.cleared_at],
        "backward_at": [str(each) for each in one.backward_at],
        "step_at": [str(each) for each in one.stepped_at],
        "steps_without_backward": one.unchanged_steps + len(one.empty_steps),
        "steps_cleared_before": one.wiped_steps,
        "parameters_without_gradient": one.no_gradient,
        "not_watched": one.not_watched,
        "loss_not_finite_from_step": one.first_not_finite or None,
    }


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


# Color marks in the text: \x00 plain, \x01 bold, \x02 good, \x03 bad, \x04 dim.
_MARKS = {0: _PLAIN, 1: _BOLD, 2: _GREEN, 3: _RED, 4: _DIM}
_NO_MARKS = dict.fromkeys(_MARKS)


def _colored(text: str) -> str:
    return text.translate(_MARKS)


def _harmless(line: str) -> str:
    """Make everything printable except the marks, in case a caller has forgotten to."""
    return "".join(c if ord(c) in _MARKS else printable(c) for c in line)
