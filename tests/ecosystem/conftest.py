"""One process that forks for all tests with the real libraries."""

from tests.check.conftest import forks

__all__ = ["forks"]
