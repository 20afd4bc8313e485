"""Train without the app, from the start to the results: what ``gradtui run`` and ``gradtui compare`` do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from gradtui.cifar10 import DataMissing
from gradtui.cifar10.files import download_place, find
from gradtui.cli.progress import Bar, EpochLines
from gradtui.cli.step_lines import StepLines
from gradtui.printing import printable, write_over
from gradtui.runs.export import csv_export as export
from gradtui.runs.export.destination import check_target
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.results import claims, table
from gradtui.runs.results.reader import RunReader, RunResults
from gradtui.runs.results.runs_of_seeds import results_of_runs
from gradtui.runs.results.seed_text import difference_lines
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DELETED, DamagedRun
from gradtui.settings import RunSettings

POLL_SECONDS = 0.1


def run(settings: RunSettings, *, csv: Path | None, as_json: bool) -> int:
    """Train to the end, with progress on stderr and results on stdout; return the exit code of ``gradtui run``.

    Raises ExportError, HomeError and SettingsError before anything is started.
    """
    interrupts = _ready_to_train(settings, csv)
    folder, reader = _train(settings, interrupts)
    if reader.state.status == DELETED:
        csv = None  # there are no rows to export
    results = reader.results()
    _tell(results, f"{results.state.id}: {results.state.status}", csv, {"run": results.state.id} if as_json else None)
    _export([folder], csv)
    _tell_failures(results, folder)
    return _exit_code(results, interrupts)


def run_each(seeds: Sequence[RunSettings], *, csv: Path | None, as_json: bool) -> int:
    """Train runs that differ in their seed, one after the other, and compare their sides over the seeds.

    Otherwise as :func:`run`. A stop ends the run in progress, and the rest is not begun.
    """
    interrupts = _ready_to_train(seeds[0], csv)
    folders: list[RunFolder] = []
    readers: list[RunReader] = []
    for settings in seeds:
        print(f"seed {settings.seed}", file=sys.stderr, flush=True)
        folder, reader = _train(settings, interrupts)
        _tell_failures(reader.results(), folder)
        if reader.state.status != DELETED:
            folders.append(folder)
            readers.append(reader)
        if interrupts.received:
            break
    if not readers:
        return 1
    results = results_of_runs(readers)
    ids = [folder.id for folder in folders]
    heading = f"{len(ids)} runs, {ids[0]} to {ids[-1]}: {results.state.status}"
    _tell(results, heading, csv, {"run": ids[0], "runs": ids} if as_json else None)
    _export(folders, csv)
    return _exit_code(results, interrupts) or int(len(readers) < len(seeds))


def _ready_to_train(settings: RunSettings, csv: Path | None) -> _Interrupts:
    """Check all that can be checked before, and catch interrupts: no run must train on with nobody following."""
    if csv is not None and str(csv) != "-":
        check_target(csv, overwrite=False)
    if settings.download:
        _download(settings)
    launch.check_can_start(settings)
    return _Interrupts()


def _train(settings: RunSettings, interrupts: _Interrupts) -> tuple[RunFolder, RunReader]:
    """Train one run to its end, with progress on stderr; all of its rows are read then."""
    folder = create_run(settings)
    supervisor = launch.start_supervisor(folder)
    interrupts.stop(folder, supervisor)
    try:
        reader = RunReader(folder, epochs=True)
    except DamagedRun:  # deleted or damaged already: nobody would see what it trains
        supervisor.terminate()
        supervisor.wait()
        raise
    lines = EpochLines if settings.can.count_epochs else StepLines
    progress = Bar(reader) if sys.stderr.isatty() else lines(reader)
    _follow(reader, supervisor, progress)
    if reader.state.live:  # the run has ended, but run.json does not say how
        folder.read()
    if reader.state.status != DELETED:
        folder.mark_seen()
    return folder, reader


def _tell(results: RunResults, heading: str, csv: Path | None, as_json: dict[str, object] | None) -> None:
    """Print the results, as JSON with these fields in front, or as text."""
    if as_json is not None:
        print(json.dumps({**as_json, **results.as_json(), **as_json}, allow_nan=False))
        return
    out = sys.stderr if str(csv) == "-" else sys.stdout  # nothing else goes where the rows go
    said = [heading, table.as_text(results), *difference_lines(results), *map(printable, results.notes)]
    said += ["", "what the articles claim, and what this run says:", claims.as_text(results.claims)]
    print(*said, sep="\n", file=out)


def _export(folders: Sequence[RunFolder], csv: Path | None) -> None:
    if csv is not None and str(csv) == "-":
        export.write_runs(folders)
    elif csv is not None:
        count = export.export_runs(folders, csv)
        print(f"{printable(csv)}: {count:,} rows", file=sys.stderr)
    sys.stdout.flush()


def _tell_failures(results: RunResults, folder: RunFolder) -> None:
    for name, variant in results.state.variants.items():
        if variant.reason:
            why = printable(f"{variant.reason} (its log: {folder.log(name)})")
            print(f"gradtui: {name} failed: {why}", file=sys.stderr)
    if results.state.status == "lost" and results.state.note:
        why = printable(f"{results.state.note} (its log: {folder.supervisor_log})")
        print(f"gradtui: the run is lost: {why}", file=sys.stderr)


def _exit_code(results: RunResults, interrupts: _Interrupts) -> int:
    if interrupts.received:
        return 130
    return 1 if results.state.status in ("failed", "lost", DELETED) else 0


def _download(settings: RunSettings) -> None:
    """Download missing files of the data set, with progress on stderr."""
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
    """Catches ctrl+c and SIGTERM, which stop the run as soon as there is one."""

    def __init__(self) -> None:
        self.received = False
        self._stop: Callable[[], None] = lambda: None
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interrupt, self._interrupt)

    def stop(self, folder: RunFolder, supervisor: subprocess.Popen[bytes]) -> None:
        """Set the run to stop; it is stopped at once if an interrupt has come already."""
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
    """Show what the run writes until its supervisor has ended. Stops a run that is deleted meanwhile."""
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
        if ended and not reader.orphans_may_write:
            progress.close()
            return
        time.sleep(POLL_SECONDS)
