"""What a key is, and how a screen, a dialog or the app gets its keys from the table in keys.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType

SHOWN = {
    "question_mark": "?",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
}

Owner = TypeVar("Owner", contravariant=True)  # noqa: PLC0105 (Owner_contra says no more)
"""The screen, dialog or app that a key belongs to."""


def always(owner: object) -> bool:
    return True


@dataclass(frozen=True)
class Key(Generic[Owner]):
    """A command: the keys that trigger it, a word for the footer and the palette, a sentence for help, what it does."""

    keys: tuple[str, ...]
    word: str
    help: str
    """Empty if the help screen and the palette leave it out."""
    handler: Callable[[Owner], object]
    applies: Callable[[Owner], bool] = always
    """Whether the key does anything now; if not, the footer dims it."""
    footer: bool = True
    priority: bool = False
    """Whether the key is handled before the focused widget sees it."""

    @property
    def action(self) -> str:
        """Textual's name for it."""
        return f"press({self.keys[0]!r})"

    def binding(self) -> Binding:
        return Binding(
            ",".join(self.keys),
            self.action,
            self.word,
            show=self.footer,
            key_display=self.shown,
            tooltip=self.help,
            priority=self.priority,
        )

    @property
    def shown(self) -> str:
        """The first key as a person reads it: ``F5``."""
        return shown(self.keys[0])

    def shown_keys(self) -> str:
        """All its keys as a person reads them: ``F5 r``."""
        return " ".join(map(shown, self.keys))


def shown(key: str) -> str:
    """How a key is written on screen."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return SHOWN.get(key, key.upper() if key[0] == "f" and key[1:].isdecimal() else key)


class KeyBound:
    """A mixin that binds a class to its ``KEYS``; it must precede Textual's class among the bases."""

    KEYS: ClassVar[Sequence[Key[Any]]] = ()
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        if "KEYS" in vars(cls):
            cls.BINDINGS = [key.binding() for key in cls.KEYS]
        super().__init_subclass__(**options)

    def keys_that_apply(self) -> list[Key[Any]]:
        return [key for key in self.KEYS if key.applies(self)]

    def action_press(self, first: str) -> None:
        self._key(first).handler(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim keys that do not apply now."""
        if action != "press":
            return True
        return True if self._key(str(parameters[0])).applies(self) else None

    def _key(self, first: str) -> Key[Any]:
        return next(key for key in self.KEYS if key.keys[0] == first)
