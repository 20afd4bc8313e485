"""What inspecting a gradient can show."""

from __future__ import annotations

import enum


class Applied(enum.Enum):
    """What a step applies of a parameter's gradient."""

    NOTHING = "no gradient"
    FRESH = "only contributions that no step has applied"
    STALE = "new contributions on top of applied ones"
    UNCHANGED = "what the step before applied, and nothing new"


class Written(enum.Enum):
    """When something other than a backward() wrote to an applied gradient."""

    BEFORE = "before the first contribution"
    BETWEEN = "between two contributions"
    INSTEAD = "without any contribution"
