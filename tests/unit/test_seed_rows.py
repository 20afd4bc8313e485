"""The files with a column per seed are read as they grow, and whatever is torn or damaged costs no more than itself."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gradtui.runs.folder import RunFolder
from gradtui.runs.results.seed_results import median_over_seeds
from gradtui.runs.results.seed_rows import SeedRows, median_step
from gradtui.settings import RunSettings, SettingsError


def rows_of(folder: RunFolder, text: str, seeds: tuple[int, ...] = (5, 6)) -> SeedRows:
    folder.seeds_csv("side").write_text(text)
    rows = SeedRows(folder, "side", seeds)
    while rows.advance():
        pass
    return rows


def test_each_seed_has_its_own_results(tmp_path: Path) -> None:
    lines = [f"{step},{100 / step!r},{'nan' if step >= 7 else '2.5'}" for step in range(1, 41)]
    folder = RunFolder(tmp_path)
    folder.seed_epochs_csv("side").write_text("epoch,5,6\n1,0.25,0.5\n2,0.75,0.125\n")
    results = rows_of(folder, "step,5,6\n" + "\n".join(lines) + "\n").results()
    assert results.final_loss[0] == 2.5
    assert results.late_loss[0] == pytest.approx(sum(100 / step for step in range(37, 41)) / 4)
    assert math.isnan(results.final_loss[1])
    assert math.isnan(results.late_loss[1])
    assert [*results.best_loss] == [2.5, 2.5]
    assert [*results.diverged_at] == [None, 7]
    assert results.accuracy is not None
    assert [*results.accuracy] == [0.75, 0.125]
    assert results.converged_at[1] is None


def test_a_torn_row_waits_and_a_damaged_one_is_left_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    rows = rows_of(folder, "step,5,6\n1,3.0,4.0\n2,x,4.0\n3,2.0,1.0\n4,1.0,0.")
    assert [*rows.results().best_loss] == [2.0, 1.0]
    with open(folder.seeds_csv("side"), "a") as file:
        file.write("5\n")
    while rows.advance():
        pass
    assert [*rows.results().best_loss] == [1.0, 0.5]


@pytest.mark.parametrize("text", ["", "step,5\n1,1.0\n", "step,7,8\n1,1.0,1.0\n", "\x00\xff" * 50])
def test_a_file_of_other_seeds_has_no_rows(tmp_path: Path, text: str) -> None:
    rows = rows_of(RunFolder(tmp_path), text)
    assert rows.medians() == {}
    assert all(map(math.isnan, rows.results().best_loss))


def test_a_thousand_seeds_are_read(tmp_path: Path) -> None:
    first = 2**64 - 1000
    seeds = tuple(range(first, first + 1000))
    line = ",".join(["0.30114114284515381"] * 1000)
    text = ",".join(["step", *map(str, seeds)]) + "\n" + "".join(f"{step},{line}\n" for step in range(1, 20))
    results = rows_of(RunFolder(tmp_path), text, seeds).results()
    assert [*results.best_loss] == [0.30114114284515381] * 1000


def test_medians_count_what_never_happened_last() -> None:
    assert median_over_seeds([3.0, math.nan, 1.0]) == 3.0
    assert repr(median_over_seeds([3.0, math.nan, math.nan])) == "nan"
    assert median_over_seeds([1.0, 2.0, 4.0, math.inf]) == 3.0
    assert median_step([None, 5, 3]) == 5
    assert median_step([None, None, 3]) is None


def test_the_settings_count_up_the_seeds() -> None:
    settings = RunSettings.parse({"experiment": "digits", "seed": 7, "seeds": "3"})
    assert settings.all_seeds == (7, 8, 9)
    assert settings.alone(8) == RunSettings.parse({"experiment": "digits", "seed": 8})
    assert "seeds 7 to 9" in settings.summary()
    assert RunSettings.parse({}).all_seeds == (42,)
    with pytest.raises(SettingsError, match="seeds: got 2; counting up from the seed 18446744073709551615"):
        RunSettings.parse({"seed": 2**64 - 1, "seeds": 2})
    with pytest.raises(SettingsError, match="seeds: got '3'; script has no such setting"):
        RunSettings.parse({"experiment": "script", "script": "train.py", "seeds": "3"})
