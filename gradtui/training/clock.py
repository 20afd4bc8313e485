"""How long each step took, without making a GPU wait for the clock."""

from __future__ import annotations

import itertools
import time
from typing import Protocol

import torch

from gradtui.training.devices import synchronize


class Clock(Protocol):
    """Times laps. ``lap`` is called once per step and must cost next to nothing."""

    def start(self) -> None:
        """The next lap begins now."""

    def lap(self) -> float:
        """A lap ends and the next begins; the host's time in seconds, as ``time.perf_counter`` gives it."""

    def drain(self) -> list[float]:
        """The laps since the last drain, in seconds. Waits for the device; :meth:`start` begins the next lap."""


class HostClock:
    """For a device that has done its work when the call returns: a CPU."""

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


class CudaClock:
    """Marks between the kernels, set by the GPU itself; read only when it is drained."""

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


class SharedClock:
    """For a device that works behind the host's back and sets no marks (mps): its laps share their time evenly."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._count = 0
        self._began = self._before = 0.0

    def start(self) -> None:
        if self._count:  # laps were driven before this start: keep what they took
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


def clock_for(device: torch.device) -> Clock:
    """The clock that tells the truth on this device."""
    if device.type == "cuda":
        return CudaClock(device)
    return HostClock() if device.type == "cpu" else SharedClock(device)
