"""The file of a module is found without running any of the user's code."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtui.script.modules import NoSuchModule, file_of_module

EVIL = "raise SystemExit('imported')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "train.py": EVIL,
        "package/__init__.py": EVIL,
        "package/__main__.py": EVIL,
        "package/inner/__init__.py": EVIL,
        "package/inner/train.py": EVIL,
        "namespace/deep/train.py": EVIL,
        "hiding/__init__.py": "__path__.append('elsewhere')\n",
        "plain/__init__.py": EVIL,
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("train", "train.py"),
        ("package", "package/__main__.py"),
        ("package.__main__", "package/__main__.py"),
        ("package.inner.train", "package/inner/train.py"),
        ("namespace.deep.train", "namespace/deep/train.py"),
    ],
)
def test_a_module_is_found_in_the_folder(folder: Path, name: str, file: str) -> None:
    assert file_of_module(name, str(folder)) == str(folder / file)


def test_the_parts_of_a_namespace_package_may_lie_in_several_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = folder / "other"
    (other / "namespace").mkdir(parents=True)
    (other / "namespace" / "eval.py").write_text(EVIL)
    monkeypatch.syspath_prepend(str(other))
    for name, file in {"namespace.eval": other / "namespace" / "eval.py", "namespace.deep.train": folder}.items():
        assert str(file_of_module(name, str(folder))).startswith(str(file))


def test_a_module_of_the_environment_is_found(tmp_path: Path) -> None:
    assert file_of_module("pytest", str(tmp_path)) == str(Path(pytest.__file__).with_name("__main__.py"))


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "package.none",
        "package.inner",
        "plain",
        "train.none",
        "namespace",
        "namespace.none",
        ".train",
        "a..b",
        "",
        "a b",
    ],
)
def test_a_module_that_python_could_not_run_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(NoSuchModule):
        file_of_module(name, str(folder))


def test_a_package_that_changes_its_path_is_left_to_python(folder: Path) -> None:
    assert file_of_module("hiding.train", str(folder)) is None


def test_a_module_without_a_file_has_none(tmp_path: Path) -> None:
    assert file_of_module("sys", str(tmp_path)) is None
