import pytest
from rich.cells import cell_len

from gradtui.tui.characters import CHARACTERS, choose, simplified
from gradtui.tui.keys import ALL


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, "braille"),
        ({"LANG": "C"}, "ascii"),
        ({"LANG": "POSIX"}, "ascii"),
        ({"LANG": "C.UTF-8"}, "braille"),
        ({"LANG": "de_DE.utf8"}, "braille"),
        ({"LANG": "de_DE.ISO-8859-1"}, "ascii"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, "ascii"),
        ({"LANG": "C", "LC_ALL": "en_US.UTF-8"}, "braille"),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, "braille"),
        ({"TERM": "linux"}, "ascii"),
        ({"TERM": "linux", "GRADTUI_CHARACTERS": "blocks"}, "blocks"),
        ({"LANG": "C", "GRADTUI_CHARACTERS": "Braille"}, "braille"),
        ({"GRADTUI_CHARACTERS": "nonsense"}, "braille"),
    ],
)
def test_the_environment_chooses(environment: dict[str, str], chosen: str) -> None:
    assert choose(environment) == chosen


@pytest.mark.parametrize("characters", CHARACTERS)
def test_every_character_keeps_its_columns(characters: str) -> None:
    text = "".join(map(chr, range(0x2800, 0x2900))) + "╭─ ● WITH ■ é 漢字 ▶▼│┤┬└ – … µ × · ← → ┊ 🙂"
    simple = simplified(text, characters)
    assert cell_len(simple) == cell_len(text)
    if characters == "ascii":
        assert simple.isascii()


def test_dots_stay_dots_and_none_stays_none() -> None:
    assert simplified("⠀", "ascii") == simplified("⠀", "blocks") == " "
    for bits in range(1, 256):
        assert simplified(chr(0x2800 + bits), "ascii") != " "
        assert simplified(chr(0x2800 + bits), "blocks") != " "
    assert simplified("⣿⠉⣀⡇", "blocks") == "█▀▄▌"
    assert simplified("⣿⠉⣀", "ascii") == "#'."


def test_the_names_of_the_keys_are_told_apart_in_ascii() -> None:
    names = [simplified(key.shown_keys(), "ascii") for key in ALL]
    assert len(set(names)) == len(names)
