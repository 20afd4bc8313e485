"""What is left of a process whose script has put another program in its place: it waits for that program.

It runs as a file of its own, without gradtui: ``python waiter.py PROCESS CODE TEXT OUT``. PROCESS is the program's, CODE the
exit code where the program's own is 0, TEXT and OUT are open files (-1: none): once the program has ended, the one is
copied to the other.
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
"""Those that are passed on, and the one that tells of the end. They are blocked when this begins, so that none is lost."""


def wait(child: int, code: int, text: int, out: int) -> None:
    """Wait for the program, say what is to be said, and end as it has ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    status = None
    while status is None:
        try:
            ended, ending = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:  # its parent was told to ignore how children end
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
    if number != signal.SIGCHLD and not by_terminal:  # the terminal, as with ctrl+c, has told the program too
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)


def _copy(text: int, out: int) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more; the exit code still tells
        while block := memoryview(os.read(text, 65536)):
            while block:
                block = block[os.write(out, block) :]


def _die_of(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left its own
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # one that is ignored is not waited for
    process, exit_code, text_file, out_file = map(int, sys.argv[1:])
    with contextlib.suppress(OSError):  # others of the script's open files are not to be held open
        for name in os.listdir("/dev/fd"):
            if int(name) > 2 and int(name) not in (text_file, out_file):
                with contextlib.suppress(OSError):
                    os.close(int(name))
    wait(process, exit_code, text_file, out_file)
