import math

import pytest

from gradtui.runs.results.wording import duration, megabytes, number, percent, step_time


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.3011411428451538, "0.301"), (4.9467e-11, "4.95e-11"), (0.0, "0"), (1430.2, "1,430"), (1.46e14, "1.46e+14"),
        (999.7, "1,000"), (99_999.6, "1.00e+05"), (-2.5, "-2.5"), (math.nan, "nan"), (-math.inf, "-inf"), (None, "–"),
    ],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value: float | None, words: str) -> None:
    assert number(value) == words


def test_times_and_sizes_carry_units() -> None:
    assert [duration(s) for s in (0.424, 12.34, 250, 11_100)] == ["0.42 s", "12.3 s", "4 min 10 s", "3 h 05 min"]
    assert [step_time(ms) for ms in (0.0682, 1.4321, 2100)] == ["68.2 µs", "1.43 ms", "2.1 s"]
    assert (megabytes(314.2), percent(0.8451)) == ("314 MB", "84.5 %")
