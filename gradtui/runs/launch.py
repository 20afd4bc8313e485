"""Start the processes of a run, away from the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gradtui
from gradtui.runs.folder import RunFolder


class DeviceSearchFailed(RuntimeError):
    """The devices of this box could not be found out, say because torch does not import; the message says why."""


def environment() -> dict[str, str]:
    """What child processes run in: this very gradtui, wherever it was started from."""
    package = str(Path(gradtui.__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def start_supervisor(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start a run that is laid out in ``folder``. It lives in a session of its own and outlives its starter."""
    with open(folder.supervisor_log, "ab") as log, folder.alive() as alive:
        return subprocess.Popen(
            [sys.executable, "-m", "gradtui.runs.supervisor", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=environment(),
            start_new_session=True,
            pass_fds=[alive],  # the lock goes on in the supervisor: at no moment does the run look lost
        )


def find_devices() -> dict[str, str]:
    """The devices of this box by name, the one that ``auto`` means first; takes as long as ``import torch``.

    Raises DeviceSearchFailed.
    """
    result = subprocess.run(
        [sys.executable, "-m", "gradtui.training.devices"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        check=False,
    )
    try:
        devices: dict[str, str] = json.loads(result.stdout)["devices"]
    except (ValueError, KeyError):
        words = result.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {result.returncode}"]
        raise DeviceSearchFailed(f"torch cannot be used here: {words[-1]}") from None
    return devices


def check_device(name: str) -> None:
    """Raises ValueError, its message in the words of a settings error, where this box lacks the device."""
    if name in ("auto", "cpu"):
        return
    devices = find_devices()
    if ("cuda:0" if name == "cuda" else name) not in devices:
        raise ValueError(f"got {name!r}; this box has {', '.join(devices)}")
