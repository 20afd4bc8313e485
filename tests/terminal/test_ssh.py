"""A real SSH link that breaks: an sshd on loopback, with keys and a configuration of its own."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtui.runs.saved_runs import find_run
from tests.conftest import processes_of, wait_until
from tests.terminal.emulator import Terminal

ROOT = Path(__file__).parents[2]
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SSH = shutil.which("ssh")


@pytest.fixture
def link(tmp_path: Path) -> Iterator[list[str]]:
    """The command that logs in over a real SSH link; what runs at its far end follows it."""
    if SSHD is None or SSH is None:
        pytest.skip("a link over SSH: openssh-server or openssh-client is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    options = {
        "ListenAddress": "127.0.0.1", "Port": port, "HostKey": tmp_path / "host_key", "PidFile": "none", "UsePAM": "no",
        "AuthorizedKeysFile": tmp_path / "user_key.pub", "StrictModes": "no", "PermitRootLogin": "prohibit-password",
        "PasswordAuthentication": "no", "PrintMotd": "no",
    }  # fmt: skip
    (tmp_path / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it changes its root to there; Debian's service makes it
    log = open(tmp_path / "sshd.log", "w+b")  # noqa: SIM115 (closed below)
    sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=log)
    try:
        said = tmp_path / "sshd.log"
        assert wait_until(lambda: sshd.poll() is not None or b"listening on" in said.read_bytes(), seconds=10)
        if sshd.poll() is not None:
            pytest.skip(f"a link over SSH: sshd does not start here: {said.read_text().strip()}")
        known = f"[127.0.0.1]:{port} {(tmp_path / 'host_key.pub').read_text()}"
        (tmp_path / "known_hosts").write_text(known)
        yield [
            SSH, "-tt", "-F", "none", "-p", str(port), "-i", str(tmp_path / "user_key"), "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={tmp_path / 'known_hosts'}", "-o", "LogLevel=ERROR", "127.0.0.1",
        ]  # fmt: skip
    finally:
        sshd.terminate()
        sshd.wait(timeout=10)
        log.close()


def gradtui(home: Path, directory: Path, *arguments: str) -> str:
    """The command at the far end, whose shell knows nothing of this test's environment."""
    environment = [f"GRADTUI_HOME={home}", f"PYTHONPATH={ROOT}", "LC_ALL=C.UTF-8"]
    command = shlex.join(["env", *environment, sys.executable, "-m", "gradtui", *arguments])
    return f"cd {shlex.quote(str(directory))} && exec {command}"


def apps_of(home: Path) -> list[int]:
    found = []
    for pid in processes_of(home):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"gradtui" in words:  # as the module that was started; the others are of gradtui.runs and gradtui.training
            found.append(pid)
    return found


@pytest.mark.slow
def test_a_link_that_breaks_loses_nothing(link: list[str], home: Path, tmp_path: Path) -> None:
    with Terminal(120, 40, (*link, gradtui(home, tmp_path))) as terminal:
        terminal.wait_for("ready")
        terminal.press("Tab", "Tab", "Tab", "\x01", "\x0b", *"9999999", "F5")
        terminal.wait_for("running", "steps/s")
        assert len(apps_of(home)) == 1
        terminal.process.kill()
        assert wait_until(lambda: not apps_of(home), seconds=10), "the app outlives its link"
    run = find_run("last")
    at_the_break = run.count_steps("with_zero_grad")
    assert wait_until(lambda: run.count_steps("with_zero_grad") > at_the_break)
    with Terminal(120, 40, (*link, gradtui(home, tmp_path, "attach"))) as terminal:
        terminal.wait_for("running", "steps/s")
        terminal.press("F7")
        terminal.wait_for("stopped")
        terminal.press("F8")
        terminal.wait_for("CSV: a row per")
        terminal.press("Enter")
        terminal.wait_for("Wrote ", "rows to")
        terminal.press("Escape")
        assert wait_until(lambda: terminal.read(0.05) and "CSV: a row per" not in terminal.text)
        terminal.press("q")
        assert terminal.exit_code() == 0
    with open(tmp_path / f"{run.id}.csv") as file:
        rows = list(csv.DictReader(file))
    for name, variant in run.read().variants.items():
        steps = [int(row["step"]) for row in rows if row["variant"] == name]
        assert steps == list(range(1, variant.steps + 1))
        assert len(steps) > at_the_break // 2
