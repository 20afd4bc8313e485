"""Runs without a screen: what ``gradtui run`` and ``gradtui list`` print."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from gradtui.cifar10 import DataMissing
from gradtui.cifar10.files import download_place, find
from gradtui.cli.step_lines import StepLines
from gradtui.printing import printable, write_over
from gradtui.runs.export import csv_export as export
from gradtui.runs.export.destination import check_target
from gradtui.runs.folder import RunFolder, all_runs, create_run
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.results import claims, table
from gradtui.runs.results.reader import RunReader
from gradtui.runs.results.wording import duration, number, percent
from gradtui.runs.state import DELETED, DamagedRun, DeletedRun, RunState
from gradtui.runs.tail import Columns
from gradtui.settings import RunSettings

POLL_SECONDS = 0.1


def run(settings: RunSettings, *, csv: Path | None, as_json: bool) -> int:
    """Run to the end: progress to stderr, results to stdout; the exit code of ``gradtui run``.

    Raises ExportError, HomeError and SettingsError before anything is started.
    """
    if csv is not None and str(csv) != "-":
        check_target(csv, overwrite=False)
    if settings.download:
        _download(settings)
    launch.check(settings)
    interrupts = _Interrupts()  # before there is a run: one that nobody follows would train on
    folder = create_run(settings)
    supervisor = launch.start_supervisor(folder)
    interrupts.stop(folder, supervisor)
    try:
        reader = RunReader(folder)
    except DamagedRun:  # already: nobody would see what it trains
        supervisor.terminate()
        supervisor.wait()
        raise
    lines = EpochLines if settings.script is None else StepLines
    progress = Bar(reader) if sys.stderr.isatty() else lines(reader)
    _follow(reader, supervisor, progress)
    if reader.state.live:  # the run has ended, and how cannot be read
        folder.read()
    if reader.state.status == DELETED:
        csv = None  # there are no rows to export

    folder.mark_seen()

    results = reader.results()
    if as_json:
        print(json.dumps(results.as_json(), allow_nan=False))
    else:
        out = sys.stderr if str(csv) == "-" else sys.stdout  # where the rows go nothing else does
        said = [f"{results.state.id}: {results.state.status}", table.as_text(results), *map(printable, results.notes)]
        said += ["", "what the articles claim, and what this run says:", claims.as_text(results.claims)]
        print(*said, sep="\n", file=out)
    if csv is not None:
        if str(csv) == "-":
            export.write_csv(folder)
        else:
            count = export.export_csv(folder, csv)
            print(f"{printable(csv)}: {count:,} rows", file=sys.stderr)
    sys.stdout.flush()
    for name, variant in results.state.variants.items():
        if variant.reason:
            why = printable(f"{variant.reason} (its log: {folder.log(name)})")
            print(f"gradtui: {name} failed: {why}", file=sys.stderr)
    if results.state.status == "lost" and results.state.note:
        why = printable(f"{results.state.note} (its log: {folder.supervisor_log})")
        print(f"gradtui: the run is lost: {why}", file=sys.stderr)
    if interrupts.received:
        return 130
    return 1 if results.state.status in ("failed", "lost", DELETED) else 0


def _download(settings: RunSettings) -> None:
    """Fetch the files of the data set where they are missing, with a bar on stderr."""
    try:
        find(settings.data_dir or None)
    except DataMissing:
        from gradtui.cifar10.download import download  # only then: it loads an HTTP client

        to = download_place(settings.data_dir or None)

        def progress(done: int, total: int | None) -> None:
            if not sys.stderr.isatty():
                return
            share = f"{100 * done / total:3.0f} %" if total else ""
            write_over(f"{to}: {done / 1e6:,.0f} MB {share}")

        download(to, progress)
        print(file=sys.stderr)


class _Interrupts:
    """ctrl+c and SIGTERM, from now on: they stop the run, once there is one."""

    def __init__(self) -> None:
        self.received = False
        self._stop: Callable[[], None] = lambda: None
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interrupt, self._interrupt)

    def stop(self, folder: RunFolder, supervisor: subprocess.Popen[bytes]) -> None:
        """This is the run; it is stopped at once where an interrupt came before."""
        self._stop = lambda: launch.stop(folder, supervisor)
        if self.received:
            self._ask()

    def _interrupt(self, interrupt: int, frame: FrameType | None) -> None:
        self.received = True
        self._ask()

    def _ask(self) -> None:
        with suppress(HomeError, DamagedRun):  # it ended by itself
            self._stop()


def _follow(reader: RunReader, supervisor: subprocess.Popen[bytes], progress: Bar | EpochLines | StepLines) -> None:
    """Show what the run writes until its supervisor has ended; a run that is deleted meanwhile is stopped."""
    note = None
    deleted = False
    while True:
        ended = supervisor.poll() is not None
        state = reader.refresh_state()
        if state.status == DELETED and not deleted:
            deleted = True
            progress.say(f"gradtui: run {reader.folder.label} was deleted")
            if not ended:
                supervisor.terminate()
        if state.live and state.note is not None and state.note != note:
            progress.say(f"gradtui: {printable(state.note)}")
        note = state.note
        while any(new := reader.advance()):
            progress.add(*new)
        progress.show()
        if ended:
            progress.close()
            return
        time.sleep(POLL_SECONDS)


class EpochLines:
    """A line per epoch, printed when both variants have reached its end (or one of them will not)."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._losses: dict[str, dict[int, float]] = {name: {} for name in reader.state.variants}
        self._accuracies: dict[str, dict[int, float]] = {name: {} for name in reader.state.variants}
        self._current = dict.fromkeys(reader.state.variants, 0)
        self._printed = 0

    def add(self, steps: dict[str, Columns], epochs: dict[str, Columns]) -> None:
        for name, rows in steps.items():
            self._losses[name].update(
                (int(epoch), loss) for epoch, loss in zip(rows.values["epoch"], rows.values["loss"], strict=True)
            )
            self._current[name] = int(rows.values["epoch"][-1])
        for name, rows in epochs.items():
            self._accuracies[name].update(
                (int(epoch), accuracy) for epoch, accuracy in zip(rows.values["epoch"], rows.values["accuracy"], strict=True)
            )
        # The last epoch that a variant has rows of may still be going on.
        self._print_until(min(self._current.values()) - 1)

    def show(self) -> None:
        """Lines are printed as rows arrive."""

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        self._print_until(max(self._current.values()))

    def _print_until(self, last: int) -> None:
        epochs = self._reader.state.settings.epochs
        for epoch in range(self._printed + 1, last + 1):
            parts = []
            settings = self._reader.state.settings
            for name, short in zip(settings.variants, settings.shorts, strict=True):
                loss = self._losses[name].pop(epoch, None)
                accuracy = self._accuracies[name].pop(epoch, None)
                text = f"{short} loss {number(loss)}"
                parts.append(text + (f" accuracy {percent(accuracy)}" if accuracy is not None else ""))
            print(f"epoch {epoch}/{epochs}  " + "  ".join(parts), file=sys.stderr)
            self._printed = epoch


class Bar:
    """One line on a terminal that is written over."""

    WIDTH = 24

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._began = time.monotonic()
        self._last = ""

    def add(self, steps: dict[str, Columns], epochs: dict[str, Columns]) -> None:
        """The bar shows what the reader has counted."""

    def show(self) -> None:
        results = self._reader.results()
        planned = sum(results.state.settings.planned_steps(side) or 0 for side in (0, 1))
        done = sum(v.steps for v in results.variants.values())
        share = min(1.0, done / planned) if planned else 0.0
        bar = "#" * round(share * self.WIDTH)
        far = f"[{bar:<{self.WIDTH}}] {100 * share:3.0f} %" if planned else f"{done:,} steps"
        losses = "  ".join(
            f"{name} {number(v.final_loss)}"
            for name, v in zip(results.state.settings.shorts, results.variants.values(), strict=True)
        )
        elapsed = time.monotonic() - self._began
        left = f"  {duration(elapsed / share * (1 - share))} left" if 0.02 < share < 1 else ""
        line = f"{far}  {losses}{left}"
        if line != self._last:
            write_over(line)
            self._last = line

    def say(self, line: str) -> None:
        self.close()
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        write_over()
        self._last = ""


def list_runs(*, as_json: bool) -> int:
    """Print the saved runs, newest first."""
    folders, entries = [], []
    for folder in all_runs():
        with suppress(DeletedRun):  # meanwhile
            entries.append(_entry(folder))
            folders.append(folder)
    if as_json:
        print(json.dumps(entries, allow_nan=False))
        return 0
    if not entries:
        print("no runs yet; gradtui run starts one", file=sys.stderr)
    for folder, entry in zip(folders, entries, strict=True):
        print(folder.label, entry["status"], printable(entry["summary"]), sep="  ")
    return 0


def _entry(folder: RunFolder) -> dict[str, object]:
    """Raises DeletedRun."""
    try:
        state: RunState = folder.observe()
    except DeletedRun:
        raise
    except DamagedRun as error:
        return {"run": folder.id, "status": "damaged", "summary": str(error), "created": None, "settings": None}
    return {
        "run": state.id,
        "status": state.status,
        "summary": state.settings.summary(),
        "created": state.created,
        "settings": state.settings.as_dict(),
    }
