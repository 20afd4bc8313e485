"""Settings that are valid each by itself, but not together."""

from __future__ import annotations

from collections.abc import Mapping

from gradtui.policies import POLICIES

LAST_SEED = 2**64 - 1
"""The largest seed of torch's random generators."""


def contradictions(values: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with these parsed values of all settings together, by the setting to change."""
    problems = {}
    if values["nesterov"] and not values["momentum"]:
        problems["nesterov"] = "got on; takes off while momentum is 0"
    for side in ("left", "right"):
        if obstacle := POLICIES[str(values[side])].obstacle(values):
            problems[side] = f"got {values[side]}; not offered while {obstacle}"
    if int(str(values["seed"])) + int(str(values["seeds"])) - 1 > LAST_SEED:
        problems["seeds"] = f"got {values['seeds']}; counting up from the seed {values['seed']}, they end above 2**64 - 1"
    if values["sharpness"] and values["seeds"] != 1:
        problems["sharpness"] = f"got on; takes off while seeds is {values['seeds']}: it is measured of one model"
    if values["script"] == "":
        takes = "the name of a module" if values["module"] else "the path of a Python script"
        problems["script"] = f"got nothing; takes {takes}"
    return problems
