"""The script's GradScaler: what it is called, and whether a limit for clipping is meant for scaled gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from gradtui.check.torch.parameters import name_of

SCALED_LIMIT = 64
"""A limit of at least the scale over this is a scaled one: nobody clips to a norm of hundreds."""
LOOKS = 16
"""How often to ask the scaler for its scale; after that, the last answer is believed."""


class KnownScaler:
    """The script's GradScaler."""

    def __init__(self) -> None:
        self.name = ""
        """The variable that holds it."""
        self._ref: Callable[[], Any] = lambda: None
        self._looks = 0
        self._scaled = False

    def meet(self, scaler: Any, frame: FrameType) -> None:
        """It is used in ``frame``."""
        if self._ref() is not scaler:
            self._ref, self._looks = weakref.ref(scaler), 0
            self.name = name_of(scaler, frame)

    def is_limit_scaled(self, limit: float) -> bool:
        """Whether a limit for clipping was multiplied by the scale: then it is meant for scaled gradients."""
        scaler = self._ref()
        if scaler is not None and self._looks < LOOKS:
            self._looks += 1
            self._scaled = limit >= scaler.get_scale() / SCALED_LIMIT
        return scaler is not None and self._scaled
