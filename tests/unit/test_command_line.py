"""Where the options of check and compare end and the script's own words begin."""

from __future__ import annotations

import pytest

from gradtui.script.command_line import HELP_WIDTH, Option, help_text, parse
from gradtui.script.program import WrongUsage

OPTIONS = (Option("--steps", "how many", "a number", "N"), Option("--json", "as JSON"))


@pytest.mark.parametrize(
    ("words", "target", "is_module", "arguments", "options"),
    [
        ("train.py", "train.py", False, [], {}),
        ("--json train.py --json --steps 3", "train.py", False, ["--json", "--steps", "3"], {"--json": ""}),
        ("--steps 3 train.py", "train.py", False, [], {"--steps": "3"}),
        ("--steps=3 --steps 4 train.py", "train.py", False, [], {"--steps": "4"}),
        ("--steps= train.py", "train.py", False, [], {"--steps": ""}),
        ("--steps -1 train.py", "train.py", False, [], {"--steps": "-1"}),
        ("-m package.train -m x", "package.train", True, ["-m", "x"], {}),
        ("--json -mpackage.train --help", "package.train", True, ["--help"], {"--json": ""}),
        ("-- -odd.py --json", "-odd.py", False, ["--json"], {}),
        ("train.py -- -c", "train.py", False, ["--", "-c"], {}),
    ],
)
def test_options_end_where_the_script_begins(
    words: str, target: str, is_module: bool, arguments: list[str], options: dict[str, str]
) -> None:
    line = parse(words.split(), OPTIONS)
    assert (line.target, line.is_module, line.arguments, line.options, line.help) == (
        *(target, is_module, arguments, options),
        False,
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "SCRIPT: got nothing; it takes the path of a Python script, or -m and the name of a module"),
        ("--json", "SCRIPT: got nothing; it takes the path of a Python script, or -m and the name of a module"),
        ("-m", "-m: got nothing; it takes the name of a module"),
        ("--steps", "--steps: got nothing; it takes a number"),
        ("--json=1 train.py", "got '--json=1'; before the script, it takes --steps N, --json and -m MODULE"),
        ("--lr 1 train.py", "got '--lr'; before the script, it takes --steps N, --json and -m MODULE"),
        (f"--{'x' * 100}", f"got '--{'x' * 55}'...; before the script, it takes --steps N, --json and -m MODULE"),
    ],
)
def test_wrong_usage_names_what_was_given_and_what_is_taken(words: str, problem: str) -> None:
    with pytest.raises(WrongUsage) as error:
        parse(words.split(), OPTIONS)
    assert str(error.value) == problem


@pytest.mark.parametrize("words", ["-h", "--json --help train.py"])
def test_help_is_asked_for_before_the_script(words: str) -> None:
    assert parse(words.split(), OPTIONS).help


def test_help_names_every_option_and_both_ways_to_name_a_program() -> None:
    text = help_text("gradtui check", "About it. " * 20, OPTIONS, "Exit code: 0.")
    assert text.splitlines()[:2] == [
        "usage: gradtui check [--steps N] [--json] SCRIPT [ARGUMENTS]",
        "   or  gradtui check [--steps N] [--json] -m MODULE [ARGUMENTS]",
    ]
    assert "\n  --steps N       how many\n" in text
    assert max(map(len, text.splitlines())) <= HELP_WIDTH
