"""Train without the app, from the start to the results: what ``gradtui run`` and ``gradtui compare`` do."""

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
from gradtui.cli.progress import Bar, EpochLines
from gradtui.cli.step_lines import StepLines
from gradtui.printing import printable, write_over
from gradtui.runs.export import csv_export as export
from gradtui.runs.export.destination import check_target
from gradtui.runs.folder import RunFolder
from gradtui.runs.home import HomeError
from gradtui.runs.processes import launch
from gradtui.runs.results import claims, table
from gradtui.runs.results.reader import RunReader
from gradtui.runs.results.seed_text import difference_lines
from gradtui.runs.saved_runs import create_run
from gradtui.runs.state import DELETED, DamagedRun
from gradtui.settings import RunSettings

POLL_SECONDS = 0.1


def run(settings: RunSettings, *, csv: Path | None, as_json: bool) -> int:
    """Train to the end, with progress on stderr and results on stdout; return the exit code of ``gradtui run``.

    Raises ExportError, HomeError and SettingsError before anything is started.
    """
    if csv is not None and str(csv) != "-":
        check_target(csv, overwrite=False)
    if settings.download:
        _download(settings)
    launch.check_can_start(settings)
    interrupts = _Interrupts()  # caught before the run exists: it must not train on with nobody following
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
    if reader.state.status == DELETED:
        csv = None  # there are no rows to export

    folder.mark_seen()

    results = reader.results()
    if as_json:
        print(json.dumps(results.as_json(), allow_nan=False))
    else:
        out = sys.stderr if str(csv) == "-" else sys.stdout  # nothing else goes where the rows go
        said = [f"{results.state.id}: {results.state.status}", table.as_text(results), *difference_lines(results)]
        said += map(printable, results.notes)
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
