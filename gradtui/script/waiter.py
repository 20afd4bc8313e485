"""What is left of a process whose script has called exec: it waits for the new program.

It runs as a separate file, without gradtui: ``python waiter.py PROCESS CODE TEXT OUT``. PROCESS is the program's process ID,
CODE the exit code to use if the program's own is 0, TEXT and OUT are file descriptors (-1: none): once the program has ended,
TEXT is copied to OUT.
"""

import contextlib
import os
import resource
import signal
import sys

SIGNALS = (
    signal.SIGCHLD,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""The signals to pass on, plus SIGCHLD, which reports the end. They are blocked before this starts, so none is lost."""


def wait(child: int, code: int, text: int, out: int) -> None:
    """Wait for the program, print the last words, and exit as the program did."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    status = None
    while status is None:
        try:
            ended, ending = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:  # this process ignores SIGCHLD, so the status is lost
            status = 0
        else:
            status = ending if ended else None
        if status is None:
            _pass_on_next_signal(child)
    _copy(text, out)
    if os.WIFSIGNALED(status):
        _die_of(os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) or code)


def _pass_on_next_signal(child: int) -> None:
    if hasattr(signal, "sigwaitinfo"):
        told = signal.sigwaitinfo(SIGNALS)
        number, by_terminal = told.si_signo, told.si_code > 0
    else:
        number = signal.sigwait(SIGNALS)
        by_terminal = number in (signal.SIGINT, signal.SIGQUIT)
    if number != signal.SIGCHLD and not by_terminal:  # the terminal signals the program too, as with ctrl+c
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)


def _copy(text: int, out: int) -> None:
    with contextlib.suppress(OSError):  # the reader is gone; the exit code still tells
        while block := memoryview(os.read(text, 65536)):
            while block:
                block = block[os.write(out, block) :]


def _die_of(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has already left its own core dump
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # an ignored signal cannot be waited for
    process, exit_code, text_file, out_file = map(int, sys.argv[1:])
    with contextlib.suppress(OSError):  # do not hold the script's other files open
        for name in os.listdir("/dev/fd"):
            if int(name) > 2 and int(name) not in (text_file, out_file):
                with contextlib.suppress(OSError):
                    os.close(int(name))
    wait(process, exit_code, text_file, out_file)
