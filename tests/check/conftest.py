"""One process that forks for all tests of ``gradtui check``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.check.forks import Forks


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    with Forks() as process:
        yield process
