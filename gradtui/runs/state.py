"""The state of a run and of its two sides, and its format in run.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, TypeAlias

from gradtui.printing import printable, shown
from gradtui.settings import RunSettings, SettingsError

RUN_STATUSES = ("running", "paused", "finished", "stopped", "failed")
LIVE_STATUSES = ("running", "paused")
DELETED = "deleted"
"""The status of a followed run whose folder is gone; like ``lost``, it is never in run.json."""
VARIANT_STATUSES = ("running", "finished", "stopped", "failed")
Time: TypeAlias = str
"""ISO 8601, UTC, with a Z."""
FORMAT = 1
"""The version of this layout; a run.json of another version is rejected."""

LONGEST_TEXT = 10_000  # characters of one text in run.json


class DamagedRun(ValueError):
    """The folder's run.json is missing or invalid; the message says why, in one printable line."""


class DeletedRun(DamagedRun):
    """The run's folder is gone; the message says so and names the run."""


def now() -> str:
    """The current time in the format of run.json: ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class VariantState:
    """One side of a run: its policy, its progress, and how it ended (``reason`` says why it failed).

    ``memory_first_mb`` and ``memory_last_mb`` are its memory at the end of its first and its last turn, in 10**6 bytes.
    """

    policy: str
    status: str = "running"
    steps: int = 0
    peak_memory_mb: float | None = None
    memory_first_mb: float | None = None
    memory_last_mb: float | None = None
    reason: str | None = None
    pid: int | None = None


@dataclass(frozen=True)
class RunState:
    """The contents of run.json. ``device`` is the one that the training runs on, ``device_name`` the hardware's name.

    ``host`` is the machine's name, ``boot`` the id of its kernel's boot; ``note`` says what is odd about a run in progress.
    """

    id: str
    settings: RunSettings
    status: str = "running"
    variants: Mapping[str, VariantState] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    device_name: str | None = None
    host: str | None = None
    boot: str | None = None
    created: Time = field(default_factory=now)
    started: Time | None = None
    ended: Time | None = None
    note: str | None = None

    @property
    def live(self) -> bool:
        """Whether run.json says that the run has not ended."""
        return self.status in LIVE_STATUSES

    def to_json(self) -> str:
        document = {"format": FORMAT, **asdict(self), "settings": self.settings.as_dict()}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunState:
        """Parse ``text``. Raises DamagedRun if it is not a valid state."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedRun(f"not JSON ({error.__class__.__name__})") from None
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise DamagedRun(f"not of format {FORMAT}")
        try:
            settings = RunSettings.parse(_dict(document.pop("settings", None)))
            variants = {
                str(name): VariantState(**_typed(VariantState, _dict(value)))
                for name, value in _dict(document.pop("variants", None)).items()
            }
            state = cls(settings=settings, variants=variants, **_typed(cls, document))
        except SettingsError as error:
            name, problem = next(iter(error.errors.items()))
            raise DamagedRun(f"{name}: {problem}") from None
        except TypeError as error:
            raise DamagedRun(f"a field is missing or not of its kind ({error})") from None
        if state.status not in RUN_STATUSES or tuple(variants) != settings.variants:
            raise DamagedRun("its status or its variants are not known")
        if not all(variant.status in VARIANT_STATUSES for variant in variants.values()):
            raise DamagedRun("the status of a variant is not known")
        return state


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 2**53  # no nan, no inf


def _whole(value: object) -> bool:
    return isinstance(value, int) and _number(value) and value >= 0


def _time(value: object) -> bool:
    try:
        return isinstance(value, str) and value[-1:] == "Z" and datetime.fromisoformat(value[:-1]).tzinfo is None
    except ValueError:
        return False


def _texts(value: object) -> bool:
    return isinstance(value, dict) and len(value) <= 20 and all(map(_text, (*value, *value.values())))


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "str": _text, "int": _whole, "float": _number, "Mapping[str, str]": _texts, "Time": _time,
}  # fmt: skip


def _typed(cls: type, document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` with printable texts. Raises TypeError if a value is not of the type that its field declares."""
    annotations = cls.__annotations__
    for name, value in document.items():
        kind, _, optional = annotations.get(name, "").partition(" | ")
        if not (value is None and optional) and not (kind in _KINDS and _KINDS[kind](value)):
            raise TypeError(shown(name))
    return {name: _printable(value) for name, value in document.items()}


def _printable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_printable(name): _printable(text) for name, text in value.items()}
    return printable(value) if isinstance(value, str) else value


def with_variant(state: RunState, name: str, **changes: Any) -> RunState:
    """``state`` with some fields of one variant changed."""
    return replace(state, variants={**state.variants, name: replace(state.variants[name], **changes)})
