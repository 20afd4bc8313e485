"""Where an export goes: a file or a folder of the user's, written whole or not at all.

A link is followed, as ``>`` of a shell follows it: what it points to is replaced, and the link stays. Only a regular file
is replaced. It keeps its mode and, if this user may set it, its owner; a new file gets the mode of any new file.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from gradtui.runs.atomic import reason, sync

TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""How a system says that a folder cannot take a name that something else has."""

Cancelled = Callable[[], bool]
"""Whether the export is not wanted any more; asked now and then."""


class ExportError(OSError):
    """The file cannot be written; the message names it and says why."""


def never() -> bool:
    """An export that nobody can cancel."""
    return False


def check_wanted(cancelled: Cancelled) -> None:
    """Raises ExportError if the export was cancelled."""
    if cancelled():
        raise ExportError("the export was cancelled")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises ExportError where an export to ``path`` would fail, before any work is done for it."""
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise ExportError(f"{path} is a folder; name a file in it")
    _check_regular(path, status)
    parent = Path(os.path.realpath(path)).parent
    if not os.path.isdir(parent):
        raise ExportError(f"{parent if path.is_symlink() else path.parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ExportError(f"{parent if path.is_symlink() else path.parent} cannot be written to")
    if os.path.lexists(path) and not overwrite:
        raise ExportError(f"{path} exists; it is not replaced")


def _status(path: Path) -> os.stat_result | None:
    """What ``path`` is, links followed; None if there is nothing."""
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ExportError(f"{path} cannot be written ({reason(error)})") from None
        return None


def _check_regular(path: Path, status: os.stat_result | None) -> None:
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise ExportError(f"{path} is not a regular file; name another one")


@contextmanager
def exporting(path: Path, *, overwrite: bool = False) -> Iterator[TextIO]:
    """A text file that becomes ``path`` when the block ends well; until then ``path`` is untouched. Raises ExportError."""
    check_target(path, overwrite=overwrite)
    target = Path(os.path.realpath(path))
    try:
        with _unfinished_file(target, _status(path)) as (temporary, file):
            yield file
            file.flush()
            sync(file)
            if overwrite:
                _check_regular(path, _status(path))
                os.replace(temporary, target)
            else:
                _take_free_name(temporary, target)
    except ExportError:
        raise
    except FileExistsError:
        raise ExportError(f"{path} exists; it is not replaced") from None
    except OSError as error:
        raise ExportError(f"{path} cannot be written ({reason(error, target)})") from None


@contextmanager
def _unfinished_file(target: Path, replaced: os.stat_result | None) -> Iterator[tuple[Path, TextIO]]:
    """A new file beside ``target``, removed unless it gets another name; with the mode and the owner of the one replaced."""
    temporary = _beside(target)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if replaced else 0o666)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            if replaced:
                _make_like(descriptor, replaced)
            yield temporary, file
    finally:  # also when interrupted: no half-written file is left
        with suppress(OSError):
            os.unlink(temporary)


def _beside(target: Path) -> Path:
    return target.with_name(f".gradtui-{secrets.token_hex(8)}")


def _make_like(place: int | Path, replaced: os.stat_result) -> None:
    """Give a file or folder another one's mode and owner, as far as this user may and the file system can."""
    now = os.stat(place)
    with suppress(OSError):
        if now.st_uid != replaced.st_uid:
            os.chown(place, replaced.st_uid, -1)
    with suppress(OSError):
        if now.st_gid != replaced.st_gid:
            os.chown(place, -1, replaced.st_gid)
    with suppress(OSError):
        os.chmod(place, stat.S_IMODE(replaced.st_mode) & 0o777)


def _take_free_name(temporary: Path, target: Path) -> None:
    """Give a file its name unless something has that name. Raises OSError."""
    try:
        os.link(temporary, target)  # unlike a rename, this fails where the name has been taken meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: exFAT, SMB, some of FUSE
        placeholder = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        held = os.fstat(placeholder)
        os.close(placeholder)
        try:
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                if os.path.samestat(os.lstat(target), held):
                    os.unlink(target)
            raise


@contextmanager
def exporting_folder(path: Path) -> Iterator[Path]:
    """A folder that becomes ``path`` when the block ends well; until then there is no ``path``, or an empty folder.

    The folder that ``path`` is in is made where it is missing. Raises ExportError.
    """
    made = not os.path.exists(path.parent)
    try:
        path.parent.mkdir(exist_ok=True)
        with _unfinished_folder(path) as unfinished:
            yield unfinished
            unfinished.rename(path)  # takes the place of an empty folder, and of nothing else
            made = False
    except ExportError:
        raise
    except OSError as error:
        if error.errno in TAKEN:
            raise ExportError(f"{path} exists; it is not replaced") from None
        raise ExportError(f"{path} cannot be written ({reason(error, path.parent)})") from None
    finally:
        if made:
            with suppress(OSError):  # not empty: by now it is somebody else's too
                path.parent.rmdir()


@contextmanager
def _unfinished_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path``, removed unless it gets another name; with the mode and the owner of the one replaced."""
    unfinished = _beside(path)
    unfinished.mkdir()
    try:
        if (replaced := _status(path)) is not None:
            _make_like(unfinished, replaced)
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
