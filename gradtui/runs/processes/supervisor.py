"""The process that owns a run: ``gradtui.runs.processes.supervisor RUN_FOLDER``, or ``... --warm LOCK``.

It starts a worker for each variant, grants turns, acts on the request files in the folder, and writes run.json. A warm
supervisor has no folder yet: its workers import torch and wait, and it reads the folder from standard input. If that ends
first, it ends with its workers. LOCK is the file that it has locked since its start; see launch.py.

A hanging worker is only reported, in run.json's ``note``, because a step may take long. With ``schedule=turns`` it keeps
its turn, so the other variant waits: next to a process that may be computing, its times would not be comparable. A user
who does not want to wait stops the run, which kills the hanging worker and ends the other one in order.

If one variant fails (full disk, out of memory, a bug), the other keeps running, and fails by itself if it has the same
problem.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradtui import private
from gradtui.runs.atomic import NO_SPACE, reason
from gradtui.runs.folder import RunFolder
from gradtui.runs.processes.leftovers import adopt_orphans, end_descendants, log_ended, reap_orphans
from gradtui.runs.processes.spawn import SIDE_MARK, STOPPING
from gradtui.runs.processes.worker_process import ASK_SCRIPT_SECONDS, HANG_SECONDS, WorkerProcess
from gradtui.runs.state import DamagedRun, RunState, now, with_variant

SCRIPT_WORKER = "gradtui.compare.script_worker"

TURN_SECONDS = 0.08
"""Long, because the first steps of a turn are slow (cold caches, sleeping threads); short enough to stop within 200 ms and
to have rows on disk within 100 ms."""

POLL_SECONDS = 0.03
NO_LIMIT = 1_000_000_000
STATE_SECONDS = 2.0
"""How often to write progress to run.json, besides every change of status, and to show that the supervisor is alive."""
END_SECONDS = 60.0
"""How long to keep trying to write the last run.json to an unreachable home."""
MISSED_LOOKS = 3
"""After this many consecutive checks, one per STATE_SECONDS, that find no run folder, the run counts as deleted."""


class SupervisedRun:
    """A run in progress: its workers, its turns and its state."""

    def __init__(self, folder: RunFolder, workers: list[WorkerProcess]) -> None:
        self.folder = folder
        self.state: RunState = replace(folder.read(), started=now())
        self.names = list(self.state.variants)
        self.workers = workers
        self._queue: list[WorkerProcess] = []
        self._order = [0, 1]
        self._stopping = False
        self._pausing = False
        self._missed = 0
        self._written = 0.0
        for worker, name in zip(workers, self.names, strict=True):
            self.state = with_variant(self.state, name, pid=worker.process.pid)
            worker.send(run=str(folder.path), side=worker.side)

    def supervise(self) -> None:
        """Supervise until both variants have ended. No wait here is unbounded."""
        self.folder.reserve()
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.stdout, selectors.EVENT_READ, worker)
            self._write()
            while not all(worker.ended for worker in self.workers):
                for key, _ in selector.select(POLL_SECONDS):
                    self._listen_to(key.data)
                    if key.data.pipe_ended:
                        selector.unregister(key.fileobj)
                self._reap_exited()
                self._obey_requests()
                self._hand_out_turns()
                self._note_hangs()
                if time.monotonic() - self._written > STATE_SECONDS:
                    self._write()
                    self._stop_if_deleted()
                reap_orphans([worker.process.pid for worker in self.workers if not worker.ended])
        self._end_daemons()
        statuses = {variant.status for variant in self.state.variants.values()}
        worst = next(status for status in ("failed", "stopped", "finished") if status in statuses)
        self.state = replace(self.state, status=worst, ended=now())
        self.folder.release()  # only now: earlier, the workers would have used it up
        self._write_end()

    def request_stop(self) -> None:
        self._stopping = True

    def _listen_to(self, worker: WorkerProcess) -> None:
        for event in worker.events():
            with suppress(KeyError, TypeError):  # not our message: a script can write to any descriptor
                self._heed(worker, event)

    def _heed(self, worker: WorkerProcess, event: dict[str, Any]) -> None:
        name = self.names[worker.side]
        match event["event"]:
            case "ready":
                worker.ready = True
                if event["device"] is not None:  # a script's is known once its first backward() begins
                    worker.begin_training()
                self.state = replace(
                    self.state,
                    device=event["device"],
                    device_name=event["device_name"],
                    versions={**self.state.versions, "torch": event["torch"]},
                )
            case "turn ended":
                worker.end_turn()
                self._change(name, steps=event["step"])
                self._note_memory(name, event)
            case "ended":
                worker.report_end()
                self._change(name, status=event["status"], reason=event["reason"])
                self._note_memory(name, event)

    def _reap_exited(self) -> None:
        """Record how exited workers ended; kill workers that linger after their pipes have closed."""
        for worker, name in zip(self.workers, self.names, strict=True):
            if worker.ended or not (worker.exited or (worker.leaving and not worker.lingers())):
                continue
            self._listen_to(worker)  # its last messages
            finished = self.state.variants[name].status == "finished"
            died = worker.reap(self.folder.log(name), self.folder.notes(name), alone=finished)
            if self.state.variants[name].status == "running":
                self._change(name, status="failed", reason=died)
            self._change(name, pid=None, steps=self.folder.count_steps(name))
            self._write()

    def _end_daemons(self) -> None:
        """End what a script started and :meth:`WorkerProcess.reap` missed, unless both sides finished by themselves."""
        unfinished = [name for name in self.names if self.state.variants[name].status != "finished"]
        if self.state.settings.can.leave_processes and unfinished:
            ended = end_descendants([pid for worker in self.workers for pid in worker.left_alone])
            log_ended(self.folder.log(unfinished[0]), ended)

    def _note_hangs(self) -> None:
        for worker in self.workers:
            worker.look()
        hanging = [self.names[worker.side] for worker in self.workers if worker.hangs]
        note = "; ".join(f"{name}: no step for {HANG_SECONDS:g} s" for name in hanging) or None
        if note != self.state.note:
            self.state = replace(self.state, note=note)
            self._write()

    def _note_memory(self, name: str, event: dict[str, Any]) -> None:
        first = self.state.variants[name].memory_first_mb or event["now_mb"]
        self._change(name, peak_memory_mb=event["peak_mb"], memory_first_mb=first, memory_last_mb=event["now_mb"])

    def _change(self, name: str, **changes: Any) -> None:
        self.state = with_variant(self.state, name, **changes)

    def _obey_requests(self) -> None:
        self._stopping = self._stopping or bool(self.folder.stop_requested)
        asked_to_pause = self.folder.pause_requested
        if asked_to_pause is not None:
            self._pausing = asked_to_pause
        paused = self._pausing and not self._stopping
        status = "paused" if paused else "running"
        if status != self.state.status:
            self.state = replace(self.state, status=status)
            self._write()
        if self._stopping:
            for worker, name in zip(self.workers, self.names, strict=True):
                if not worker.ended and worker.stop() and self.state.variants[name].status == "running":
                    self._change(name, status="stopped")

    def _hand_out_turns(self) -> None:
        if self._stopping:
            return
        alive = [worker for worker in self.workers if not (worker.ended or worker.leaving)]
        if not all(worker.ready for worker in alive):
            return  # both start together
        if self.state.status == "paused":
            if not any(worker.computing for worker in alive) and self.folder.take_step_request():
                for worker in alive:
                    worker.give_turn(TURN_SECONDS, steps=1)
            return
        if self.state.settings.schedule == "parallel":
            chosen = [worker for worker in alive if worker.due]
        elif any(worker.computing for worker in alive):
            chosen = []
        else:
            chosen = self._next_in_turn()
        pace = self.state.settings.pace
        for worker in chosen:
            worker.give_turn(TURN_SECONDS, steps=max(1, round(pace * TURN_SECONDS)) if pace else NO_LIMIT, pace=pace)

    def _next_in_turn(self) -> list[WorkerProcess]:
        """The worker whose turn it is, if any: left right, right left, left right, so that neither is always first."""
        for _ in range(2):
            while self._queue:
                worker = self._queue.pop(0)
                if worker.due:
                    return [worker]
            self._queue = [self.workers[side] for side in self._order]
            self._order.reverse()
        return []

    def _write(self) -> None:
        """Write progress to run.json. A full disk is no error yet: the workers may still find space, or report the failure."""
        self._written = time.monotonic()
        self.folder.beat()
        with suppress(OSError):
            self.folder.write(self.state)

    def _write_end(self) -> None:
        """Write the last run.json, with retries: a briefly unreachable home must not make the run look lost."""
        deadline = time.monotonic() + END_SECONDS
        while True:
            self.folder.beat()
            try:
                self.folder.write(self.state)
            except (FileNotFoundError, NotADirectoryError):
                return  # the run was deleted
            except OSError as error:
                if error.errno in NO_SPACE or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS * 10)
            else:
                return

    def _stop_if_deleted(self) -> None:
        """Stop a run whose folder is gone, because nobody else can."""
        self._missed = self._missed + 1 if self.folder.is_gone else 0
        if self._missed == MISSED_LOOKS:
            self.request_stop()


def _workers_of(folder: RunFolder, umask: int) -> list[WorkerProcess]:
    """Start cold workers. A user's script gets the user's own ``umask``."""
    settings = folder.read().settings
    if not settings.can.run_script:
        return [WorkerProcess(0), WorkerProcess(1)]
    adopt_orphans()
    # Both sides see sets of strings in the same order; a hash seed that the user has set is kept.
    shared = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED") or str(settings.seed % 2**32)}
    return [
        WorkerProcess(side, SCRIPT_WORKER, {**shared, SIDE_MARK: f"{folder.path}:{side}"}, umask, ASK_SCRIPT_SECONDS)
        for side in (0, 1)
    ]


def _assigned(lock: Path) -> RunFolder | None:
    """Wait for the run of a warm supervisor; None if its starter ends first."""
    path, end, _ = sys.stdin.buffer.read().partition(b"\0")
    if not end:
        with suppress(OSError):
            lock.unlink()
        return None
    folder = RunFolder(Path(os.fsdecode(path)))
    log = private.appending(folder.supervisor_log)
    os.dup2(log, 1)
    os.dup2(log, 2)
    return folder


def _not_started(folder: RunFolder, error: OSError) -> str:
    """Say why the run did not start, in a line for the log; also write it to run.json if that is still possible."""
    what = "no space left for" if error.errno in NO_SPACE else "cannot write"
    why = f"{what} {error.filename} ({reason(error, error.filename)})"
    folder.release()
    with suppress(OSError, DamagedRun):
        state = folder.read()
        for name in state.variants:
            state = with_variant(state, name, status="failed", reason=why)
        folder.write(replace(state, status="failed", ended=now()))
    return why


def _on_signals(call: Callable[[int], None]) -> None:
    """Call ``call`` for every signal that asks the run to stop, including those held back since before the start."""
    for number in STOPPING:
        signal.signal(number, lambda number, _: call(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def main() -> None:
    umask = os.umask(0o077)  # run folders are private to their user
    early: list[int] = []  # signals that came before there was a run to stop
    if sys.argv[1] == "--warm":
        workers = [WorkerProcess(0), WorkerProcess(1)]
        assigned = _assigned(Path(sys.argv[2]))
        if assigned is None:
            return  # the workers see their input end
        folder = assigned
        _on_signals(early.append)
    else:
        _on_signals(early.append)
        folder = RunFolder(Path(sys.argv[1]))
        workers = _workers_of(folder, umask)
    with ExitStack() as stack:
        try:
            stack.enter_context(folder.alive())
            run = SupervisedRun(folder, workers)
        except OSError as error:
            sys.exit(_not_started(folder, error))
        _on_signals(lambda _: run.request_stop())
        if early:
            run.request_stop()
        run.supervise()


if __name__ == "__main__":
    main()
