"""What a user's script does with its process and with those that it starts: the supervisor never waits for ever for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradtui.runs.columns import EPOCHS, RowFormat
from gradtui.runs.processes.worker_process import WITHOUT_PIPES
from gradtui.training.row_file import RowFile, RowsNotWritten
from tests.conftest import is_alive, wait_until
from tests.process.misbehaviour import every_process_runs
from tests.process.test_compare import MODEL, WITH, WITHOUT, Comparison

IMPATIENT = "import gradtui.runs.processes.worker_process as w\nw.LEAVE_SECONDS = 0.5\n"
QUICK = "import gradtui.runs.processes.supervisor as s\ns.STATE_SECONDS = 0.1\n"

EXECS_FOR_EVER = f"""
import os, sys, time
if "WAS_HERE" not in os.environ:
    os.environ["WAS_HERE"] = "1"
    {MODEL.replace(chr(10), chr(10) + "    ")}
    step()
else:
    open(f"again-{{os.getpid()}}", "w").close()
    time.sleep(0.05)
os.execv(sys.executable, [sys.executable, __file__])
"""
CLOSES_ITS_DESCRIPTORS = f"""
import os, time
{MODEL}
step()
os.closerange(0, 256)
while True:
    step()
    time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", [EXECS_FOR_EVER, CLOSES_ITS_DESCRIPTORS], ids=["execs", "closes"])
def test_a_script_without_pipes_fails_with_a_reason(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(IMPATIENT, tmp_path, monkeypatch)
    run = Comparison(tmp_path, source)
    run.wait_for_end()
    assert run.folder.read().status == "failed"
    for reason in run.reasons():
        assert reason is not None
        assert any(words in reason for words in ("replaced itself by", "closed its pipes", "exit code 1", "cannot write")), (
            reason
        )


OPENS_OTHERS_INSTEAD = f"""
import os
{MODEL}
for _ in range(20):
    step()
os.closerange(3, 256)
files = [open(f"own-{{os.getpid()}}-{{i}}", "w+") for i in range(20)]
os.write(2, b"its own words\\n")
for _ in range(300):
    step()
"""


@pytest.mark.slow
def test_no_file_of_the_script_gets_what_gradtui_writes(tmp_path: Path) -> None:
    run = Comparison(tmp_path, OPENS_OTHERS_INSTEAD)
    run.wait_for_end()
    own = [*tmp_path.glob("own-*")]
    assert len(own) == 40
    assert not any(path.stat().st_size for path in own)
    assert run.folder.read().status == "failed"
    assert run.reasons() == [WITHOUT_PIPES] * 2


def test_rows_are_not_written_to_a_file_that_has_taken_their_descriptor(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "rows.csv", RowFormat([EPOCHS["epoch"]]))
    os.close(rows._file._number)
    with open(tmp_path / "other", "w+") as other:
        assert other.fileno() == rows._file._number
        with pytest.raises(RowsNotWritten, match=r"cannot write .*rows.csv \(its descriptor was closed\)"):
            rows.write(["1\n"])
        rows._file.close()
        assert other.read() == ""


@pytest.mark.slow
@pytest.mark.parametrize(("code", "status"), [(0, "finished"), pytest.param(3, "failed", marks=pytest.mark.slow)])
def test_a_script_that_ends_by_os_exit_is_recorded(code: int, status: str, tmp_path: Path) -> None:
    run = Comparison(tmp_path, f"import os\n{MODEL}\nstep()\nstep()\nos._exit({code})\n")
    run.wait_for_end()
    assert run.folder.read().status == status
    assert run.steps == (2, 2)
    assert run.reasons() == [None if code == 0 else "the script ended with exit code 3"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("source", [EXECS_FOR_EVER, CLOSES_ITS_DESCRIPTORS])
@pytest.mark.parametrize("how", ["request", "signal"])
def test_and_can_be_stopped(source: str, how: str, tmp_path: Path) -> None:
    run = Comparison(tmp_path, source)
    assert wait_until(lambda: max(run.steps) > 0)
    if source is EXECS_FOR_EVER:
        assert wait_until(lambda: [*tmp_path.glob("again-*")])
    if how == "request":
        run.folder.request_stop()
    else:
        run.supervisor.send_signal(signal.SIGTERM)
    run.wait_for_end()
    assert run.folder.read().status in ("stopped", "failed")  # one that has lost its pipes may have failed before


@pytest.mark.slow
def test_the_heartbeat_goes_on_beside_such_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(QUICK, tmp_path, monkeypatch)
    run = Comparison(tmp_path, f"import os, sys, time\n{MODEL}\nstep()\nos.closerange(0, 256)\ntime.sleep(600)\n")
    assert wait_until(lambda: max(run.steps) > 0)
    alive = run.folder.path / "alive"
    for _ in range(3):
        before = alive.stat().st_mtime_ns
        assert wait_until(lambda before=before: alive.stat().st_mtime_ns > before)  # type: ignore[misc]
    run.folder.request_stop()
    run.wait_for_end()


CHILDREN = f"""
import pathlib, subprocess, sys, time
{MODEL}
command = [sys.executable, "-c", "import time; time.sleep(600)"]
deaf = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"]
children = [subprocess.Popen(command), subprocess.Popen(command, start_new_session=True)]
children.append(subprocess.Popen(deaf, stdout=subprocess.PIPE))
children[-1].stdout.readline()
with open("children", "a") as file:
    file.write("".join(f"{{child.pid}}\\n" for child in children))
while True:
    step()
    time.sleep(0.001)
"""


class WithChildren:
    """A run whose sides start three processes each: one, one in a session of its own, and one that ignores SIGTERM."""

    def __init__(self, folder: Path) -> None:
        self.run = Comparison(folder, CHILDREN)
        path = folder / "children"
        assert wait_until(lambda: path.exists() and len(path.read_text().split()) == 6)
        self.pids = [int(word) for word in path.read_text().split()]
        self.run.wait_for_steps(3)

    def assert_all_end(self) -> None:
        assert wait_until(lambda: not any(map(is_alive, self.pids)), seconds=10), "processes of the script are left"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes in other sessions are found in /proc alone")
@pytest.mark.parametrize("what", ["stop", pytest.param("kill", marks=pytest.mark.slow)])
def test_the_processes_that_a_script_has_started_end_with_it(what: str, tmp_path: Path) -> None:
    started = WithChildren(tmp_path)
    state = started.run.folder.read()
    if what == "stop":
        started.run.folder.request_stop()
    else:
        for variant in state.variants.values():
            assert variant.pid is not None
            os.kill(variant.pid, signal.SIGKILL)
    started.run.wait_for_end()
    assert started.run.folder.read().status == ("stopped" if what == "stop" else "failed")
    started.assert_all_end()
    log = "".join(started.run.logs)
    for pid in started.pids:
        assert f"gradtui: ended process {pid}, which the script had started: {sys.executable} -c import" in log


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes in other sessions are found in /proc alone")
def test_also_where_it_is_the_supervisor_that_is_killed(tmp_path: Path) -> None:
    started = WithChildren(tmp_path)
    started.run.supervisor.kill()
    started.run.supervisor.wait()
    started.assert_all_end()


@pytest.mark.slow
def test_a_script_that_ends_well_leaves_its_processes_alone_as_python_does(tmp_path: Path) -> None:
    source = f"import subprocess, sys\n{MODEL}\nstep()\n"
    source += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    source += "open('children', 'a').write(f'{child.pid}\\n')\n"
    run = Comparison(tmp_path, source)
    run.wait_for_end()
    assert run.folder.read().status == "finished"
    pids = [int(word) for word in (tmp_path / "children").read_text().split()]
    try:
        assert [is_alive(pid) for pid in pids] == [True, True]
        for pid in pids:
            told = f"still running when it ended: {sys.executable} -c import time; time.sleep(600) (pid {pid})"
            assert told in run.notes
            assert told in "".join(run.logs)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_script_that_writes_into_its_pipe_harms_no_one(tmp_path: Path) -> None:
    source = f"""
    import os
    {MODEL.replace(chr(10), chr(10) + "    ")}
    step()
    for descriptor in range(3, 32):
        try:
            if not os.get_inheritable(descriptor) and os.readlink(f"/proc/self/fd/{{descriptor}}").startswith("pipe:"):
                os.write(descriptor, b'no message\\n{{}}\\n[1]\\n{{"event": 3}}\\n\\xff\\n')
        except OSError:
            pass
    step()
    """
    run = Comparison(tmp_path, source)
    run.wait_for_end()
    assert run.folder.read().status == "finished"
    assert run.steps == (2, 2)


@pytest.mark.slow
def test_a_run_whose_folder_is_deleted_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(QUICK, tmp_path, monkeypatch)
    run = Comparison(tmp_path, f"{MODEL}\nwhile True:\n    step()\n")
    run.wait_for_steps(3)
    run.folder.path.rename(tmp_path / "elsewhere")
    assert run.supervisor.wait(timeout=30) == 0
    assert (tmp_path / "elsewhere" / f"{WITH}.csv").exists()
    assert (tmp_path / "elsewhere" / f"{WITHOUT}.csv").exists()


FLAKY = """
import errno, os, sys
if "gradtui.runs.processes.supervisor" in sys.orig_argv:
    calls = {"stat": 0, "unlink": 0, "replace": 0}
    def flaky(name, wanted):
        sound = getattr(os, name)
        def call(path, *args, **named):
            if os.path.basename(os.fspath(path)) in wanted or (name == "replace" and args[0].name == "run.json"):
                calls[name] += 1
                if calls[name] % 3:
                    raise OSError([errno.ESTALE, errno.EIO, errno.EROFS][calls[name] % 3], "made up", path)
            return sound(path, *args, **named)
        setattr(os, name, call)
    flaky("stat", {"stop", "pause"})
    flaky("unlink", {"step"})
    flaky("replace", ())
"""


@pytest.mark.slow
def test_a_control_file_that_cannot_be_read_now_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_process_runs(FLAKY, tmp_path, monkeypatch)
    run = Comparison(tmp_path, f"import time\n{MODEL}\nwhile True:\n    step()\n    time.sleep(0.001)\n")
    run.wait_for_steps(3)
    run.folder.request_pause()
    assert wait_until(lambda: run.folder.read().status == "paused")
    before = run.steps
    run.folder.request_step()
    assert wait_until(lambda: all(now > then for now, then in zip(run.steps, before, strict=True)))
    assert run.folder.read().status == "paused"
    run.folder.request_resume()
    assert wait_until(lambda: run.folder.read().status == "running")
    run.folder.request_stop()
    run.wait_for_end()
    assert run.folder.read().status == "stopped"


def test_without_such_a_child_nothing_waits(tmp_path: Path) -> None:
    """The processes of one side are found by its own mark and group alone."""
    from gradtui.runs.processes.leftovers import find_leftovers
    from gradtui.runs.processes.spawn import SIDE_MARK

    words = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, SIDE_MARK: "one:0"}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        began = time.monotonic()
        assert list(find_leftovers(child.pid, f"{SIDE_MARK}=one:0")) == [child.pid]
        assert find_leftovers(child.pid, f"{SIDE_MARK}=one:1") == {}
        assert time.monotonic() - began < 5
        child.kill()


SLOW_END = f"""
import os, time
{MODEL}
class Slow:
    def __del__(self):
        if os.path.exists("slow"):
            time.sleep(600)
kept = Slow()
first = not os.path.exists("slow")
open("slow", "a").close()
for _ in range(20 if first else 300):
    step()
"""


@pytest.mark.slow
def test_a_side_whose_process_is_slow_to_end_does_not_hold_the_other_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_process_runs(IMPATIENT, tmp_path, monkeypatch)
    run = Comparison(tmp_path, SLOW_END)
    run.wait_for_end()
    assert run.folder.read().status == "finished"
    assert max(run.steps) == 300


@pytest.mark.slow
def test_exec_that_fails_changes_nothing(tmp_path: Path) -> None:
    source = f"""
import os
{MODEL}
step()
for name in ("no-such-launcher", __file__):
    try:
        os.execvp(name, [name])
    except OSError:
        step()
"""
    run = Comparison(tmp_path, source)
    run.wait_for_end()
    assert run.folder.read().status == "finished"
    assert run.steps == (3, 3)


UNREADABLE = """
import errno, os, sys
if {process!r} in sys.orig_argv:
    sound, left = os.open, [2]
    def flaky(path, *args, **named):
        if left[0] and os.fspath(path).endswith("run.json"):
            left[0] -= 1
            raise OSError(errno.EIO, "made up", path)
        return sound(path, *args, **named)
    os.open = flaky
"""


@pytest.mark.slow
@pytest.mark.parametrize("process", ["gradtui.runs.processes.supervisor", "gradtui.compare.script_worker"])
def test_a_run_json_that_cannot_be_read_for_a_moment_is_read_again(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_process_runs(UNREADABLE.format(process=process), tmp_path, monkeypatch)
    run = Comparison(tmp_path, f"{MODEL}\nstep()\n")
    run.wait_for_end()
    assert run.folder.read().status == "finished"


def test_a_signal_at_the_very_start_stops_the_run(tmp_path: Path) -> None:
    runs = [Comparison(tmp_path, f"{MODEL}\nwhile True:\n    step()\n") for _ in range(2)]
    for run, seconds in zip(runs, (0, 0.05), strict=True):
        time.sleep(seconds)
        run.supervisor.terminate()
    for run in runs:
        run.wait_for_end()
        assert run.folder.observe().status == "stopped"


DAEMONS = f"""
import os, subprocess, time
{MODEL}
bare = subprocess.Popen(["/bin/sleep", "777"], env={{}}, start_new_session=True)
for _ in range(10):
    if os.fork() == 0:
        if os.fork() == 0:
            os.execve("/bin/true", ["true"], {{}})
        os.kill(os.getpid(), 9)
    os.wait()
if os.fork() == 0:
    os.setsid()
    if (daemon := os.fork()) == 0:
        os.execve("/bin/sleep", ["sleep", "778"], {{}})
    with open("daemons", "a") as file:
        file.write(f"{{bare.pid}}\\n{{daemon}}\\n")
    os.kill(os.getpid(), 9)
os.wait()
while True:
    step()
    time.sleep(0.001)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_daemons_with_an_environment_of_their_own_are_ended_too(tmp_path: Path) -> None:
    run = Comparison(tmp_path, DAEMONS)
    run.wait_for_steps(3)
    pids = [int(word) for word in (tmp_path / "daemons").read_text().split()]
    children = Path(f"/proc/{run.supervisor.pid}/task/{run.supervisor.pid}/children")
    try:
        assert len(pids) == 4
        # Two sides and two daemons; a bare process is a child of its side until that ends. No zombie stays.
        assert wait_until(lambda: len(children.read_text().split()) == 4, seconds=5)
        run.folder.request_stop()
        run.wait_for_end()
        assert not any(map(is_alive, pids))
        log = "".join(run.logs)
        assert all(f"gradtui: ended process {pid}, which the script had started: " in log for pid in pids)
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
