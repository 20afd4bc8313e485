"""The kinds of setting values: each kind parses a value and says what is allowed."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradtui.printing import nearest

LONGEST_PATH = 4096


@dataclass(frozen=True)
class Kind:
    """How the values of a setting are parsed and checked."""

    def parse(self, raw: object) -> object:
        """Parse ``raw`` (typed text, or a value from run.json). Raises ValueError if it is invalid."""
        raise ValueError

    def allowed(self) -> str:
        """What is allowed, to complete the sentence "takes ..."."""
        return ""


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few names, case-insensitive. ``titles`` has the display names that differ from the option."""

    options: tuple[str, ...]
    titles: Mapping[str, str] = field(default_factory=dict)

    def parse(self, raw: object) -> str:
        for option in self.options:
            if isinstance(raw, str) and raw.strip().lower() == option.lower():
                return option
        raise ValueError(nearest(raw, self.options) if isinstance(raw, str) else "")

    def allowed(self) -> str:
        return ", ".join(self.options[:-1]) + " or " + self.options[-1] if len(self.options) > 1 else self.options[0]


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number from ``minimum`` to ``maximum``, inclusive."""

    minimum: int
    maximum: int

    def parse(self, raw: object) -> int:
        if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", raw):
            value = int(raw)
        elif isinstance(raw, int) and not isinstance(raw, bool):
            value = raw
        else:
            raise ValueError
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        return value

    def allowed(self) -> str:
        top = "2**64 - 1" if self.maximum == 2**64 - 1 else f"{self.maximum:,}"
        return f"a whole number from {self.minimum} to {top}"


@dataclass(frozen=True)
class Real(Kind):
    """A finite number from ``minimum`` (inclusive only if ``closed``) to ``maximum`` (inclusive)."""

    minimum: float
    maximum: float
    closed: bool = True

    def parse(self, raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
            raise ValueError
        if isinstance(raw, str) and ("_" in raw or len(raw) > 40):
            raise ValueError
        try:
            value = float(raw)
        except (ValueError, OverflowError):
            raise ValueError from None
        above = value >= self.minimum if self.closed else value > self.minimum
        if not (math.isfinite(value) and above and value <= self.maximum):
            raise ValueError
        return value

    def allowed(self) -> str:
        if self.closed:
            return f"a number from {self.minimum:g} to {self.maximum:g}"
        return f"a number above {self.minimum:g}, at most {self.maximum:g}"


@dataclass(frozen=True)
class Switch(Kind):
    """On or off."""

    def parse(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.strip().lower() in ("on", "true", "yes", "1"):
            return True
        if isinstance(raw, str) and raw.strip().lower() in ("off", "false", "no", "0"):
            return False
        raise ValueError

    def allowed(self) -> str:
        return "on or off"


@dataclass(frozen=True)
class Device(Kind):
    """The name of a device. This does not check that the machine has it; ``gradtui devices`` lists those it has."""

    def parse(self, raw: object) -> str:
        if isinstance(raw, str):
            name = raw.strip().lower()
            if re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?", name):
                return name
            raise ValueError(nearest(name, ("auto", "cpu", "mps", "cuda")))
        raise ValueError

    def allowed(self) -> str:
        return "auto, cpu, mps, cuda or cuda:N"


@dataclass(frozen=True)
class Text(Kind):
    """Any text of one line, such as a path. Empty means none."""

    what: str = "a path"
    """What it is, for a reader."""

    def parse(self, raw: object) -> str:
        if isinstance(raw, str) and len(raw) <= LONGEST_PATH and raw.isprintable():
            return raw
        raise ValueError

    def allowed(self) -> str:
        return self.what


@dataclass(frozen=True)
class Words(Kind):
    """The arguments of a command, as typed into a shell."""

    def parse(self, raw: object) -> str:
        if isinstance(raw, str) and len(raw) <= 100_000 and "\0" not in raw:
            try:
                shlex.split(raw)
            except ValueError:
                raise ValueError("; a quotation in it is not closed") from None
            return raw
        raise ValueError

    def allowed(self) -> str:
        return "words with spaces between, quoted as in a shell"
