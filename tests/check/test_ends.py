"""However a script ends, the command reports, or ends with an error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.check.forks import ROOT, Forks
from tests.check.test_program import LOOP, STALE
from tests.conftest import wait_until

EXEC_LINE = "what ran after the script had replaced itself (exec of "


def _assert_report(run_out: str, verdict: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run_out.splitlines()[-1])
    assert report["verdict"] == verdict
    return report


# os._exit


@pytest.mark.parametrize(("source", "verdict", "clean_code"), [(LOOP, "clean", 0), (STALE, "stale gradients", 1)])
@pytest.mark.parametrize(
    "end",
    [
        "import os; os._exit({code})",
        "from os import _exit; _exit({code})",
        "import os; os._exit({code} - 2**31)",
        "import os, types; os._exit(type('', (), {{'__index__': lambda self: {code}}})())",
        "import os, threading; threading.Thread(target=os._exit, args=({code},)).start(); threading.Event().wait()",
        "import atexit, os; atexit.register(os._exit, {code})",
        "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit({code}))\nos.kill(os.getpid(), signal.SIGTERM)",
        "import sys, signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))\nsignal.raise_signal(signal.SIGTERM)",
    ],
)
def test_script_that_leaves_at_once_is_reported(forks: Forks, end: str, source: str, verdict: str, clean_code: int) -> None:
    for code in (0, 5):
        run = forks.check(f"{source}{end.format(code=code)}\n")
        assert (run.code, run.err) == (code or clean_code, "")
        report = _assert_report(run.out, verdict)
        assert (report["steps"], report["script_exit_code"]) == (10, code)


def test_what_python_buffers_when_it_leaves_at_once_is_lost_as_under_python(forks: Forks) -> None:
    source = LOOP + "import os, sys\nsys.stdout = open(1, 'w', closefd=False)\nprint('buffered')\n"
    source += "os.write(1, b'written\\n')\nos._exit(0)\n"
    plain = forks.run(["script.py"], {"script.py": source}, way="python")
    assert plain.out == "written\n"
    assert forks.check(source).out.splitlines()[0] == "written"
    assert "buffered" not in forks.check(source).out


@pytest.mark.slow
def test_leaving_at_once_after_the_report_does_not_make_a_finding_green(forks: Forks) -> None:
    """From a daemon thread, which lives on until python is gone."""
    end = "import os, threading, time\n"
    end += "class Late:\n    def __del__(self, leave=os._exit):\n        leave(0)\nlate = Late()\nimport sys; sys.late = late\n"
    run = subprocess_check(STALE + end)
    assert run.returncode == 1


@pytest.mark.parametrize("leave", ["os._exit(7)", "os.execv('/bin/sh', ['sh', '-c', 'exit 7'])", "sys.exit(7)"])
def test_forked_child_that_leaves_at_once_or_replaces_itself_is_let_be(forks: Forks, leave: str) -> None:
    source = f"import os, sys\npid = os.fork()\nif pid == 0:\n    {leave}\n"
    source += "print('status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    run = forks.check(source + LOOP)
    assert run.out.splitlines()[0] == "status 7"
    assert (run.code, run.err, run.out.count('"optimizers"')) == (0, "", 1)


def test_processes_of_the_scripts_own_work_as_ever(forks: Forks) -> None:
    source = """\
import multiprocessing, os, subprocess, sys
def work(number):
    return number * 2
if __name__ == "__main__":
    print(multiprocessing.get_context("fork").Pool(2).map(work, range(4)))
    print(subprocess.run([sys.executable, "-c", "import os; os._exit(4)"]).returncode)
    print(os.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "exit 3"]), os.system("exit 2") >> 8, os.popen("echo 5").read().strip())
"""
    run = forks.check(source + LOOP)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[:3] == ["[0, 2, 4, 6]", "4", "3 2 5"]


# exec

AGAIN = "import os, sys\nif 'AGAIN' not in os.environ:\n    os.environ['AGAIN'] = '1'\n    {before}\n    {call}\n"


@pytest.mark.parametrize(
    "call",
    [
        "os.execv(sys.executable, [sys.executable, *sys.argv])",
        "os.execve(sys.executable, (sys.executable, *sys.argv), os.environ)",
        "os.execl(sys.executable, sys.executable, *sys.argv)",
        "os.execvp('python', [sys.executable, *sys.argv])",
        "os.execvpe('python', ['python', *sys.argv], os.environ | {'PATH': '/none:' + os.environ['PATH']})",
        "os.execv(sys.executable, sys.orig_argv)",
        "import threading; t = threading.Thread(target=os.execv, args=(sys.executable, sys.orig_argv)); t.start(); t.join()",
    ],
)
def test_script_that_replaces_itself_runs_on_and_is_told_as_not_watched(forks: Forks, call: str) -> None:
    source = AGAIN.format(before="os.environ['PATH'] = os.path.dirname(sys.executable)", call=call)
    run = forks.check(source + "print('again with', sys.argv[1:], __name__)\n", arguments=["--lr", "1"])
    assert run.out.splitlines()[0] == "again with ['--lr', '1'] __main__"
    assert run.code == 3
    report = _assert_report(run.out, "not watched")
    (note,) = report["notes"]
    assert note["message"].startswith(EXEC_LINE)


def test_what_was_seen_before_it_replaced_itself_is_reported(forks: Forks) -> None:
    run = forks.check(STALE + "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo another'])\n")
    assert (run.out.splitlines()[0], run.code) == ("another", 1)
    _assert_report(run.out, "stale gradients")
    as_text = forks.run(["script.py"], {"script.py": LOOP + "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 0'])\n"})
    assert as_text.code == 3
    assert f"  not watched: {EXEC_LINE}/bin/sh)" in as_text.out.splitlines()


def test_program_that_took_over_keeps_its_own_error(forks: Forks) -> None:
    assert forks.check(STALE + "import os\nos.execv('/bin/sh', ['sh', '-c', 'exit 9'])\n").code == 9
    assert forks.check("import os\nos.execv('/bin/sh', ['sh', '-c', 'kill -9 $$'])\n").code == -9


def test_program_that_cannot_take_over_is_an_error_that_the_script_may_catch(forks: Forks) -> None:
    source = """\
import os
for path, words in (("/none", ["x"]), ("/etc/passwd", ["x"]), ("/bin/sh", []), ("/bin/sh", "text"), (3.5, ["x"])):
    try:
        os.execv(path, words)
    except Exception as error:
        print(repr(error))
"""
    plain = forks.run(["script.py"], {"script.py": source}, way="python")
    run = forks.check(source + LOOP)
    assert run.out.splitlines()[:5] == plain.out.splitlines()
    assert len(plain.out.splitlines()) == 5
    assert run.code == 0


def test_replaced_program_has_the_signal_mask_open_files_and_handlers_that_exec_gives(forks: Forks) -> None:
    show = "import os, signal; print(signal.pthread_sigmask(0, []), signal.getsignal(signal.SIGHUP))"
    source = f"""\
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: None)
read, write = os.pipe()
os.set_inheritable(read, True)
os.write(write, b"through a pipe")
os.execv(sys.executable, [sys.executable, "-c", {show!r} + "; print(os.read(" + str(read) + ", 99))"])
"""
    plain = forks.run(["script.py"], {"script.py": source}, way="python")
    run = forks.check(source)
    assert run.out.splitlines()[: len(plain.out.splitlines())] == plain.out.splitlines()
    assert "through a pipe" in plain.out
    assert run.code == 3


def subprocess_check(source: str, folder: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "gradtui", "check", "--json", "/dev/stdin"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        words, input=source, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False, **options
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_program_that_took_over(tmp_path: Path, number: signal.Signals) -> None:
    second = "trap 'echo heard > heard; exit 6' TERM INT USR1; echo $$ > pid; while :; do sleep 0.05; done"
    (tmp_path / "script.py").write_text(f"import os\nos.execv('/bin/sh', ['sh', '-c', {second!r}])\n", encoding="utf-8")
    words = [sys.executable, "-m", "gradtui", "check", "script.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(encoding="utf-8").endswith("\n"))
    process.send_signal(number)
    assert process.wait(20) == 6
    assert (tmp_path / "heard").exists()


# Killed


@pytest.mark.parametrize(
    ("end", "code"),
    [("os.abort()", -6), ("os.kill(os.getpid(), 9)", -9), ("os.kill(os.getpid(), signal.SIGTERM)", -15)],
)
def test_killed_script_is_an_error(forks: Forks, end: str, code: int) -> None:
    assert forks.check(f"import os, signal\n{LOOP}{end}\n").code == code


# Nothing stepped

LAYER = "import torch\nlayer = torch.nn.Linear(3, 1)\n"
BY_HAND = (
    LAYER
    + """\
for _ in range(5):
    layer(torch.ones(2, 3)).sum().backward()
    for p in layer.parameters():
        p.data.sub_(p.grad)
"""
)


@pytest.mark.parametrize(
    ("source", "arguments", "reason"),
    [
        (
            "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'pass'])\n",
            [],
            "no optimizer of torch.optim stepped in this process; the processes that it started are not watched",
        ),
        (BY_HAND, [], "backward() ran, but no optimizer of torch.optim stepped; a step written by hand is not watched"),
        (LAYER + "optimizer = torch.optim.Adam(layer.parameters())\n", [], "step() of Adam was never called in this process"),
        (LAYER, [], "no optimizer of torch.optim stepped in this process"),
        (
            "import argparse\nargparse.ArgumentParser().parse_args()\nimport torch\n",
            ["--help"],
            "the script was asked for help, not to train",
        ),
    ],
)
def test_script_in_which_nothing_steps_is_exit_code_3_and_one_line(
    forks: Forks, source: str, arguments: list[str], reason: str
) -> None:
    run = forks.run(["script.py", *arguments], {"script.py": source})
    assert (run.code, run.err) == (3, "")
    assert [line for line in run.out.splitlines() if "gradtui" in line] == [f"gradtui check: no steps: {reason}"]
    assert run.out.splitlines()[-1].startswith("gradtui check")
    as_json = forks.check(source, arguments=arguments)
    report = _assert_report(as_json.out, "no steps")
    assert (as_json.code, report["findings"]) == (3, [])
    assert report["notes"] == [{"kind": "no steps", "message": reason, "where": None}]


def test_script_that_crashed_before_any_step_is_told_as_crashed(forks: Forks) -> None:
    run = forks.run(["script.py"], {"script.py": "import torch\nraise SystemExit(4)\n"})
    assert run.code == 4
    assert run.out == "\ngradtui check: the script failed (exit code 4) before any optimizer stepped\n"


def test_excepthook_of_the_script_may_fail(forks: Forks) -> None:
    source = "import sys\ndef hook(*args):\n    raise KeyError('hook')\nsys.excepthook = hook\nraise ValueError('mine')\n"
    run = forks.check(source)
    assert run.code == 1
    assert run.err.splitlines()[0] == "Error in sys.excepthook:"
    assert run.err.splitlines()[-1] == "ValueError: mine"
    assert "gradtui" not in run.err


# A report that cannot be written


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", "os._exit(0)", "sys.stdout.flush(); os.execv('/bin/true', ['true'])"])
@pytest.mark.parametrize(("source", "code"), [(LOOP, 3), (STALE, 1)])
def test_report_is_not_written_to_a_file_that_got_its_descriptor(tmp_path: Path, source: str, code: int, end: str) -> None:
    weights = tmp_path / "weights"
    source += f"import os, sys\nos.closerange(3, 256)\nfiles = [open({str(weights)!r}, 'ab', 0) for _ in range(9)]\n"
    source += "files[0].write(b'weights')\n[os.set_inheritable(each.fileno(), True) for each in files]\n"
    run = subprocess_check(f"{source}{end}\n")
    assert weights.read_bytes() == b"weights"
    assert run.returncode == code
    assert "no report: the script has closed every descriptor of standard output" in run.stderr


def test_report_that_an_exit_of_the_script_interrupts_is_not_green(forks: Forks) -> None:
    for leave, code in (("sys.exit(0)", 3), ("os._exit(0)", 3), ("sys.exit(7)", 7)):
        for place in ("write", "fstat"):  # as a signal handler does that runs at that moment
            head = f"import os, sys\nold = os.{place}\ndef leave(*_):\n    os.{place} = old\n    {leave}\n"
            run = forks.check(f"{LOOP}{head}os.{place} = leave\n")
            assert run.code == code, (leave, place)
