"""Download CIFAR-10 and verify it."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradtui import private
from gradtui.cifar10 import BINARY, PIXELS_PER_ROW, ROWS_PER_FILE, TEST_BATCHES, TRAIN_BATCHES, DataMissing
from gradtui.printing import printable

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
ARCHIVE_SIZE = 170_052_171
TIMEOUT_SECONDS = 30
CHUNK = 1 << 18


def download(
    to: Path,
    progress: Callable[[int, int | None], None],
    url: str = URL,
    *,
    md5: str = ARCHIVE_MD5,
    size: int = ARCHIVE_SIZE,
    member_size: int = ROWS_PER_FILE * (1 + PIXELS_PER_ROW),
) -> Path:
    """Download the binary layout into ``to``, unless it is already there; return its folder.

    ``progress`` is called with the number of bytes received and the total, None if the server does not send it. The folder
    gets its name once it is complete. Raises DataMissing, and leaves nothing behind, if it fails.
    """
    target = to / BINARY
    if os.path.lexists(target):
        if all(_has_size(target / f"{name}.bin", member_size) for name in (*TRAIN_BATCHES, *TEST_BATCHES)):
            return target
        raise DataMissing(f"{printable(target)} is there and not whole; remove it and use --download again")
    try:
        private.make_folder(to)
        with tempfile.TemporaryDirectory(prefix=".cifar-10-", dir=to) as temporary:
            archive, folder = Path(temporary, "archive"), Path(temporary, BINARY)
            _fetch(url, archive, progress, md5, size)
            _extract(archive, folder, member_size)
            folder.rename(target)
    except (OSError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error) as error:
        raise DataMissing(f"{printable(url)} could not be fetched into {printable(to)} ({_reason(error)})") from None
    return target


def _has_size(path: Path, size: int) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) == size


def _fetch(url: str, archive: Path, progress: Callable[[int, int | None], None], md5: str, size: int) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    with _opened(url) as response, open(archive, "wb", opener=private.opener) as file:
        told = response.headers.get("Content-Length") or ""
        total = int(told) if re.fullmatch("[0-9]{1,15}", told) else None
        while chunk := response.read(CHUNK):
            done += len(chunk)
            if done > size:
                raise DataMissing(f"{printable(url)}: more than {size:,} bytes came; the archive has no more")
            file.write(chunk)
            digest.update(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise DataMissing(f"{printable(url)}: the connection was cut after {done:,} of {total:,} bytes; try again")
    if digest.hexdigest() != md5:
        raise DataMissing(
            f"{printable(url)}: {done:,} bytes with the MD5 sum {digest.hexdigest()} came; {size:,} with {md5} were expected"
        )


def _opened(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)
    except ValueError as error:
        raise DataMissing(f"{printable(url)} cannot be fetched ({printable(error)})") from None


def _extract(archive: Path, folder: Path, member_size: int) -> None:
    """Extract the batches of an archive, and nothing else, under our own names."""
    folder.mkdir(mode=0o700)
    missing = {f"{name}.bin" for name in (*TRAIN_BATCHES, *TEST_BATCHES)}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            content = tar.extractfile(member) if member.isreg() and name in missing else None
            if content is None:
                continue
            if member.size != member_size:
                raise DataMissing(f"{name} in the archive has {member.size:,} bytes; {member_size:,} were expected")
            with open(folder / name, "xb", opener=private.opener) as file:
                shutil.copyfileobj(content, file)
            missing.remove(name)
    if missing:
        raise DataMissing(f"{min(missing)} is not in the archive, or is not a file there; the download is of no use")


def _reason(error: BaseException) -> str:
    """Why something failed, in the system's words if it has any."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    words = error.strerror if isinstance(error, OSError) else None
    return printable(words or str(error) or error.__class__.__name__)
