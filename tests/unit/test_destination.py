"""Where exports go: what is replaced, what stays, and file systems that cannot do everything."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtui.runs.export.csv_export import export_csv
from gradtui.runs.export.destination import ExportError, exporting, exporting_folder, never
from gradtui.runs.export.formats import FORMATS, Format
from tests.made_up import made_up_run

FILES = [format for format in FORMATS if format.replaces]


def write(path: Path, *, overwrite: bool = False) -> None:
    with exporting(path, overwrite=overwrite) as file:
        file.write("new")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def make_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(os.fspath(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # another /dev/null
    except PermissionError:
        pytest.skip("only root makes a device")


def make_link_to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, make_device, make_link_to_fifo])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("format", FILES, ids=[one.name for one in FILES])
def test_only_a_regular_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], overwrite: bool, format: Format
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    path = Path("out")
    make(path)
    before = os.lstat(path)
    run = made_up_run()
    with pytest.raises(ExportError, match=r"^out is not a regular file"):
        format.check(run, path, overwrite)
    with pytest.raises(ExportError, match=r"^out is not a regular file"):
        format.write(run, path, overwrite, never)
    assert os.path.samestat(os.lstat(path), before)
    assert sorted(os.listdir()) == sorted({"home", "out", *(["fifo"] if path.is_symlink() else [])})


def test_what_becomes_a_device_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(ExportError, match="not a regular file"), exporting(path, overwrite=True):
        os.mkfifo(path)
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("there", ["mine", None], ids=["a file", "nothing"])
def test_a_link_is_followed_and_stays(tmp_path: Path, there: str | None) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, path = tmp_path / "elsewhere" / "target", tmp_path / "out"
    if there is not None:
        target.write_text(there)
    path.symlink_to("middle")
    (tmp_path / "middle").symlink_to(target)
    with pytest.raises(ExportError, match="exists; it is not replaced"):
        write(path)
    assert target.exists() == (there is not None)
    write(path, overwrite=True)
    assert target.read_text() == "new"
    assert path.is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert os.listdir(tmp_path / "elsewhere") == ["target"]


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.symlink_to("out")
    with pytest.raises(ExportError, match="Too many levels of symbolic links"):
        write(path, overwrite=True)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_export_has_the_mode_of_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "out")
        write(tmp_path / "other", overwrite=True)
        with exporting_folder(tmp_path / "folder" / "run") as folder:
            (folder / "events").write_text("")
    finally:
        os.umask(before)
    for name in ("out", "other", "folder/run/events"):
        assert mode(tmp_path / name) == 0o666 & ~umask
    assert mode(tmp_path / "folder" / "run") == 0o777 & ~umask


def test_what_is_replaced_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    path.chmod(0o640)
    (tmp_path / "run").mkdir(mode=0o750)
    if os.geteuid() == 0:
        for name in ("out", "run"):
            os.chown(tmp_path / name, 1234, 4321)
    owners = [(place.stat().st_uid, place.stat().st_gid) for place in (path, tmp_path / "run")]
    write(path, overwrite=True)
    with exporting_folder(tmp_path / "run"):
        pass
    assert path.read_text() == "new"
    assert (mode(path), mode(tmp_path / "run")) == (0o640, 0o750)
    assert [(place.stat().st_uid, place.stat().st_gid) for place in (path, tmp_path / "run")] == owners


def fails_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "link", fails_with(number))
    write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "new"
    assert mode(tmp_path / "out") == 0o666 & ~current_umask()
    with pytest.raises(ExportError, match="exists"), exporting(tmp_path / "other"):
        (tmp_path / "other").write_text("somebody else's")
    assert (tmp_path / "other").read_text() == "somebody else's"
    assert sorted(os.listdir(tmp_path)) == ["other", "out"]


def current_umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_rename_that_fails_is_told_in_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
    monkeypatch.setattr(os, "replace", fails_with(errno.EBUSY))
    with pytest.raises(ExportError, match=r"^.*/out cannot be written \(Device or resource busy\)$"):
        write(tmp_path / "out", overwrite=overwrite)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_fsync_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(number))
    write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "new"
    assert made_up_run().read().status == "finished"


def test_a_disk_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(errno.EIO))
    with pytest.raises(ExportError, match=r"cannot be written \(Input/output error\)$"):
        write(tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_long_name_of_wide_characters_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("🙂" * 62))
    assert len(os.listdir(tmp_path)) == 1


def test_a_run_that_is_deleted_during_its_export_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_up_run(steps=2000)
    looked: list[bool] = []

    def delete_now() -> bool:
        if not looked:
            shutil.rmtree(run.path)
        looked.append(True)
        return False

    with pytest.raises(ValueError, match=f"run {run.id} was deleted"):
        export_csv(run, tmp_path / "out.csv", cancelled=delete_now)
    assert looked
    assert os.listdir(tmp_path) == ["home"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("option", ["--csv", "--svg"])
def test_the_command_line_exports_without_hard_links(tmp_path: Path, option: str) -> None:
    made_up_run()
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=link,linkat", "-e", "inject=link,linkat:error=EPERM"]
    exported = subprocess.run(
        [*words, sys.executable, "-m", "gradtui", "export", "last", option, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in exported.stderr:
        pytest.skip("no process may be traced here")
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "out").stat().st_size > 1000
    assert sorted(os.listdir(tmp_path)) == ["home", "out"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux names deleted files")
def test_a_deleted_file_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "gone", "w") as file:
        os.unlink(tmp_path / "gone")
        with pytest.raises(ExportError, match=f"/proc/self/fd/{file.fileno()} is a deleted file"):
            write(Path(f"/proc/self/fd/{file.fileno()}"), overwrite=True)
    assert not [name for name in os.listdir(tmp_path) if "gone" in name]
