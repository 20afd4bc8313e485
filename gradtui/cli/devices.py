"""``gradtui devices``: what can be trained on here."""

from __future__ import annotations

import argparse

from gradtui.cli.parsing import DONE, Commands


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("devices", help="what can be trained on here", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the devices, the one that ``auto`` means first; the exit code."""
    import json

    from gradtui.runs.processes.launch import find_devices

    devices = find_devices()
    if options.json:
        print(json.dumps({"auto": next(iter(devices)), "devices": devices}))
    else:
        for place, (name, title) in enumerate(devices.items()):
            print(f"{name:<8} {title}{'  (auto)' if place == 0 else ''}")
    return DONE
