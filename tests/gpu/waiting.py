"""Where a training loop waits for its device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

Args = ParamSpec("Args")
Result = TypeVar("Result")


class Waited(AssertionError):
    """The host waited for the device where it must not."""


class _Scalars(TorchDispatchMode):
    """For a rehearsal on a CPU, where nothing waits: what would wait on a GPU is to read a number from a tensor."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._waits = waits

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            self._waits.check("a number is read from a tensor")
        return function(*args, **(kwargs or {}))


class Waits:
    """Raises where the host waits for the device, except inside :meth:`allowed`.

    On a GPU, torch says so itself (``set_sync_debug_mode("error")``), except for ``torch.cuda.synchronize()``.
    """

    def __init__(self, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
        self._device = device
        self._forbidden = False
        self.times_allowed = 0
        synchronize = torch.cuda.synchronize

        def checked(*args: Any) -> None:
            self.check("torch.cuda.synchronize()")
            synchronize(*args)

        monkeypatch.setattr(torch.cuda, "synchronize", checked)

    def check(self, what: str) -> None:
        if self._forbidden:
            raise Waited(what)

    @contextmanager
    def forbidden(self) -> Iterator[None]:
        self._forbid(True)
        try:
            if self._device.type == "cuda":
                yield
            else:
                with _Scalars(self):
                    yield
        finally:
            self._forbid(False)

    def allowed(self, function: Callable[Args, Result]) -> Callable[Args, Result]:
        """The same function, which may wait."""

        def waits(*args: Args.args, **kwargs: Args.kwargs) -> Result:
            was, self.times_allowed = self._forbidden, self.times_allowed + 1
            self._forbid(False)
            try:
                return function(*args, **kwargs)
            finally:
                self._forbid(was)

        return waits

    def _forbid(self, forbidden: bool) -> None:
        self._forbidden = forbidden
        if self._device.type == "cuda":
            torch.cuda.set_sync_debug_mode("error" if forbidden else "default")
