import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtui.runs.atomic import replacing
from gradtui.runs.export.csv_export import export_csv
from gradtui.runs.export.destination import ExportError
from gradtui.runs.export.svg import export_svg
from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DamagedRun
from gradtui.settings import RunSettings

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"


@pytest.fixture
def folder(home: Path) -> RunFolder:
    folder = create_run(RunSettings.parse({}))
    folder.steps_csv("with_zero_grad").write_text(HEADER + "1,1,0.25,1.5,0.1,1.5,1\n2,2,nan,,0.1,,\n3,3,0.")
    folder.steps_csv("without_zero_grad").write_text(HEADER + "1,1,inf,,0.1,,\n")
    return folder


def test_the_export_is_tidy(folder: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert export_csv(folder, path) == 3
    assert path.read_text().splitlines() == [
        "run,variant,step,epoch,loss,grad_norm,seconds,seed,fresh_grad_norm,cosine",
        f"{folder.id},with_zero_grad,1,1,0.25,1.5,0.1,42,1.5,1",
        f"{folder.id},with_zero_grad,2,2,nan,,0.1,42,,",
        f"{folder.id},without_zero_grad,1,1,inf,,0.1,42,,",
    ]


def test_of_several_seeds_each_loss_is_a_row_and_medians_are_left_out(home: Path, tmp_path: Path) -> None:
    folder = create_run(RunSettings.parse({"seeds": 2}))
    for variant in folder.read().variants:
        folder.steps_csv(variant).write_text(HEADER + "".join(f"{step},1,9.5,1.5,0.1,1.5,1\n" for step in (1, 2, 3)))
    folder.seeds_csv("with_zero_grad").write_text("step,42,43\n1,0.25,nan\n2,x,1.0\n3,0.125,inf\n4,1.0,1.0\n")
    assert export_csv(folder, tmp_path / "out.csv") == 4
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == [
        f"{folder.id},with_zero_grad,1,1,0.25,,0.1,42,,",
        f"{folder.id},with_zero_grad,1,1,nan,,0.1,43,,",
        f"{folder.id},with_zero_grad,3,1,0.125,,0.1,42,,",
        f"{folder.id},with_zero_grad,3,1,inf,,0.1,43,,",
    ]


def test_each_seeds_accuracy_stands_at_the_last_step_of_its_epoch(home: Path, tmp_path: Path) -> None:
    folder = create_run(RunSettings.parse({"experiment": "digits", "seeds": 2}))
    folder.steps_csv("with_zero_grad").write_text(HEADER + "".join(f"{step},1,9.5,,0.1,,\n" for step in (23, 24, 25)))
    folder.seeds_csv("with_zero_grad").write_text("step,42,43\n23,1.0,2.0\n24,3.0,4.0\n25,5.0,6.0\n")
    folder.epochs_csv("with_zero_grad").write_text("epoch,step,test_loss,accuracy\n1,24,1.5,0.5\n")
    folder.seed_epochs_csv("with_zero_grad").write_text("epoch,42,43\n1,0.25,0.75\n")
    export_csv(folder, tmp_path / "out.csv")
    head, *rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert head[-2:] == ["test_loss", "accuracy"]
    told = [(row[2], row[4], row[7], row[-2], row[-1]) for row in rows]
    assert told[:4] == [
        ("23", "1.0", "42", "", ""),
        ("23", "2.0", "43", "", ""),
        ("24", "3.0", "42", "", "0.25"),
        ("24", "4.0", "43", "", "0.75"),
    ]


def test_the_figures_of_an_epoch_stand_at_its_last_step(home: Path, tmp_path: Path) -> None:
    folder = create_run(RunSettings.parse({"experiment": "digits", "clip_norm": 0.5, "seed": 7}))
    steps = [f"{i},1,0.5,,0.1,,,\n" for i in range(1, 60)] + ["60,1,0.5,2.0,0.1,1.5,1,0.5\n"]
    folder.steps_csv("with_zero_grad").write_text(HEADER.rstrip() + ",clipped_norm\n" + "".join(steps))
    folder.epochs_csv("with_zero_grad").write_text("epoch,step,test_loss,accuracy\n1,24,1.5,0.25\n2,48,nan,0.5\n3,72,1.0,1.0\n")
    export_csv(folder, tmp_path / "out.csv")
    head, *rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert head[7:] == ["seed", "fresh_grad_norm", "cosine", "clipped_norm", "test_loss", "accuracy"]
    assert {row[7] for row in rows} == {"7"}
    assert {row[2]: row[-2:] for row in rows if row[-1]} == {"24": ["1.5", "0.25"], "48": ["nan", "0.5"]}
    assert rows[-1][8:] == ["1.5", "1", "0.5", "", ""]
    assert all(len(row) == len(head) for row in rows)


def test_what_a_script_logs_of_an_epoch_stands_at_the_last_step_before(home: Path, tmp_path: Path) -> None:
    folder = create_run(RunSettings.parse({"experiment": "script", "script": "train.py"}))
    steps = [f"{i},1,0.5,,0.1,,,,2\n" for i in range(1, 4)]
    folder.steps_csv("with_zero_grad").write_text(HEADER.rstrip() + ",clipped_norm,optimizer\n" + "".join(steps))
    folder.epochs_csv("with_zero_grad").write_text("epoch,step,test_loss,accuracy\n1,2,,0.25\n2,2,,0.5\n3,9,,0.75\n")
    export_csv(folder, tmp_path / "out.csv")
    head, *rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert head[10:] == ["clipped_norm", "optimizer", "test_loss", "accuracy"]
    assert [row[11:] for row in rows] == [["2", "", ""], ["2", "", "0.5"], ["2", "", ""]]


def test_a_run_without_rows_exports_a_header(home: Path, tmp_path: Path) -> None:
    assert export_csv(create_run(RunSettings.parse({})), tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").read_text() == "run,variant,step,epoch,loss,grad_norm,seconds,seed,fresh_grad_norm,cosine\n"


def test_a_file_is_replaced_only_when_asked_to(folder: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(ExportError, match="exists"):
        export_csv(folder, path)
    assert path.read_text() == "mine"
    export_csv(folder, path, overwrite=True)
    assert path.read_text().startswith("run,")


def test_a_dangling_link_is_not_written_through(folder: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="exists"):
        export_csv(folder, path)


@pytest.mark.parametrize("name", ["missing/out.csv", "", "file/out.csv"])
def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(folder: RunFolder, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError):
        export_csv(folder, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_an_export_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def fail() -> None:
        with replacing(path) as file:
            file.write("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
@pytest.mark.parametrize("export", [export_csv, export_svg])
@pytest.mark.parametrize("name", ["with_zero_grad", "without_zero_grad"])
def test_rows_that_cannot_be_read_are_told(
    make: Callable[[Path], None], export: Callable[[RunFolder, Path], object], name: str, folder: RunFolder, tmp_path: Path
) -> None:
    folder.steps_csv(name).unlink()
    make(folder.steps_csv(name))
    with pytest.raises(DamagedRun, match=f"{name}.csv cannot be read"):
        export(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
