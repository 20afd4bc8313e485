"""The destination of an export: a file or a folder of the user's choice, written atomically.

Links are followed, as with ``>`` in a shell: the target is replaced, and the link stays. Only a regular file is replaced. It
keeps its mode and, if this user may set it, its owner; a new file gets the default mode.
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
"""Errors of renaming a folder to a name that is taken."""

Cancelled = Callable[[], bool]
"""Returns whether the export was cancelled; called now and then."""


class ExportError(OSError):
    """The file cannot be written; the message names it and says why."""


def never() -> bool:
    """For an export that cannot be cancelled."""
    return False


def check_wanted(cancelled: Cancelled) -> None:
    """Raise ExportError if the export was cancelled."""
    if cancelled():
        raise ExportError("the export was cancelled")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise ExportError if an export to ``path`` would fail, before doing any work for it."""
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise ExportError(f"{path} is a folder; name a file in it")
    _check_regular(path, status)
    if status is not None and not os.path.exists(os.path.realpath(path)):  # /dev/fd/3, say
        raise ExportError(f"{path} is a deleted file; name another one")
    parent = Path(os.path.realpath(path)).parent
    if not os.path.isdir(parent):
        raise ExportError(f"{parent if path.is_symlink() else path.parent} is not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ExportError(f"{parent if path.is_symlink() else path.parent} cannot be written to")
    if os.path.lexists(path) and not overwrite:
        raise ExportError(f"{path} exists; it is not replaced")


def _status(path: Path) -> os.stat_result | None:
    """The status of ``path``, following links; None if nothing is there. Raises ExportError for a loop of links."""
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
    """Yield a text file that becomes ``path`` if the block succeeds; until then ``path`` is untouched. Raises ExportError."""
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
    """Create a file next to ``target`` with the mode and owner of the replaced file; it is removed unless renamed."""
    temporary = _beside(target)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if replaced else 0o666)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            if replaced:
                _make_like(descriptor, replaced)
            yield temporary, file
    finally:  # also on an interrupt: leave no half-written file
        with suppress(OSError):
            os.unlink(temporary)


def _beside(target: Path) -> Path:
    return target.with_name(f".gradtui-{secrets.token_hex(8)}")


def _make_like(place: int | Path, replaced: os.stat_result) -> None:
    """Give a file or folder another one's mode and owner, as far as this user and the file system can."""
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
    """Rename a file unless the name is taken. Raises OSError, FileExistsError if it is."""
    try:
        os.link(temporary, target)  # unlike a rename, this fails if the name has been taken meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: exFAT, SMB, some FUSE
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
    """Yield a folder that becomes ``path`` if the block succeeds; until then ``path`` is missing, or an empty folder.

    The parent folder of ``path`` is created if missing. Raises ExportError.
    """
    made = not os.path.exists(path.parent)
    try:
        path.parent.mkdir(exist_ok=True)
        with _unfinished_folder(path) as unfinished:
            yield unfinished
            unfinished.rename(path)  # replaces an empty folder, and nothing else
            made = False
    except ExportError:
        raise
    except OSError as error:
        if error.errno in TAKEN:
            raise ExportError(f"{path} exists; it is not replaced") from None
        raise ExportError(f"{path} cannot be written ({reason(error, path.parent)})") from None
    finally:
        if made:
            with suppress(OSError):  # not empty: something else uses it by now
                path.parent.rmdir()


@contextmanager
def _unfinished_folder(path: Path) -> Iterator[Path]:
    """Create a folder next to ``path`` with the mode and owner of the replaced folder; it is removed unless renamed."""
    unfinished = _beside(path)
    unfinished.mkdir()
    try:
        if (replaced := _status(path)) is not None:
            _make_like(unfinished, replaced)
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
