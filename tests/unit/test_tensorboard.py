import itertools
import math
import os
import struct
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from gradtui.runs.export import tensorboard_export as tensorboard
from gradtui.runs.export.destination import ExportError
from gradtui.runs.export.tensorboard_export import TensorBoardMissing, export_tensorboard
from gradtui.runs.folder import RunFolder
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DamagedRun
from gradtui.settings import RunSettings

HEADER = "step,epoch,loss,grad_norm,seconds,fresh_grad_norm,cosine\n"
STARTED = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc).timestamp()

Scalars = list[tuple[int, float, float]]
"""Step, value and wall time of a tag's scalars."""


@pytest.fixture
def folder(home: Path) -> RunFolder:
    folder = create_run(RunSettings.parse({}))
    text = folder.read().to_json()
    (folder.path / "run.json").write_text(text.replace('"started": null', '"started": "2026-01-02T03:04:05.678Z"'))
    folder.steps_csv("with_zero_grad").write_text(
        HEADER + "1,1,0.25,1.5,0.1,1.5,1\n2,2,nan,,0.2,,\n3,3,-inf,inf,0.4,nan,\n4,4,0.1,0.1,0."
    )
    folder.epochs_csv("with_zero_grad").write_text("epoch,step,test_loss,accuracy\n1,2,0.7,0.5\n2,4,0.6,0.75\n")
    folder.steps_csv("without_zero_grad").write_text("step,epoch,loss,grad_norm,seconds\n1,1,0.1,2.5,0.5\nx,2,1,1,1\n2,2,1\n")
    return folder


@pytest.fixture
def installed() -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")


def read_back(path: Path) -> dict[str, Scalars]:
    """What TensorBoard's own reader finds in a folder, by tag."""
    module: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = module.EventAccumulator(str(path), size_guidance={module.SCALARS: 0})
    reader.Reload()
    return {tag: _in_order(reader.Scalars(tag)) for tag in reader.Tags()["scalars"]}


def _in_order(scalars: Any) -> list[tuple[int, float, float]]:
    return [(scalar.step, scalar.value, scalar.wall_time) for scalar in scalars]


def recorded(*scalars: tuple[int, float, float]) -> str:
    """What :func:`read_back` should give, as text: so nan is equal to nan."""
    return repr([(step, *struct.unpack("f", struct.pack("f", value)), wall_time) for step, value, wall_time in scalars])


@pytest.mark.usefixtures("installed")
def test_every_scalar_is_read_back_as_it_was_recorded(folder: RunFolder, tmp_path: Path) -> None:
    assert export_tensorboard(folder, tmp_path / "logs") == 18
    first, second, third = itertools.islice(itertools.accumulate((0.1, 0.2, 0.4), initial=STARTED), 1, None)
    read = read_back(tmp_path / "logs" / folder.id / "with_zero_grad")
    assert {tag: repr(scalars) for tag, scalars in read.items()} == {
        "loss": recorded((1, 0.25, first), (2, math.nan, second), (3, -math.inf, third)),
        "grad_norm": recorded((1, 1.5, first), (3, math.inf, third)),
        "fresh_grad_norm": recorded((1, 1.5, first), (3, math.nan, third)),
        "cosine": recorded((1, 1.0, first)),
        "seconds": recorded((1, 0.1, first), (2, 0.2, second), (3, 0.4, third)),
        "test_loss": recorded((2, 0.7, second), (4, 0.6, third)),
        "accuracy": recorded((2, 0.5, second), (4, 0.75, third)),
    }
    read = read_back(tmp_path / "logs" / folder.id / "without_zero_grad")
    assert {tag: repr(scalars) for tag, scalars in read.items()} == {
        "loss": recorded((1, 0.1, STARTED + 0.5)),
        "grad_norm": recorded((1, 2.5, STARTED + 0.5)),
        "seconds": recorded((1, 0.5, STARTED + 0.5)),
    }


@pytest.mark.usefixtures("installed")
def test_a_long_run_is_read_back_whole(folder: RunFolder, tmp_path: Path) -> None:
    losses = [1 / step for step in range(1, 20_001)]
    rows = (f"{step},1,{loss!r},,0.0001,,\n" for step, loss in enumerate(losses, 1))
    folder.steps_csv("with_zero_grad").write_text(HEADER + "".join(rows))
    export_tensorboard(folder, tmp_path)
    read = read_back(tmp_path / folder.id / "with_zero_grad")["loss"]
    wall_times = itertools.islice(itertools.accumulate(itertools.repeat(0.0001, 20_000), initial=STARTED), 1, None)
    assert repr(read) == recorded(*zip(range(1, 20_001), losses, wall_times, strict=True))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("row", ["2,1,1_0,,0.1,,", "2,1,infinity,,0.1,,", "2,1,1,,-5,,", "2,1,1,,inf,,", "2,0,1,,0.1,,"])
def test_a_row_that_other_readers_skip_is_skipped(folder: RunFolder, tmp_path: Path, row: str) -> None:
    folder.steps_csv("with_zero_grad").write_text(f"{HEADER}1,1,0.5,,0.1,,\n{row}\n3,1,0.25,,0.1,,\n")
    export_tensorboard(folder, tmp_path)
    read = read_back(tmp_path / folder.id / "with_zero_grad")
    assert [step for step, _, _ in read["loss"]] == [1, 3]


@pytest.mark.usefixtures("installed")
def test_a_run_without_rows_has_no_scalars(home: Path, tmp_path: Path) -> None:
    folder = create_run(RunSettings.parse({}))
    assert export_tensorboard(folder, tmp_path) == 0
    assert read_back(tmp_path / folder.id / "with_zero_grad") == {}


@pytest.mark.usefixtures("installed")
def test_what_is_there_is_not_replaced(folder: RunFolder, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    export_tensorboard(folder, logs)
    before = {path: path.read_bytes() for path in logs.rglob("*") if path.is_file()}
    with pytest.raises(ExportError, match="exists; it is not replaced"):
        export_tensorboard(folder, logs)
    assert {path: path.read_bytes() for path in logs.rglob("*") if path.is_file()} == before
    assert os.listdir(logs) == [folder.id]


@pytest.mark.usefixtures("installed")
def test_what_comes_into_being_meanwhile_is_not_replaced(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*args: object) -> int:
        (tmp_path / "logs" / folder.id).mkdir()
        (tmp_path / "logs" / folder.id / "mine").touch()
        return 0

    folder.steps_csv("without_zero_grad").unlink()
    monkeypatch.setattr(tensorboard, "_write_variant", lambda *args: write() if "without" in args[2] else 0)
    with pytest.raises(ExportError, match="exists; it is not replaced"):
        export_tensorboard(folder, tmp_path / "logs")
    assert os.listdir(tmp_path / "logs") == [folder.id]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("error", [OSError(28, os.strerror(28)), KeyboardInterrupt()])
def test_an_export_that_fails_half_way_leaves_nothing(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    write = tensorboard._write_variant

    def fail(library: Any, run: RunFolder, variant: str, *rest: Any) -> int:
        if variant == "without_zero_grad":
            raise error
        return write(library, run, variant, *rest)

    monkeypatch.setattr(tensorboard, "_write_variant", fail)
    with pytest.raises((ExportError, KeyboardInterrupt)) as raised:
        export_tensorboard(folder, tmp_path / "logs")
    if isinstance(error, OSError):
        assert str(raised.value) == f"{tmp_path / 'logs' / folder.id} cannot be written (No space left on device)"
    assert not (tmp_path / "logs").exists()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["missing/logs", "file", "file/logs", "link"])
def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(folder: RunFolder, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError, match="is not a folder"):
        export_tensorboard(folder, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_without_the_package_one_line_says_what_to_install(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(TensorBoardMissing, match=r"pip install 'gradtui\[tensorboard\]'") as raised:
        export_tensorboard(folder, tmp_path / "logs")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "logs").exists()


def test_a_time_that_cannot_be_read_is_told(folder: RunFolder, tmp_path: Path) -> None:
    text = (folder.path / "run.json").read_text()
    (folder.path / "run.json").write_text(text.replace("2026-01-02T03:04:05.678Z", "yesterday"))
    with pytest.raises(DamagedRun, match="started"):
        export_tensorboard(folder, tmp_path)


@pytest.mark.usefixtures("installed")
def test_an_export_imports_neither_torch_nor_tensorflow(folder: RunFolder, tmp_path: Path) -> None:
    for name in ("torch", "tensorflow"):
        (tmp_path / "traps" / name).mkdir(parents=True)
        (tmp_path / "traps" / name / "__init__.py").write_text("")
    code = (
        "import sys; from pathlib import Path; from gradtui.runs.folder import RunFolder\n"
        "from gradtui.runs.export.tensorboard_export import export_tensorboard\n"
        "assert 'tensorboard' not in sys.modules\n"
        "export_tensorboard(RunFolder(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "assert not {'torch', 'tensorflow'} & sys.modules.keys()"
    )
    path = os.pathsep.join([str(tmp_path / "traps"), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code, str(folder.path), str(tmp_path / "logs")], env=environment, check=True)
