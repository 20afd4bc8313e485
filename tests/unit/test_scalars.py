"""What a script has logged, read back."""

from __future__ import annotations

from pathlib import Path

from gradtui.runs.scalars import MOST_NAMES, Scalar, ScalarsTail

HEADER = "step,name,value\n"


def test_scalars_are_given_once_as_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "scalars.csv"
    tail = ScalarsTail(path)
    assert tail.read() == []
    path.write_text(HEADER + '0,lr,0.1\n3,"a, b",-inf\n3,l')
    assert tail.read() == [Scalar(0, "lr", 0.1), Scalar(3, "a, b", float("-inf"))]
    with open(path, "a") as file:
        file.write("r,0.2\n")
    assert tail.read() == [Scalar(3, "lr", 0.2)]
    assert tail.read() == []


def test_lines_that_are_no_scalars_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "scalars.csv"
    wrong = ["", "1,lr", "1,lr,x", "x,lr,1", "1.5,lr,1", "-1,lr,1", "1,,1", f"1,{'n' * 100},1", "1,a\x1b[31mb,1", '1,"lr,1']
    path.write_text(HEADER + "".join(f"{line}\n" for line in ["5,lr,1", *wrong, "4,lr,1", "5,lr,2"]))
    assert ScalarsTail(path).read() == [Scalar(5, "lr", 1.0), Scalar(5, "lr", 2.0)]


def test_names_without_end_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "scalars.csv"
    path.write_text(HEADER + "".join(f"1,name{i},1\n" for i in range(2 * MOST_NAMES)))
    assert len(ScalarsTail(path).read()) == MOST_NAMES
