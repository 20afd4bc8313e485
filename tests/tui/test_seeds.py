"""The charts and the table of a run with several seeds."""

from __future__ import annotations

import io
import math
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.axes import linear_axis, log_axis
from gradtui.runs.results.bands import BandPoint
from gradtui.tui.characters import CHARACTERS, simplified
from gradtui.tui.followed_seeds import FollowedSeeds
from gradtui.tui.handover import hand_over
from gradtui.tui.instruments import QUANTITIES
from gradtui.tui.run_follower import FollowedRun
from gradtui.tui.screens.run_screen import RunScreen
from gradtui.tui.widgets.band import Band
from gradtui.tui.widgets.canvas import Canvas, Frame
from gradtui.tui.widgets.loss_chart import LossChart
from tests.made_up_seeds import falling, seeded_run, write_accuracies, write_steps
from tests.tui.pilot import drive, until
from tests.tui.test_run_screen import text_of

LOSS = QUANTITIES[0]


def watch(
    folder: RunFolder, check: Callable[[Pilot[int], RunScreen], Awaitable[None]], size: tuple[int, int] = (120, 40)
) -> None:
    """Open a run, then check what is on screen."""

    async def scenario(pilot: Pilot[int], screen: RunScreen) -> None:
        screen.set_focus(None)
        screen.open_run(folder)
        await until(pilot, lambda: screen.status == "finished")
        await pilot.pause()
        await check(pilot, screen)

    drive(scenario, size)


def corner(screen: RunScreen, chart: str) -> str:
    return str(screen.query_one(chart, LossChart).border_subtitle)


def roles(screen: RunScreen, chart: str) -> dict[str, int]:
    """How many characters of each role a chart has."""
    counts: dict[str, int] = {}
    for line in screen.query_one(chart, LossChart)._lines:
        for text, role in line:
            counts[role] = counts.get(role, 0) + len(text.replace(" ", ""))
    return counts


# The median and its band


@pytest.mark.parametrize(
    ("seeds", "says"),
    [(10, "median of 10 seeds, band: 10-90 %"), pytest.param(3, "median of 3 seeds, band: min-max", marks=pytest.mark.slow)],
)
def test_the_band_lies_behind_the_median_and_the_corner_says_which(seeds: int, says: str) -> None:
    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        for chart in ("#left", "#right"):
            assert corner(screen, chart) == says
            assert roles(screen, chart)["band"] > 10
            assert roles(screen, chart)["curve"] > 20

    watch(seeded_run(falling(seeds, 200, 0), falling(seeds, 200, 1)), check)


@pytest.mark.slow
def test_a_single_seed_has_neither_band_nor_keys_for_seeds() -> None:
    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("b", "t")
        await pilot.pause()
        assert corner(screen, "#left") == ""
        assert "band" not in roles(screen, "#left")
        assert screen.query_one("#left").display
        assert {key.word for key in screen.KEYS if not key.applies(screen)} >= {"difference", "next seed", "previous seed"}

    watch(seeded_run(falling(1, 50, 0), falling(1, 50, 1)), check)


@pytest.mark.parametrize("bad", [math.nan, pytest.param(math.inf, marks=pytest.mark.slow)])
def test_seeds_that_are_not_finite_are_counted_and_take_the_band_to_the_top(bad: float) -> None:
    right = falling(10, 100, 1)
    for row in right[60:]:
        row[1] = row[4] = bad

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        assert corner(screen, "#left") == "median of 10 seeds, band: 10-90 %"
        assert corner(screen, "#right") == "band: 10-90 %, 2 of 10 not finite"
        top = screen.query_one("#right", LossChart)._lines[1]
        assert "band" in [role for _, role in top]
        assert "not finite from" not in text_of(screen, "#right"), "the median is finite"

    watch(seeded_run(falling(10, 100, 0), right), check)


@pytest.mark.slow
def test_a_quantity_without_seeds_says_that_it_is_the_median() -> None:
    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("m")
        await pilot.pause()
        assert "test loss" in text_of(screen, "#left")
        assert corner(screen, "#left") == "median of 10 seeds"

    watch(seeded_run(falling(10, 50, 0), falling(10, 50, 1)), check)


@pytest.mark.slow
def test_the_accuracy_has_a_band_and_a_difference_too() -> None:
    folder = seeded_run(falling(6, 200, 0), falling(6, 200, 1), experiment="digits", epochs=8)
    for side, name in enumerate(folder.read().variants):
        write_accuracies(
            folder, name, [[0.5 + 0.01 * seed + 0.03 * epoch - 0.2 * side for seed in range(6)] for epoch in range(8)], 24
        )

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("m", "m")
        await pilot.pause()
        assert "accuracy" in text_of(screen, "#left")
        assert roles(screen, "#left")["band"] > 5
        await pilot.press("t")
        await pilot.pause(0.1)
        chart = screen.query_one("#difference", LossChart)
        assert chart.border_title == "accuracy WITHOUT - WITH, points"
        assert "-20.0 (-20.0 to -20.0)" in text_of(screen, "#difference")

    watch(folder, check)


# A single seed


def test_a_key_steps_through_the_seeds_and_back_to_the_median() -> None:
    left = [[1.0, 2.0, 4.0], [0.1, 0.2, 0.3]]

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        seen = []
        for key in ("b", "b", "b", "b", "B"):
            await pilot.press(key)
            await pilot.pause()
            seen.append((text_of(screen, "#left").split("\n")[0].split(), corner(screen, "#left")))
        assert [words for words, _ in seen] == [
            ["loss,", "seed", "7", "0.1"],
            ["loss,", "seed", "8", "0.2"],
            ["loss,", "seed", "9", "0.3"],
            ["loss", "0.2"],
            ["loss,", "seed", "9", "0.3"],
        ]
        assert seen[0][1] == "seed 1 of 3, band: min-max"

    watch(seeded_run(left, left, seed=7), check)


@pytest.mark.slow
def test_the_cursor_reads_the_band_or_the_seed() -> None:
    left = [[1.0, 2.0, 4.0], [0.1, 0.2, math.nan]]

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("right")
        await pilot.press("left")
        await pilot.pause()
        assert "step 1: 2 (1 to 4)" in text_of(screen, "#left")
        await pilot.press("right", "B")
        await pilot.pause()
        assert "step 2: nan" in text_of(screen, "#left")

    watch(seeded_run(left, left), check)


@pytest.mark.slow
def test_a_seed_that_diverges_is_marked_where_it_does() -> None:
    left = falling(5, 40, 0)
    for row in left[25:]:
        row[0] = math.nan

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("b")
        await pilot.pause()
        assert "not finite from step 26" in text_of(screen, "#left")
        assert "×" in text_of(screen, "#left")
        assert "not finite" not in text_of(screen, "#right")

    watch(seeded_run(left, falling(5, 40, 1)), check)


# The paired difference


def test_a_key_shows_the_paired_difference_with_its_interval_and_zero() -> None:
    left = [[1.0, 1.0, 1.0]] * 50
    right = [[2.0, 4.0, 8.0]] * 50

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("t")
        await pilot.pause()
        chart = screen.query_one("#difference", LossChart)
        assert not screen.query_one("#left").display
        assert chart.border_title == "ln(loss WITHOUT / WITH)"
        assert chart.border_subtitle == "mean of 3 seeds, band: 95 % interval"
        assert "+1.39 (-0.336 to +3.11)" in text_of(screen, "#difference")
        assert min(roles(screen, "#difference")[role] for role in ("curve", "band", "zero")) > 10
        await pilot.press("t")
        await pilot.pause()
        assert screen.query_one("#left").display
        assert not chart.display

    watch(seeded_run(left, right), check)


@pytest.mark.slow
def test_seeds_that_are_not_finite_are_left_out_of_the_difference_and_said() -> None:
    left = [[1.0, 1.0, 1.0]] * 20
    right = [[2.0, 4.0, math.nan]] * 20

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("t")
        await pilot.pause()
        assert corner(screen, "#difference") == "mean of 2 seeds, 1 of 3 not finite, band: 95 % interval"

    watch(seeded_run(left, right), check)


@pytest.mark.slow
def test_only_what_is_recorded_for_each_seed_has_a_difference() -> None:
    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("t", "m")
        await pilot.pause()
        assert "The test loss is not recorded for each seed" in text_of(screen, "#difference")

    watch(seeded_run(falling(3, 20, 0), falling(3, 20, 1)), check)


@pytest.mark.slow
def test_a_side_that_is_ahead_has_a_difference_up_to_where_the_other_is() -> None:
    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        await pilot.press("t")
        await pilot.pause()
        run = screen.runs[0]
        assert run.seeds is not None
        difference = run.seeds.difference(LOSS)
        assert difference is not None
        assert len(difference.curve.stretches) == 30

    watch(seeded_run(falling(3, 60, 0), falling(3, 30, 1)), check)


# In characters of every kind


@pytest.mark.parametrize("characters", [pytest.param(c, marks=() if c == "ascii" else pytest.mark.slow) for c in CHARACTERS])
def test_the_band_looks_unlike_any_curve_in_every_character_set(characters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADTUI_CHARACTERS", characters)

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        chart = screen.query_one("#left", LossChart)
        drawn: dict[str, set[str]] = {"band": set(), "curve": set(), "zero": set()}
        await pilot.press("t")
        await pilot.pause()
        for chart in screen.query(LossChart):
            for line in chart._lines:
                for text, role in line:
                    if role in drawn:
                        drawn[role] |= {*simplified(chart.written(text, role), characters)} - {" "}
        assert drawn["band"]
        if characters != "braille":  # in dots, the texture is what tells them apart
            assert not drawn["band"] & (drawn["curve"] | drawn["zero"])
            assert not drawn["zero"] & drawn["curve"]

    watch(seeded_run(falling(10, 200, 0), falling(10, 200, 1)), check, (80, 24))


def test_the_texture_has_every_second_dot_within_the_edges() -> None:
    frame = Frame(40, 20, 1, 100, axis=linear_axis(0.0, 1.0, None))
    canvas = Canvas(frame)
    band = Band(canvas)
    rows = band.drawn(band.extents([BandPoint(1, 0.25, 0.75), BandPoint(100, 0.25, 0.75)]))
    dots = sum(
        ord(character) - 0x2800 and (ord(character) - 0x2800).bit_count()
        for row in rows
        for character in row.replace(" ", "\u2800")
    )
    assert dots == pytest.approx(canvas.columns * 2 * canvas.rows * 4 / 4, rel=0.1)
    assert rows[0].isspace()
    assert rows[-1].isspace()
    assert all(character != " " for character in rows[len(rows) // 2])


def test_edges_without_a_place_on_the_axis_go_to_its_ends() -> None:
    frame = Frame(40, 20, 1, 100, axis=log_axis(0.1, 10.0, None))
    band = Band(Canvas(frame))
    top = band.extents([BandPoint(1, 1.0, math.inf), BandPoint(100, 1.0, math.inf)])
    bottom = band.extents([BandPoint(1, -1.0, 1.0), BandPoint(100, 0.0, 1.0)])
    height = Canvas(frame).rows * 4
    assert {extent and extent[1] for extent in top} == {height - 1}
    assert {extent and extent[0] for extent in bottom} == {0}
    assert {*band.extents([BandPoint(1, math.nan, math.nan)])} == {None}
    assert {*band.extents([BandPoint(1, 20.0, 30.0), BandPoint(100, 20.0, 30.0)])} == {None}, "off the axis"


# Reading


def test_rows_that_arrive_later_are_followed() -> None:
    whole = falling(6, 300, 0)
    folder = seeded_run(whole[:100], whole[:100])
    run = FollowedRun(folder)
    while run.advance():
        pass
    for name in run.settings.variants:
        write_steps(folder, name, whole[100:], after=100)
    while run.advance():
        pass
    again = FollowedRun(folder)
    while again.advance():
        pass
    for one, other in zip(seeds_of(run), seeds_of(again), strict=True):
        assert one.stretches.xs == other.stretches.xs
        assert one.band(one.stretches.xs, 1, 300, 50) == other.band(other.stretches.xs, 1, 300, 50)
        assert len(one) == 300


def seeds_of(run: FollowedRun) -> list:  # type: ignore[type-arg]
    assert run.seeds is not None
    return [run.seeds.curves(name, LOSS) for name in run.settings.variants]


def test_a_side_that_another_process_has_read_brings_its_seeds() -> None:
    folder = seeded_run(falling(6, 300, 0), falling(6, 300, 1))
    here, there = FollowedRun(folder), FollowedRun(folder)
    left = here.settings.variants[0]
    assert here.unread_bytes(left) > folder.steps_csv(left).stat().st_size, "the seeds count"
    here.glance([left])
    assert len(seeds_of(here)[0]) > 0
    while there.advance([left]):
        pass
    hand_over(there, io.BytesIO())
    here.take_side(left, there)
    assert len(seeds_of(here)[0]) == 300
    assert not here.advance([left])


def test_a_file_of_seeds_that_is_missing_or_damaged_leaves_the_median() -> None:
    folder = seeded_run(falling(6, 50, 0), falling(6, 50, 1))
    left, right = folder.read().variants
    folder.seeds_csv(left).unlink()
    with open(folder.seeds_csv(right), "a") as file:
        file.write("51,1,2\nnonsense\n52,1,2,3,4,5,6\n53,1,2")
    followed = FollowedSeeds(folder, folder.read().settings)
    while followed.advance():
        pass
    assert [len(followed.curves(name, LOSS) or ()) for name in (left, right)] == [0, 51]

    async def check(pilot: Pilot[int], screen: RunScreen) -> None:
        assert roles(screen, "#left")["curve"] > 10
        await pilot.press("b", "t")
        await pilot.pause()

    watch(folder, check)
