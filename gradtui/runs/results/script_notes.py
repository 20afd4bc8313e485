"""Caveats for the results of a run: what its workers noted, and whether a user's script is deterministic."""

from __future__ import annotations

from collections.abc import Sequence

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.evidence import Evidence, first_losses_differ
from gradtui.runs.results.wording import number
from gradtui.runs.safe_open import first_bytes, printable_lines
from gradtui.settings import RunSettings

LONGEST_NOTES = 1 << 16
"""In bytes; ours have about 500."""


def script_notes(folder: RunFolder, settings: RunSettings, sides: Sequence[Evidence]) -> list[str]:
    """The caveats for the results, each once."""
    notes = []
    if settings.can.run_script and first_losses_differ(*sides):
        left, right = (number(side.first_loss) for side in sides)
        values = "" if left == right else f" ({left} and {right})"
        notes.append(
            f"the script is not deterministic: the first losses differ{values}, though both sides got the seed "
            f"{settings.seed}; what differs later may come from that"
        )
    for name in settings.variants:
        notes += printable_lines(first_bytes(folder.notes(name), LONGEST_NOTES))
    return list(dict.fromkeys(notes))
