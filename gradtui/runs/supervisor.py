"""The process that owns a run: ``python -m gradtui.runs.supervisor [RUN FOLDER]``.

It starts a worker for each variant, hands out turns, does what the request files in the folder ask for, and writes
run.json. Without a folder it is warm: its workers import torch and wait, and the folder is read from standard input;
where that ends first, all of them end.

A worker that hangs is told in run.json's ``note``, and no more: a step may take long. With ``schedule=turns`` it keeps
its turn meanwhile, so the other variant waits: beside a process that may be computing its times would not compare.
Whoever does not want to wait stops the run, which then ends the one that hangs by force and the other in order.

A variant that fails (a full disk, no memory, a bug) leaves the other alone: it goes on, and fails by itself where it has
the same trouble.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradtui.runs.atomic import NO_SPACE, reason
from gradtui.runs.folder import RunFolder
from gradtui.runs.state import DamagedRun, RunState, now, with_variant
from gradtui.runs.worker import ASK_SCRIPT_SECONDS, HANG_SECONDS, Worker

SCRIPT_WORKER = "gradtui.training.script.worker"

TURN_SECONDS = 0.08
"""Long, as the first steps of a turn are slow (caches cold, threads asleep); short enough to stop within 200 ms, and to
have rows on disk within 100 ms."""

POLL_SECONDS = 0.03
NO_LIMIT = 1_000_000_000
STATE_SECONDS = 2.0
"""How often run.json tells how far the variants are, beside every change of status, and that the supervisor lives."""


class Run:
    """A run under way: its workers, its turns and its state."""

    def __init__(self, folder: RunFolder, workers: list[Worker]) -> None:
        self.folder = folder
        self.state: RunState = replace(folder.read(), started=now())
        self.names = list(self.state.variants)
        self.workers = workers
        self._queue: list[Worker] = []
        self._order = [0, 1]
        self._stopping = False
        self._written = 0.0
        for worker, name in zip(workers, self.names, strict=True):
            self.state = with_variant(self.state, name, pid=worker.process.pid)
            worker.send(run=str(folder.path), side=worker.side)

    def supervise(self) -> None:
        """Until both variants have ended."""
        self.folder.reserve()
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.stdout, selectors.EVENT_READ, worker)
            self._write()
            while not all(worker.ended for worker in self.workers):
                for key, _ in selector.select(POLL_SECONDS):
                    worker = key.data
                    for event in worker.events():
                        self._heed(worker, event)
                    if worker.ended:
                        selector.unregister(worker.stdout)
                self._obey_requests()
                self._hand_out_turns()
                self._note_hangs()
                if time.monotonic() - self._written > STATE_SECONDS:
                    self._write()
        statuses = {variant.status for variant in self.state.variants.values()}
        worst = next(status for status in ("failed", "stopped", "finished") if status in statuses)
        self.state = replace(self.state, status=worst, ended=now())
        self.folder.release()  # only now: before, the workers would have used it up
        self.folder.write(self.state)

    def request_stop(self) -> None:
        self._stopping = True

    def _heed(self, worker: Worker, event: dict[str, Any]) -> None:
        name = self.names[worker.side]
        match event.get("event"):
            case "ready":
                worker.ready = True
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
                worker.end_turn()
                self._change(name, status=event["status"], reason=event["reason"])
                self._note_memory(name, event)
            case None:  # its output has ended, and so has it
                worker.ended, worker.computing = True, False
                died = worker.how_it_died(self.folder.log(name))
                if self.state.variants[name].status == "running":
                    self._change(name, status="failed", reason=died)
                self._change(name, pid=None, steps=self.folder.count_steps(name))
                self._write()

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
        self._stopping = self._stopping or self.folder.stop_requested
        paused = self.folder.pause_requested and not self._stopping
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
        alive = [worker for worker in self.workers if not worker.ended]
        if not all(worker.ready for worker in alive):
            return  # both begin together
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

    def _next_in_turn(self) -> list[Worker]:
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
        """Say how far the run is. Where the disk is full that waits: the workers may still find room, or fail by name."""
        self._written = time.monotonic()
        self.folder.beat()
        with suppress(OSError):
            self.folder.write(self.state)


def _workers_of(folder: RunFolder, umask: int) -> list[Worker]:
    """Cold workers. A user's script gets the user's own ``umask``."""
    settings = folder.read().settings
    if settings.script is None:
        return [Worker(0), Worker(1)]
    # Both sides see sets of strings in the same order; what a user has set himself stands.
    shared = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED") or str(settings.seed % 2**32)}
    return [Worker(side, SCRIPT_WORKER, shared, umask, ASK_SCRIPT_SECONDS) for side in (0, 1)]


def _not_started(folder: RunFolder, error: OSError) -> str:
    """Why, in a line for the log; in run.json too if that can still be written."""
    what = "no space left for" if error.errno in NO_SPACE else "cannot write"
    why = f"{what} {error.filename} ({reason(error, error.filename)})"
    folder.release()
    with suppress(OSError, DamagedRun):
        state = folder.read()
        for name in state.variants:
            state = with_variant(state, name, status="failed", reason=why)
        folder.write(replace(state, status="failed", ended=now()))
    return why


def main() -> None:
    umask = os.umask(0o077)  # run folders are their user's alone
    workers = _workers_of(RunFolder(Path(sys.argv[1])), umask) if len(sys.argv) > 1 else [Worker(0), Worker(1)]
    path = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.readline().rstrip("\n")
    if not path:
        return  # nobody needs us any more; the workers see their input end
    folder = RunFolder(Path(path))
    if len(sys.argv) == 1:  # a warm one says from now on in the run's log what it has to say
        log = os.open(folder.supervisor_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
    with ExitStack() as stack:
        try:
            stack.enter_context(folder.alive())
            run = Run(folder, workers)
        except OSError as error:
            sys.exit(_not_started(folder, error))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: run.request_stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        run.supervise()


if __name__ == "__main__":
    main()
