"""Text from outside is made printable by one function, and nothing that is printed or drawn gets past it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import gradtui
from gradtui.check.facts import Facts, OptimizerFacts
from gradtui.check.report import Report
from gradtui.check.source_lines import Place
from gradtui.cli import main
from gradtui.printing import guarded_output, printable, unguarded_output, write_over
from gradtui.runs.export.svg import export_svg
from gradtui.runs.folder import RunFolder
from gradtui.runs.results.reader import read_results
from tests.hostile_text import ESCAPED, EVIL, HOSTILE, leaks
from tests.made_up import made_up_run


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_becomes_one_printable_line(text: str) -> None:
    fit = printable(text)
    assert fit.isprintable()
    assert not leaks(fit)
    assert printable(fit) == fit


@pytest.mark.parametrize("text", ["", "loss 0.5 ± 1e-3", "été Ωμ 日本語 🎉", "a\\b [red] C:\\x"])
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_print_that_was_not_thought_of_does_not_get_past_the_guard(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_output():
        print(EVIL, EVIL, sep="\n")
        sys.stderr.writelines([EVIL, "\n"])
        write_over(EVIL)
    out, error = capsys.readouterr()
    assert out.count("\n") == 2
    assert not leaks(out)
    line, _, bar = error.partition("\n")
    assert not leaks(line)
    assert bar.startswith("\r\x1b[K")
    assert not leaks(bar[4:])


def test_the_app_has_the_terminal_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with guarded_output():
        with unguarded_output():
            assert sys.stdout is before
        assert sys.stdout is not before
    assert sys.stdout is before


def made_hostile(folder: RunFolder, *path: str) -> None:
    """Put hostile text into one field of run.json."""
    document = place = json.loads((folder.path / "run.json").read_text())
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = EVIL
    (folder.path / "run.json").write_text(json.dumps(document))


FIELDS = [
    *[
        (name,)
        for name in ("id", "status", "device", "device_name", "host", "boot", "created", "started", "note", "format", EVIL)
    ],
    *[("settings", name) for name in ("script", "arguments", "directory", "experiment", "device", EVIL)],
    *[("versions", name) for name in ("gradtui", "torch", "python", EVIL)],
    *[("variants", "without_zero_grad", name) for name in ("policy", "status", "reason", EVIL)],
    ("variants", EVIL),
    ("settings",),
    ("variants",),
]
COMMANDS = [["list"], ["list", "--json"], ["stop"], ["pause"], ["resume"], ["attach"], ["export", "last", "--csv", "-"]]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: printable(".".join(field))[:40])
def test_no_field_of_run_json_gets_raw_to_the_terminal(
    field: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path), status="failed")
    made_hostile(folder, *field)
    for command in (*COMMANDS, ["export", "last", "--svg", str(tmp_path / "run.svg")]):
        main(command)
        out, error = capsys.readouterr()
        assert not leaks(out + error), command
        assert len(error.splitlines()) <= 1
    if (tmp_path / "run.svg").exists():
        assert not leaks((tmp_path / "run.svg").read_text())


WORDS = [
    *[["list"], ["export", "{}", "--csv", "-"], ["stop", "{}"], ["attach", "{}"], ["{}"], ["run", "{}"], ["run", "--lr", "{}"]],
    *[["run", "--{}"], ["run", "--csv", "/nowhere{}/a"], ["check", "--{}"], ["check", "--steps={}"], ["compare", "{}"]],
    *[["compare", "--device", "{}", "train.py"], ["sweep", "--resume", "{}"], ["sweep", "--lrs", "{}"]],
    *[["export", "last", "--csv", "/nowhere{}/a"], ["export", "last", "--tensorboard", "/nowhere{}/a"]],
]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_of_a_folder_or_word_of_the_command_line_gets_raw_to_the_terminal(
    text: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up_run()
    text = text.replace("\0", "").replace("\ud800", "")  # no name can have them
    (home / "runs" / text.replace("/", "")).mkdir()
    for command in WORDS:
        with suppress(SystemExit):
            main([word.replace("{}", text) for word in command])
        out, error = capsys.readouterr()
        assert not leaks(out + error), command
        assert command == ["list"] or len(error.splitlines()) == 1, command


def test_what_a_script_has_noted_and_how_it_failed_is_printable(tmp_path: Path) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path), arguments="'\x1b]0;evil\x07'")
    folder.notes("with_zero_grad").write_bytes(f"{EVIL}\n\n{EVIL}".encode("utf-8", "surrogatepass"))
    folder.log("with_zero_grad").write_bytes(f"{EVIL}\n{EVIL}".encode("utf-8", "surrogatepass"))
    notes = read_results(folder).notes
    assert any(ESCAPED in note for note in notes)
    assert not leaks("".join([*notes, *folder.last_log_lines("with_zero_grad"), folder.read().settings.summary()]))
    export_svg(folder, tmp_path / "run.svg")
    assert not leaks((tmp_path / "run.svg").read_text())


def facts_of(place: Place, name: str) -> Facts:
    one = OptimizerFacts(
        class_name=name, steps=20, parameters=[name, "other"], group_sizes=[2], stale_steps=19, first_stale=2,
        stale_parameters=[0], no_gradient=[name], cleared_at=[place], backward_at=[place], stepped_at=[place],
        backwards_per_step={1: 20},
        not_finite_steps=1, first_not_finite=3, last_not_finite=3, not_finite_value=name, not_finite_at=place,
    )  # fmt: skip
    return Facts(optimizers=[one], orphans=[(name, name)], torch_imported=True)


@pytest.mark.parametrize("text", [*HOSTILE.values(), "\x00\x01\x02\x03\x04"], ids=[*HOSTILE, "marks"])
def test_nothing_of_a_script_gets_raw_into_the_report_of_check(text: str, tmp_path: Path) -> None:
    source = tmp_path / "train.py"
    source.write_bytes(f"optimizer.step()  # {text}\n".encode("utf-8", "surrogatepass"))
    known, odd = Place(str(source), 1), Place(f"/nowhere/{text}", 1)
    for first in (known, odd):
        report = Report([facts_of(first, text), replace(facts_of(odd, "plain"), rank=1)], [2])
        assert not leaks(report.as_text(color=False))
        colors = report.as_text(color=True).count("\x1b[")
        assert colors == Report([facts_of(Place("a", 1), "a"), replace(facts_of(Place("b", 1), "b"), rank=1)], [2]).as_text(
            color=True
        ).count("\x1b["), "the text cannot colour anything"
        assert report.as_json().isascii()
        json.loads(report.as_json())


def test_there_is_one_such_function() -> None:
    source = Path(gradtui.__file__).parent
    others = [path for path in source.rglob("*.py") if ".isprintable()" in path.read_text(encoding="utf-8")]
    assert {path.relative_to(source).as_posix() for path in others} == {"printing.py", "kinds.py"}  # a path must be printable


def test_json_is_ascii(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made_up_run(experiment="script", script="train.py", directory=str(tmp_path), arguments="'\x1b\u202e\x9b'")
    folder.notes("with_zero_grad").write_bytes(EVIL.encode("utf-8", "surrogatepass"))
    main(["list", "--json"])
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)[0]["settings"]["arguments"] == "'\x1b\u202e\x9b'"
    assert json.dumps(read_results(folder).as_json(), allow_nan=False).isascii()


def test_the_guard_does_not_stand_between_a_pipe_and_its_bytes() -> None:
    made_up_run(steps=3)
    result = subprocess.run([sys.executable, "-m", "gradtui", "export", "last", "--csv", "-"], capture_output=True, check=True)
    assert result.stdout.count(b"\n") == 7
    assert (
        io.BytesIO(result.stdout).readline() == b"run,variant,step,epoch,loss,grad_norm,seconds,seed,fresh_grad_norm,cosine\n"
    )
