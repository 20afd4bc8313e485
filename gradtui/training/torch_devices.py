"""The devices of this machine.

``gradtui.training.torch_devices`` prints them as JSON and exits, so that the app and the command line can list them
without importing torch.
"""

from __future__ import annotations

import json
import platform
import sys

import torch


class DeviceMissing(ValueError):
    """This machine lacks the device; the message says which ones it has."""


def found() -> dict[str, str]:
    """This machine's devices, torch name to hardware name; the first is the one that ``auto`` picks."""
    devices = {}
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        devices[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    devices["cpu"] = cpu_name()
    return devices


def cpu_name() -> str:
    """The processor's model name, if the system provides it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def resolve(name: str) -> tuple[torch.device, str]:
    """Resolve a device setting to the device and its hardware name. Raises DeviceMissing."""
    devices = found()
    if name == "auto":
        name = next(iter(devices))
    name = "cuda:0" if name == "cuda" else name
    if name not in devices:
        raise DeviceMissing(f"device: got {name!r}; this box has {', '.join(devices)}")
    return torch.device(name), devices[name]


NO_MEMORY = (
    "can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc", "_STATUS_ALLOC_FAILED",
    "cudaErrorMemoryAllocation", "hipErrorOutOfMemory",
)  # fmt: skip
"""Messages of failed allocations that have no error class in torch: its CPU allocator, MPS, C++, cuBLAS and cuDNN."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device, or this machine, ran out of memory."""
    if isinstance(error, RuntimeError):
        return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in NO_MEMORY)
    return isinstance(error, MemoryError)


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished all work submitted to it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def main() -> None:
    """Print the devices as JSON."""
    json.dump({"torch": torch.__version__, "devices": found()}, sys.stdout)
