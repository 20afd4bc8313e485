"""Time each step without making a GPU wait for the clock."""

from __future__ import annotations

import itertools
import time
from typing import Protocol

import torch

from gradtui.training.torch_devices import synchronize


class StepTimer(Protocol):
    """Times laps. ``lap`` is called once per step and must cost next to nothing."""

    def start(self) -> None:
        """Begin the next lap."""

    def lap(self) -> float:
        """End a lap and begin the next; return the host's ``time.perf_counter`` time, in seconds."""

    def drain(self) -> list[float]:
        """Return the laps since the last drain, in seconds. Waits for the device; call :meth:`start` for the next lap."""


class HostTimer:
    """For a CPU, which has done its work when a call returns."""

    def __init__(self) -> None:
        self._laps: list[float] = []
        self._last = 0.0

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        self._laps.append(now - self._last)
        self._last = now
        return now

    def drain(self) -> list[float]:
        laps, self._laps = self._laps, []
        return laps


class CudaTimer:
    """Uses events that the GPU itself records between kernels; they are read only when drained."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[torch.cuda.Event, bool]] = []

    def start(self) -> None:
        self._mark(ends_lap=False)

    def lap(self) -> float:
        self._mark(ends_lap=True)
        return time.perf_counter()

    def drain(self) -> list[float]:
        synchronize(self._device)
        marks, self._marks = self._marks, []
        return [
            before.elapsed_time(after) / 1000  # elapsed_time gives milliseconds
            for (before, _), (after, ends_lap) in itertools.pairwise(marks)
            if ends_lap
        ]

    def _mark(self, ends_lap: bool) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append((event, ends_lap))


class SharedTimer:
    """For an asynchronous device without timing events (mps): splits the elapsed time evenly among the laps."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._count = 0
        self._began = self._before = 0.0

    def start(self) -> None:
        if self._count:  # keep the time of the laps before this start
            synchronize(self._device)
            self._before += time.perf_counter() - self._began
        self._began = time.perf_counter()

    def lap(self) -> float:
        self._count += 1
        return time.perf_counter()

    def drain(self) -> list[float]:
        synchronize(self._device)
        total, count = self._before + time.perf_counter() - self._began, self._count
        self._count, self._before, self._began = 0, 0.0, time.perf_counter()
        return [total / max(count, 1)] * count


def timer_for(device: torch.device) -> StepTimer:
    """The timer that is accurate on this device."""
    if device.type == "cuda":
        return CudaTimer(device)
    return HostTimer() if device.type == "cpu" else SharedTimer(device)
