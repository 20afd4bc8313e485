"""The worker's half of taking turns."""

from __future__ import annotations

from typing import Any

import pytest

from gradtui.training.journal import Memory, Stopped
from gradtui.training.side import SupervisedTurns


class Asked:
    """A supervisor that grants two turns, then stops; it keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = [{"turn": 0.08, "steps": 10}, {"turn": 0.08, "steps": 20}, {"stop": True}]

    def send(self, event: str, **details: Any) -> None:
        self.told.append({"event": event, **details})

    def receive(self) -> dict[str, Any]:
        return self._answers.pop(0)


def test_a_turn_that_ends_before_the_first_step_is_given_back() -> None:
    """Otherwise both would wait for each other for ever."""
    supervisor = Asked()
    turns = SupervisedTurns(supervisor)  # type: ignore[arg-type]  # as much of a supervisor as it needs
    assert turns.wait(0, Memory(2.0, 1.0))[1] == 10
    assert supervisor.told == [], "there was no turn yet"
    assert turns.wait(0, Memory(2.0, 1.0))[1] == 20
    with pytest.raises(Stopped):
        turns.wait(5, Memory(3.0, 1.0))
    assert [(told["event"], told["step"]) for told in supervisor.told] == [("turn ended", 0), ("turn ended", 5)]
