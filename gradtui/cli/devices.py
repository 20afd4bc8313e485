"""``gradtui devices``: the devices of this machine."""

from __future__ import annotations

import argparse

from gradtui.cli.parsing import DONE, Commands


def prepare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("devices", help="list the devices of this machine", allow_abbrev=False)
    parser.set_defaults(command=run)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the devices, the one that ``auto`` picks first; return the exit code."""
    import json

    from gradtui.runs.processes.launch import find_devices

    devices = find_devices()
    if options.json:
        print(json.dumps({"auto": next(iter(devices)), "devices": devices}))
    else:
        for place, (name, title) in enumerate(devices.items()):
            print(f"{name:<8} {title}{'  (auto)' if place == 0 else ''}")
    return DONE
