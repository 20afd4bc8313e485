import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradtui.runs.export.destination import ExportError
from gradtui.runs.export.svg import HUES, MARKS, export_svg, suits_log
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.series import Series
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import with_variant
from gradtui.settings import RunSettings

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = r"-?[0-9.]+"


def run_of(left: Sequence[float], right: Sequence[float], /, **settings: object) -> RunFolder:
    """A finished run with these losses."""
    folder = create_run(RunSettings.parse({"epochs": max(len(left), len(right), 1), **settings}))
    state = replace(folder.read(), status="finished")
    folder.write(state)
    for variant, losses in zip(state.variants, (left, right), strict=True):
        rows = (f"{step},{step},{loss!r},,0.0001,,\n" for step, loss in enumerate(losses, 1))
        folder.steps_csv(variant).write_text(HEADER + "".join(rows))
    return folder


def drawn(folder: RunFolder, path: Path, *, log: bool | None = None) -> ElementTree.Element:
    """The picture of a run, read as XML."""
    export_svg(folder, path, log=log)
    return ElementTree.parse(path).getroot()


def words(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(SVG + "text")]


def curve(picture: ElementTree.Element, side: int) -> list[list[tuple[float, float]]]:
    """The stretches of a side's curve, in the picture's coordinates."""
    paths = [path.get("d", "") for path in picture.iter(SVG + "path") if path.get("stroke") == HUES[side]]
    assert len(paths) <= 1
    stretches = paths[0].split("M")[1:] if paths else []
    return [[(float(x), float(y)) for x, y in re.findall(f"({NUMBER}) ({NUMBER})", stretch)] for stretch in stretches]


def series(*losses: float) -> Series:
    one = Series()
    one.extend(range(1, len(losses) + 1), losses)
    return one


def test_both_curves_are_drawn_on_the_same_axes(home: Path, tmp_path: Path) -> None:
    picture = drawn(run_of([4.0, 2.0, 1.0], [1.0, 4.0, 2.0]), tmp_path / "run.svg")
    [[*left]], [[*right]] = curve(picture, 0), curve(picture, 1)
    (_, four), (_, two), (_, one) = left
    assert [y for _, y in right] == [one, four, two]
    assert one > two > four  # y grows downwards in SVG
    assert two - four == pytest.approx(2 * (one - two), abs=0.2)
    steps = [x for x, _ in left]
    assert [x - right[0][0] for x, _ in right] == pytest.approx([x - steps[0] for x in steps])
    assert {"4", "2", "0"} <= set(words(picture))


def test_a_log_axis_has_equal_ratios_at_equal_distances(home: Path, tmp_path: Path) -> None:
    picture = drawn(run_of([1.0, 1e-3, 1e-6], [1.0, 1.0, 1.0]), tmp_path / "run.svg")
    [[(_, top), (_, middle), (_, bottom)]] = curve(picture, 0)
    assert middle - top == pytest.approx(bottom - middle, abs=0.2)
    assert {"loss, log", "10⁰", "10⁻³", "10⁻⁶"} <= set(words(picture))


@pytest.mark.parametrize(
    ("left", "right", "log"),
    [
        ([1.0, 1e-4], [1.0, 1.0], True),
        ([0.1, 0.01], [100.0, 200.0], True),
        ([1.0, 0.002], [1.0, 1.0], False),
        ([1.0, 0.0], [1.0, 1.0], False),
        ([1.0, 1e-4, 0.0], [1.0, math.nan], True),
        ([1.0, 1e-4, -1.0], [1.0, 1.0], False),
        ([], [], False),
        ([math.nan], [math.inf], False),
    ],
)
def test_a_log_axis_is_chosen_where_it_shows_more(left: list[float], right: list[float], log: bool) -> None:
    assert suits_log({"left": series(*left), "right": series(*right)}) is log


def test_what_is_not_finite_is_a_gap_and_is_marked(home: Path, tmp_path: Path) -> None:
    picture = drawn(run_of([1.0, 0.9, math.nan, 0.6, math.inf, 0.5, 0.4], [1.0] * 7), tmp_path / "run.svg")
    assert [len(stretch) for stretch in curve(picture, 0)] == [2, 1, 2]
    assert [len(stretch) for stretch in curve(picture, 1)] == [7]
    assert "not finite from step 3" in words(picture)


def test_what_has_no_place_on_a_log_axis_is_a_gap_and_the_picture_says_so(home: Path, tmp_path: Path) -> None:
    picture = drawn(run_of([1.0, 0.5, 0.0, -1.0, 0.1], [0.0] * 5), tmp_path / "run.svg", log=True)
    assert [len(stretch) for stretch in curve(picture, 0)] == [2, 1]
    assert curve(picture, 1) == []
    assert {"gaps: losses of 0 or below", "no loss is above 0"} <= set(words(picture))


def test_settings_run_and_results_are_in_the_picture(home: Path, tmp_path: Path) -> None:
    folder = run_of([0.5, 0.25], [0.5, 1.5])
    said = words(drawn(folder, tmp_path / "run.svg"))
    assert {
        "linear · SGD lr 0.1 · seed 42 · auto",
        folder.id,
        f"{MARKS[0]} WITH zero_grad()",
        f"{MARKS[1]} WITHOUT zero_grad()",
        f"{MARKS[0]} WITH",
        f"{MARKS[1]} WITHOUT",
        "final loss",
        "0.25",
        "1.5",
        "WITH lower, 6.00x",
    } <= set(said)


def test_a_run_without_rows_says_so(home: Path, tmp_path: Path) -> None:
    picture = drawn(create_run(RunSettings.parse({})), tmp_path / "run.svg")
    assert "no steps were recorded" in words(picture)
    assert curve(picture, 0) == curve(picture, 1) == []


def test_a_failed_side_says_why_whatever_the_words(home: Path, tmp_path: Path) -> None:
    folder = run_of([1.0, 0.5], [])
    reason = "<script>alert('&')</script> \x00\x1b[0m \ud800"
    folder.write(with_variant(folder.read(), "without_zero_grad", status="failed", reason=reason))
    picture = drawn(folder, tmp_path / "run.svg")
    assert r"failed: <script>alert('&')</script> \x00\x1b[0m \ud800" in words(picture)
    assert not list(picture.iter(SVG + "script"))


def test_nothing_is_loaded_and_nothing_runs(home: Path, tmp_path: Path) -> None:
    drawn(run_of([1.0, 0.5], [1.0, 2.0]), tmp_path / "run.svg")
    text = (tmp_path / "run.svg").read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"://|href|url\(|@import|<script|<style|<image|<foreignObject|\bon[a-z]+=", text)


def test_a_long_noisy_run_is_a_small_file_and_keeps_its_spikes(home: Path, tmp_path: Path) -> None:
    noise = random.Random(1)
    left = [math.exp(-step / 30_000) + noise.random() for step in range(100_000)]
    right = [1 + noise.random() for _ in range(100_000)]
    right[54_321] = 9.0
    picture = drawn(run_of(left, right), tmp_path / "run.svg")
    assert (tmp_path / "run.svg").stat().st_size < 50_000
    [spiky] = curve(picture, 1)
    heights = sorted(y for _, y in spiky)
    assert heights[1] - heights[0] > 100


@pytest.mark.parametrize(
    ("left", "right", "log", "drawn_points"),
    [
        ([-1.7e308, 1.7e308], [1.0, 2.0], False, (2, 2)),
        ([5e-324, 1.7e308], [1.0, 2.0], True, (2, 2)),
        ([0.0, 0.0], [0.0, 0.0], False, (2, 2)),
        ([0.0, 0.0], [0.0, 0.0], True, (0, 0)),
        ([math.nan, math.inf], [-math.inf, math.nan], True, (0, 0)),
        ([-3.0, -5.0], [-4.0, -4.0], False, (2, 2)),
        ([0.3], [], False, (1, 0)),
    ],
)
def test_whatever_the_losses_the_curves_stay_in_the_picture(
    home: Path, tmp_path: Path, left: list[float], right: list[float], log: bool, drawn_points: tuple[int, int]
) -> None:
    picture = drawn(run_of(left, right), tmp_path / "run.svg", log=log)
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    for side in (0, 1):
        points = [point for stretch in curve(picture, side) for point in stretch]
        assert len(points) == drawn_points[side]
        for x, y in points:
            assert 0 < x < width
            assert 0 < y < 0.6 * height
    assert len(words(picture)) > 10
    for element in picture.iter(SVG + "text"):
        assert 0 < float(element.get("x", 0)) < width
        assert 0 < float(element.get("y", 0)) < height


def test_sides_of_one_policy_are_told_apart_and_notes_are_told(home: Path, tmp_path: Path) -> None:
    folder = run_of([1.0, 0.5], [1.0, 0.5], experiment="three_layer", left="never", right="never")
    said = words(drawn(folder, tmp_path / "run.svg"))
    assert f"{MARKS[1]} {folder.read().settings.titles[1]}" in said
    (note,) = folder.read().settings.notes
    assert note in said


def test_a_file_is_replaced_only_when_asked_to(home: Path, tmp_path: Path) -> None:
    folder, path = run_of([1.0], [1.0]), tmp_path / "run.svg"
    path.write_text("mine")
    with pytest.raises(ExportError, match="exists; it is not replaced"):
        export_svg(folder, path)
    assert path.read_text() == "mine"
    export_svg(folder, path, overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize("name", ["missing/run.svg", "", "file/run.svg"])
def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(home: Path, tmp_path: Path, name: str) -> None:
    folder = run_of([1.0], [1.0])
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError):
        export_svg(folder, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before
