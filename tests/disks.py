"""File systems of their own for tests, where this user may mount them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*words: str) -> None:
    mounted = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """A tmpfs at ``place``, say of ``size=200k,nr_inodes=8``. Skips the test where none can be mounted."""
    place.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", options, "none", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def read_only(place: Path, at: Path) -> Iterator[Path]:
    """The folder ``place``, read-only, at ``at``. Skips the test where it cannot be mounted so."""
    at.mkdir(exist_ok=True)
    _mount("--bind", str(place), str(at))
    try:
        _mount("-o", "remount,ro,bind", str(at))
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
