"""A file is replaced whole or not at all, and nothing is left beside it, however the process ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtui.runs.atomic import replacing

KILLED_BEFORE_IT_IS_WHOLE = """
import os, signal, sys
from pathlib import Path
from gradtui.runs.atomic import replacing
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
with replacing(Path(sys.argv[1])) as file:
    file.write("after")
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="the system has no files without a name")
def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")
    result = subprocess.run([sys.executable, "-c", KILLED_BEFORE_IT_IS_WHOLE, str(path)], check=False)
    assert result.returncode == -signal.SIGKILL
    assert (os.listdir(tmp_path), path.read_text()) == (["run.json"], "before")


def fails_to_link(*args: object, **options: object) -> None:
    raise OSError(errno.EXDEV, "cannot")


@pytest.mark.parametrize("lacks", ["nothing", "files without a name", "names for them"])
def test_it_is_replaced_on_any_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")
    if lacks == "files without a name":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif lacks == "names for them":
        monkeypatch.setattr(os, "link", fails_to_link)
    with replacing(path) as file:
        file.write("after é")
    assert path.read_text(encoding="utf-8") == "after é"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(str(1 / 0))
    assert (os.listdir(tmp_path), path.read_text(encoding="utf-8")) == (["run.json"], "after é")
