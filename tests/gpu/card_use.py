"""How much of a card is in use, as its driver tells."""

from __future__ import annotations

import importlib
import subprocess

import pytest


def used_mb(index: int) -> float:
    """Memory in use on the card by all processes, in MB (10**6 bytes). Skips the test if nothing here can tell."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        return float(nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(index)).used) / 1e6
    except Exception as error:  # noqa: BLE001 (whatever the library lacks here, nvidia-smi may tell)
        why = f"{type(error).__name__}: {error}"
    command = ["nvidia-smi", f"--id={index}", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return float(result.stdout.split()[0]) * 2**20 / 1e6
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        pytest.skip(f"neither pynvml ({why}) nor nvidia-smi ({error}) tells what is in use")


def processes_on(index: int) -> list[int] | None:
    """The processes that compute on the card; None if the driver does not tell. In a container, PIDs may be the host's."""
    command = ["nvidia-smi", f"--id={index}", "--query-compute-apps=pid", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return [int(line) for line in result.stdout.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
