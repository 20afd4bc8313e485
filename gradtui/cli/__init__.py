"""The commands. Thin: each imports what it needs when it runs, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gradtui import __version__
from gradtui.kinds import Switch
from gradtui.printing import guarded_output, printable, unguarded_output
from gradtui.settings import SETTINGS, RunSettings, SettingsError

NAMED_BY_COMPARE = ("experiment", "script", "arguments", "directory")
"""What the words of ``gradtui compare`` and the working directory say themselves."""

DONE, VARIANT_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"{self.prog}: {printable(message)}; {self.prog} --help shows what it takes\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that this terminal cannot show is escaped, not an error
        sys.stdout.reconfigure(errors="backslashreplace")
    if given[:1] == ["check"]:  # what follows the script belongs to the script: it is not parsed here
        from gradtui.check.command import check

        return check(given[1:])
    try:
        with guarded_output():
            return _command(given)
    except KeyboardInterrupt:  # where nothing was started that would have to be stopped
        return INTERRUPTED


def _command(given: list[str]) -> int:
    """Any command but check, whose script prints what it likes."""
    if given[:1] == ["compare"]:
        given, scripts_own = _up_to_script(given)
        options = _parser().parse_args(given)
        options.arguments = shlex.join(scripts_own)
    else:
        options = _parser().parse_args(given)
    try:
        code: int = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has left
        sys.stderr.close()
        return DONE
    except SettingsError as error:
        name, problem = next(iter(error.errors.items()))  # one line: the first that is wrong
        return _refuse(f"{name}: {problem}")
    except (OSError, LookupError, ValueError, RuntimeError) as error:
        from gradtui.runs.atomic import NO_SPACE

        if isinstance(error, OSError) and error.errno in NO_SPACE and error.filename is None:  # only streams have no name
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not fail again at exit
            return _refuse(f"standard output cannot be written ({os.strerror(error.errno)})")
        if not _is_ours(error):
            raise
        return _refuse(str(error))
    return code


def _is_ours(error: Exception) -> bool:
    """Whether it is one of gradtui's own errors, whose message is written for the user."""
    return type(error).__module__.partition(".")[0] == "gradtui"


def _refuse(line: str) -> int:
    print(f"gradtui: {printable(line)}", file=sys.stderr)
    return WRONG_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gradtui",
        description="Train a model with and without optimizer.zero_grad(), side by side, and see what it does.",
        epilog="Without a command, gradtui opens its app.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gradtui {__version__}")
    parser.set_defaults(command=_app)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    run = commands.add_parser("run", help="the same run without the app", allow_abbrev=False)
    run.set_defaults(command=_run)
    _add_settings(run)
    _add_outputs(run)

    compare = commands.add_parser(
        "compare",
        help="run a training script of yours twice, with and without its zero_grad()",
        usage="gradtui compare [OPTIONS] SCRIPT [ITS ARGUMENTS]",
        allow_abbrev=False,
    )
    compare.set_defaults(command=_run, experiment="script")
    compare.add_argument("script", metavar="SCRIPT", help="what follows it belongs to the script")
    _add_options(
        compare,
        [name for name in SETTINGS if SETTINGS[name].applies({"experiment": "script"}) and name not in NAMED_BY_COMPARE],
    )
    _add_outputs(compare)

    commands.add_parser("check", help="does a training script of yours forget zero_grad()? runs it and watches")

    sweep = commands.add_parser("sweep", help="a grid of optimizers, learning rates and seeds", allow_abbrev=False)
    sweep.set_defaults(command=_sweep)
    _add_settings(sweep, without=("optimizer", "lr", "timing_probe"))
    sweep.add_argument("--optimizers", default="all", metavar="NAMES", help="names with commas between, or all")
    sweep.add_argument("--lrs", default="1e-3,1e-2,1e-1", metavar="NUMBERS", help="learning rates with commas between")
    sweep.add_argument("--seeds", default="3", metavar="N", help="how many seeds, from --seed on")
    sweep.add_argument(
        "--resume", metavar="SWEEP", help="continue a sweep that was stopped or lost, or follow one in progress: an id, or last"
    )
    sweep.add_argument("--csv", type=Path, metavar="PATH", help="also export the rows")
    sweep.add_argument("--json", action="store_true", help="the grid as JSON on standard output, nothing else there")

    listing = commands.add_parser("list", help="saved runs, newest first", allow_abbrev=False)
    listing.set_defaults(command=_list)
    listing.add_argument("--json", action="store_true", help="as JSON")

    export = commands.add_parser("export", help="a run as CSV, for TensorBoard, or as a picture", allow_abbrev=False)
    export.set_defaults(command=_export)
    export.add_argument("run", metavar="RUN", help="an id, a unique beginning of one, or last")
    where = export.add_mutually_exclusive_group(required=True)
    where.add_argument("--csv", type=Path, metavar="PATH", help="a row per variant and step; - is standard output")
    where.add_argument("--tensorboard", type=Path, metavar="DIR", help="event files, a run per variant")
    where.add_argument("--svg", type=Path, metavar="PATH", help="both charts and the table")
    export.add_argument("--force", action="store_true", help="replace PATH where it exists")

    for name, help in (
        ("stop", "stop a run that goes on; its rows are kept"),
        ("pause", "pause a run"),
        ("resume", "let a paused run go on"),
        ("attach", "open the app on a run"),
    ):
        control = commands.add_parser(name, help=help, allow_abbrev=False)
        control.set_defaults(command=_attach if name == "attach" else _control, request=name)
        control.add_argument("run", nargs="?", default="last", metavar="RUN", help="an id, a unique beginning, or last")

    devices = commands.add_parser("devices", help="what can be trained on here", allow_abbrev=False)
    devices.set_defaults(command=_devices)
    devices.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_settings(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    """The experiment, and an option for every setting."""
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help=SETTINGS["experiment"].kind.allowed())
    _add_options(parser, [name for name in SETTINGS if name not in ("experiment", *without)])


def _add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    for setting in map(SETTINGS.__getitem__, names):
        text = f"{setting.help} ({setting.kind.allowed()})".replace("%", "%%")
        switch: dict[str, Any] = {"nargs": "?", "const": "on"} if isinstance(setting.kind, Switch) else {}
        parser.add_argument(setting.flag, dest=setting.name, metavar="VALUE", help=text, **switch)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", type=Path, metavar="PATH", help="also export the rows")
    parser.add_argument("--json", action="store_true", help="the results as JSON on standard output, nothing else there")


def _up_to_script(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of ``gradtui compare`` up to the script, and those after it: argparse would take some of the script's own."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        at += 1 if "=" in words[at] or words[at] in ("--json", "-h", "--help") else 2
    return list(words[: at + 1]), list(words[at + 1 :])


def _given(options: argparse.Namespace) -> dict[str, object]:
    """The settings that were named on the command line."""
    return {name: value for name in SETTINGS if (value := getattr(options, name, None)) is not None}


def _app(options: argparse.Namespace) -> int:
    return _open_app(None)


def _attach(options: argparse.Namespace) -> int:
    return _open_app(options.run)


def _open_app(run: str | None) -> int:
    """The app on this terminal, on a run where one is named."""
    for stream, name in ((sys.__stdin__, "input"), (sys.__stdout__, "output"), (sys.__stderr__, "error")):
        if stream is None or not stream.isatty():
            return _refuse(
                f"standard {name} is not a terminal; over SSH use `ssh -t HOST gradtui`, without a terminal `gradtui run`"
            )
    from gradtui.runs.folder import find_run
    from gradtui.runs.home import check_home

    check_home()
    folder = find_run(run) if run is not None else None
    if folder is not None:
        folder.read()  # a damaged run is told here, in one line
    from gradtui.tui.app import open_app

    with unguarded_output():
        return open_app(folder)


def _control(options: argparse.Namespace) -> int:
    """stop, pause and resume: a request file in the run's folder, which its supervisor obeys."""
    from gradtui.runs.folder import find_run

    folder = find_run(options.run)
    state = folder.observe()
    if not state.live:
        return _refuse(f"RUN: {folder.id} is {state.status}; there is nothing to {options.request}")
    {"stop": folder.request_stop, "pause": folder.request_pause, "resume": folder.request_resume}[options.request]()
    print(f"{folder.id}: asked to {options.request}", file=sys.stderr)
    return DONE


def _run(options: argparse.Namespace) -> int:
    from gradtui.cli.run import run

    return run(RunSettings.parse(_given(options)), csv=options.csv, as_json=options.json)


def _sweep(options: argparse.Namespace) -> int:
    from gradtui.cli.sweep import run_sweep
    from gradtui.runs.sweeps import sweep_list

    if options.resume is not None:
        folder = sweep_list.find_sweep(options.resume)
    else:
        folder = sweep_list.create_sweep(_given(options), options.optimizers, options.lrs, options.seeds)
    return run_sweep(folder, csv=options.csv, as_json=options.json)


def _list(options: argparse.Namespace) -> int:
    from gradtui.cli.run import list_runs

    return list_runs(as_json=options.json)


def _export(options: argparse.Namespace) -> int:
    from gradtui.runs.export.csv_export import write_csv
    from gradtui.runs.export.destination import never
    from gradtui.runs.export.formats import FORMATS
    from gradtui.runs.folder import find_run

    folder = find_run(options.run)
    if str(options.csv) == "-":
        write_csv(folder)
        sys.stdout.flush()
        return DONE
    for format in FORMATS:
        path = getattr(options, format.name)
        if path is not None:
            print(f"wrote {format.write(folder, path, options.force, never)}", file=sys.stderr)
    return DONE


def _devices(options: argparse.Namespace) -> int:
    import json

    from gradtui.runs.processes.launch import find_devices

    devices = find_devices()
    if options.json:
        print(json.dumps({"auto": next(iter(devices)), "devices": devices}))
    else:
        for place, (name, title) in enumerate(devices.items()):
            print(f"{name:<8} {title}{'  (auto)' if place == 0 else ''}")
    return DONE
