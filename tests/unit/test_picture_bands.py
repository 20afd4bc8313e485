"""The picture of a run with several seeds."""

from __future__ import annotations

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradtui.runs.export.svg import BOTTOM, HUES, TOP, export_svg
from gradtui.runs.folder import RunFolder
from tests.made_up_seeds import falling, seeded_run

SVG = "{http://www.w3.org/2000/svg}"


def drawn(folder: RunFolder, path: Path) -> ElementTree.Element:
    export_svg(folder, path, log=True)
    return ElementTree.parse(path).getroot()


def band(picture: ElementTree.Element, side: int) -> list[list[tuple[float, float]]]:
    """The outlines of a side's band."""
    paths = [p.get("d", "") for p in picture.iter(SVG + "path") if p.get("fill") == HUES[side] and p.get("fill-opacity")]
    return [
        [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", outline)]
        for path in paths
        for outline in path.split("M")[1:]
    ]


def words(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(SVG + "text")]


def test_the_band_lies_behind_the_median_of_each_side(home: Path, tmp_path: Path) -> None:
    picture = drawn(seeded_run(falling(10, 100, 0), falling(10, 100, 1)), tmp_path / "run.svg")
    for side in (0, 1):
        (outline,) = band(picture, side)
        assert len(outline) == 200, "a point per step on both edges"
        upper, lower = outline[:100], outline[:99:-1]
        assert all(up[0] == low[0] and up[1] <= low[1] for up, low in zip(upper, lower, strict=True))
    assert words(picture).count("median of 10 seeds, band: 10-90 %") == 2
    assert {"median, 10 seeds", "WITH against WITHOUT", "surely WITH lower"} <= {*words(picture)}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_band_that_is_not_finite_goes_to_the_top_and_ends_where_most_seeds_are_not(
    bad: float, home: Path, tmp_path: Path
) -> None:
    right = falling(10, 100, 1)
    for step in range(40, 100):
        for seed in range(3 if step < 80 else 10):
            right[step][seed] = bad
    picture = drawn(seeded_run(falling(10, 100, 0), right), tmp_path / "run.svg")
    (outline,) = band(picture, 1)
    assert len(outline) == 160
    assert {y for _, y in outline[40:80]} == {TOP}
    assert max(y for _, y in outline) <= BOTTOM
    assert "median of 10 seeds, 10 not finite, band: 10-90 %" in words(picture)


def test_one_seed_has_no_band(home: Path, tmp_path: Path) -> None:
    picture = drawn(seeded_run(falling(1, 50, 0), falling(1, 50, 1)), tmp_path / "run.svg")
    assert band(picture, 0) == []
    assert "difference" in words(picture)
