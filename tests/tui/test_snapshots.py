"""The main screens look as they did: at two sizes, in both themes.

The pictures are in snapshots/. After a change that is meant, renew them, and look at the difference before you commit:

    python -m pytest tests/tui/test_snapshots.py -m "" --renew-snapshots

A picture that differs is written next to a page that shows both, old and new; the failure says where.
"""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path

import pytest

from gradtui.tui.theme import DARK, LIGHT, THEMES
from tests.tui.tour import SCREENS, SIZES, pictures

SNAPSHOTS = Path(__file__).parent / "snapshots"
VERSIONS = SNAPSHOTS / "versions.txt"
"""The libraries that drew the pictures; others may draw them differently."""

PAGE = """<!doctype html>
<title>{name}</title>
<style>body {{ font-family: sans-serif }} img {{ width: 100% }} section {{ display: inline-block; width: 49% }}</style>
<h1>{name}</h1>
<section><h2>before</h2><img src="{old}"></section>
<section><h2>now</h2><img src="{new}"></section>
"""

taken = cache(pictures)


def file_name(screen: str, size: tuple[int, int], theme: str) -> str:
    return f"{screen}-{size[0]}x{size[1]}-{theme.removeprefix('gradtui-')}.svg"


def versions() -> str:
    return "".join(f"{name} {importlib.metadata.version(name)}\n" for name in ("textual", "rich", "plotext"))


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((120, 40), LIGHT.name),
        ((80, 24), DARK.name),
        pytest.param((120, 40), DARK.name, marks=pytest.mark.slow),
        pytest.param((80, 24), LIGHT.name, marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_looks_as_it_did(
    screen: str, size: tuple[int, int], theme: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    renew = request.config.getoption("--renew-snapshots")
    if not renew and VERSIONS.read_text() != versions():
        pytest.skip(f"the pictures were drawn with {', '.join(VERSIONS.read_text().splitlines())}")
    snapshot, now = SNAPSHOTS / file_name(screen, size, theme), taken(size, theme)[screen]
    if renew:
        SNAPSHOTS.mkdir(exist_ok=True)
        snapshot.write_text(now, encoding="utf-8")
        VERSIONS.write_text(versions())
    before = snapshot.read_text(encoding="utf-8") if snapshot.exists() else ""
    if before != now:
        new, page = tmp_path / snapshot.name, tmp_path / f"{snapshot.stem}.html"
        new.write_text(now, encoding="utf-8")
        page.write_text(PAGE.format(name=snapshot.stem, old=snapshot.as_uri(), new=new.as_uri()))
        pytest.fail(f"the screen {snapshot.stem} looks different; see {page}", pytrace=False)


def test_every_snapshot_is_of_a_screen() -> None:
    expected = {file_name(screen, size, theme.name) for screen in SCREENS for size in SIZES for theme in THEMES}
    assert {path.name for path in SNAPSHOTS.glob("*.svg")} == expected
