import copyreg
import hashlib
import http.server
import io
import os
import pickle
import pickletools
import random
import re
import struct
import sys
import tarfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtui.cifar10 import BINARY, PICKLED, TEST_BATCHES, TRAIN_BATCHES, DataDamaged, DataMissing, Pixels, files, pickled
from gradtui.cifar10.download import download
from gradtui.cifar10.files import find, home_data_dir, read

BATCHES = (*TRAIN_BATCHES, *TEST_BATCHES)
WIDTH = 3072
ROWS = 2

Batch = tuple[bytes, bytes]
"""Pixels and labels."""
Writer = Callable[[Batch], bytes]


def made_up(rows: int = ROWS, seed: int = 0) -> Batch:
    source = random.Random(seed)
    return source.randbytes(rows * WIDTH), bytes(source.randrange(10) for _ in range(rows))


# The layouts, byte by byte as their writers write them.


def short(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def text(words: str) -> bytes:
    raw = words.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def unicode4(words: str) -> bytes:
    return b"\x8c" + bytes([len(words)]) + words.encode()


def shape(rows: int) -> bytes:
    return b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", WIDTH) + b"\x86"


def pushed(labels: bytes) -> bytes:
    return b"".join(b"K" + bytes([label]) for label in labels)


def as_rows(batch: Batch) -> bytes:
    pixels, labels = batch
    return b"".join(bytes([label]) + pixels[WIDTH * row : WIDTH * (row + 1)] for row, label in enumerate(labels))


def as_published(batch: Batch, *, order: bytes = b"\x89", dtype: bytes = b"u1", dims: bytes | None = None) -> bytes:
    """Protocol 2 of Python 2.7's cPickle: the files that torchvision unpacks."""
    pixels, labels = batch
    rows = len(labels)
    names = b"".join(short(b"leptodactylus_s_%06d.png" % row) + b"q" + bytes([20 + row]) for row in range(rows))
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
        + pushed(labels)
        + b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\tU\x01b\x87Rq\n"
        + (b"(K\x01" + (shape(rows) if dims is None else dims) + b"q\x0b")
        + (b"cnumpy\ndtype\nq\x0c" + short(dtype) + b"q\rK\x00K\x01\x87q\x0eRq\x0f")
        + (b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b" + order)
        + (b"T" + struct.pack("<i", len(pixels)) + pixels + b"q\x11tb")
        + (b"U\tfilenamesq\x12]q\x13(" + names + b"eu.")
    )


def as_numpy_2_writes_protocol_2(batch: Batch) -> bytes:
    pixels, labels = batch

    def encoded(raw: bytes) -> bytes:
        return b"h\x01" + text(raw.decode("latin-1")) + b"h\x03\x86R"

    return (
        b"\x80\x02}q\x00(c_codecs\nencode\nq\x01" + text("data") + b"q\x02" + text("latin1") + b"q\x03\x86q\x04Rq\x05"
        b"cnumpy._core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85q\x08" + encoded(b"b") + b"\x87R"
        b"(K\x01" + shape(len(labels)) + b"cnumpy\ndtype\nq\x0f" + text("u1") + b"\x89\x88\x87Rq\x12"
        b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + encoded(pixels) + b"tb"
        b"" + encoded(b"labels") + b"](" + pushed(labels) + b"eu."
    )


def as_numpy_2_writes_protocol_4(batch: Batch) -> bytes:
    pixels, labels = batch
    head = (
        b"}\x94(C\x04data\x94" + unicode4("numpy._core.multiarray") + b"\x94" + unicode4("_reconstruct") + b"\x94\x93\x94"
        b"" + unicode4("numpy") + b"\x94" + unicode4("ndarray") + b"\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94"
        b"(K\x01" + shape(len(labels)) + b"\x94h\x05" + unicode4("dtype") + b"\x94\x93\x94" + unicode4("u1") + b"\x94"
        b"\x89\x88\x87\x94R\x94(K\x03" + unicode4("|") + b"\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89"
    )
    tail = b"\x94t\x94bC\x06labels\x94]\x94(" + pushed(labels) + b"eu."
    framed = [b"\x95" + struct.pack("<Q", len(part)) + part for part in (head, tail)]
    return b"\x80\x04" + framed[0] + b"B" + struct.pack("<I", len(pixels)) + pixels + framed[1]


PICKLES: list[Writer] = [as_published, as_numpy_2_writes_protocol_2, as_numpy_2_writes_protocol_4]


def folder_of(path: Path, write: Writer, rows: int = ROWS) -> Path:
    """A folder with six whole batches, number by number of another seed."""
    name, suffix = (BINARY, ".bin") if write is as_rows else (PICKLED, "")
    batches = path / name
    batches.mkdir(parents=True)
    for seed, batch in enumerate(BATCHES):
        (batches / f"{batch}{suffix}").write_bytes(write(made_up(rows, seed)))
    return batches


@pytest.fixture
def batches(tmp_path: Path) -> Path:
    return folder_of(tmp_path, as_published)


def damage(batches: Path, content: bytes, name: str = "data_batch_1", rows: int = ROWS) -> str:
    """What is said of a folder in which one file holds ``content``: one line, that begins with the file."""
    (batches / name).write_bytes(content)
    with pytest.raises(DataDamaged) as caught:
        read(batches, rows_per_file=rows)
    message = str(caught.value)
    assert message.startswith(f"{batches / name}: ")
    assert message.isprintable()
    assert len(message) < 400
    return message.removeprefix(f"{batches / name}: ")


def parsed(content: bytes, rows: int = ROWS) -> object:
    """What is made of a pickle; None where it is refused, in one line."""
    made, said = None, ""
    try:
        made = files._parse_pickle("batch", content, rows)
    except DataDamaged as error:
        said = str(error)
    assert said.isprintable()
    assert made is None or [len(part) for part in made] == [rows * WIDTH, rows]
    return made


# Finding


@pytest.mark.parametrize("name", [BINARY, PICKLED])
def test_a_folder_that_holds_batches_is_found_and_so_is_the_folder_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert find(str(tmp_path)) == tmp_path
    assert find(str(tmp_path / name)) == tmp_path / name


def test_a_folder_of_batches_is_known_under_any_name(batches: Path, tmp_path: Path) -> None:
    batches.rename(tmp_path / "renamed")
    assert find(str(tmp_path / "renamed")) == tmp_path / "renamed"
    assert len(read(tmp_path / "renamed", rows_per_file=ROWS)[0]) == 5 * ROWS


@pytest.mark.parametrize("data_dir", [None, ""])
def test_the_usual_places_are_looked_at_in_order(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, data_dir: str | None
) -> None:
    here = tmp_path / "project" / "scripts"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    for place in (home / "data", here.parent / "data", here / "data"):
        (place / PICKLED).mkdir(parents=True)
        assert find(data_dir).resolve() == place


def test_the_home_follows_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_data_dir() == home / "data"
    monkeypatch.delenv("GRADTUI_HOME")
    assert home_data_dir().parts[-2:] == ("gradtui", "data")


def test_what_is_not_found_is_told_with_the_places_and_what_to_do(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(DataMissing) as caught:
        find(None)
    assert str(caught.value) == (
        f"CIFAR-10: no cifar-10-batches-bin and no cifar-10-batches-py in ./data, ../data, {home}/data; "
        "use --data-dir DIR, --download, or --data synthetic"
    )


def test_a_named_folder_is_the_only_place(home: Path, tmp_path: Path) -> None:
    (home / "data" / BINARY).mkdir(parents=True)
    with pytest.raises(DataMissing, match=re.escape(f" in {tmp_path}/elsewhere; ")):
        find(str(tmp_path / "elsewhere"))


@pytest.mark.parametrize("name", ["red\x1b[31m", "two\nlines", "\udcff", "nul\0", "x" * 300])
def test_odd_names_are_told_on_one_line(tmp_path: Path, name: str) -> None:
    for look in (lambda: find(str(tmp_path / name)), lambda: read(tmp_path / name)):
        with pytest.raises(DataMissing) as caught:
            look()
        assert str(caught.value).isprintable()


def test_the_name_of_a_damaged_file_is_escaped(tmp_path: Path) -> None:
    batches = folder_of(tmp_path / "red\x1b[31m", as_rows)
    (batches / "test_batch.bin").write_bytes(b"")
    with pytest.raises(DataDamaged, match=r"red\\x1b\[31m.*: 0 bytes; 6,146 were expected \(2 rows of 3,073\)"):
        read(batches, rows_per_file=ROWS)


# Reading what is whole


@pytest.mark.parametrize("write", [as_rows, *PICKLES])
@pytest.mark.parametrize("rows", [1, 3])
def test_both_layouts_are_read(tmp_path: Path, write: Writer, rows: int) -> None:
    folder_of(tmp_path, write, rows)
    train, test = read(tmp_path, rows_per_file=rows)
    expected = [made_up(rows, seed) for seed in range(6)]
    assert train == Pixels(
        bytearray(b"".join(pixels for pixels, _ in expected[:5])), bytearray(b"".join(labels for _, labels in expected[:5]))
    )
    assert test == Pixels(bytearray(expected[5][0]), bytearray(expected[5][1]))
    assert (len(train), len(test)) == (5 * rows, rows)


def test_the_binary_layout_is_read_where_both_are_there(tmp_path: Path) -> None:
    folder_of(tmp_path, as_rows)
    (folder_of(tmp_path, as_published) / "test_batch").unlink()
    assert len(read(tmp_path, rows_per_file=ROWS)[1]) == ROWS


@pytest.mark.parametrize("rows", [1, 3])
def test_an_array_that_lies_by_columns_is_turned(rows: int) -> None:
    pixels, labels = made_up(rows)
    columns = b"".join(pixels[column::WIDTH] for column in range(WIDTH))
    assert parsed(as_published((columns, labels), order=b"\x88"), rows) == (pixels, labels)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_the_installed_numpy_writes_is_read(protocol: int, order: str) -> None:
    numpy = pytest.importorskip("numpy")
    pixels, labels = made_up(3)
    array = numpy.frombuffer(pixels, "u1").reshape(3, WIDTH).copy(order=order)
    for keys in ((b"data", b"labels"), ("data", "labels")):
        assert parsed(pickle.dumps(dict(zip(keys, (array, list(labels)), strict=True)), protocol), 3) == (pixels, labels)


@pytest.mark.parametrize("write", PICKLES)
def test_the_pickles_of_these_tests_are_what_numpy_reads(write: Writer) -> None:
    numpy = pytest.importorskip("numpy")
    content = write(made_up())
    pickletools.dis(content, io.StringIO())
    batch = pickle.loads(content, encoding="bytes")
    assert batch[b"data"].dtype == numpy.uint8
    assert (batch[b"data"].shape, batch[b"data"].tobytes(), bytes(batch[b"labels"])) == ((ROWS, WIDTH), *made_up())


# Reading what is not


@pytest.mark.parametrize("write", PICKLES)
def test_a_pickle_that_ends_early_is_damaged_at_whatever_byte(write: Writer) -> None:
    content = write(made_up(1))
    assert parsed(content, 1) is not None
    for length in range(len(content)):
        assert parsed(content[:length], 1) is None


def test_a_file_of_rows_that_ends_early_or_late_is_damaged(tmp_path: Path) -> None:
    batches = folder_of(tmp_path, as_rows, 1)
    content = as_rows(made_up(1))
    for length in (*range(0, len(content), 97), len(content) - 1):
        assert damage(batches, content[:length], "data_batch_3.bin", 1).startswith(f"{length:,} bytes; 3,073 were expected")
    assert damage(batches, content * 2, "data_batch_3.bin", 1).startswith("6,146 bytes; 3,073 were expected")


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("write", [as_rows, as_published])
def test_a_file_that_is_not_there_is_missing(tmp_path: Path, name: str, write: Writer) -> None:
    batches = folder_of(tmp_path, write)
    path = batches / (f"{name}.bin" if write is as_rows else name)
    path.unlink()
    if path.name == "data_batch_1":
        assert find(str(batches)) == batches
    with pytest.raises(DataMissing, match=f"^{path}: no such file; use --data-dir DIR, .* or --data synthetic$"):
        read(tmp_path, rows_per_file=ROWS)


def test_links_that_go_round_are_missing_files(batches: Path) -> None:
    path = batches / "data_batch_2"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(DataMissing, match=r"data_batch_2: cannot be read \(Too many levels of symbolic links\)"):
        read(batches, rows_per_file=ROWS)


def test_a_folder_that_is_a_link_round_is_missing(tmp_path: Path) -> None:
    (tmp_path / BINARY).symlink_to(BINARY)
    for look in (lambda: find(str(tmp_path)), lambda: find(str(tmp_path / BINARY)), lambda: read(tmp_path)):
        with pytest.raises(DataMissing):
            look()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(batches: Path) -> None:
    (batches / "test_batch").chmod(0)
    with pytest.raises(DataMissing, match="Permission denied"):
        read(batches, rows_per_file=ROWS)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_not_a_regular_file_is_not_opened(batches: Path, make: Callable[[Path], None]) -> None:
    (batches / "data_batch_1").unlink()
    make(batches / "data_batch_1")
    with pytest.raises(DataDamaged, match="not a regular file"):
        read(batches.parent, rows_per_file=ROWS)


def test_a_huge_file_is_refused(batches: Path) -> None:
    os.truncate(batches / "test_batch", (64 << 20) + 1)
    with pytest.raises(DataDamaged, match="test_batch: more than 64 MiB"):
        read(batches, rows_per_file=ROWS)


@pytest.mark.parametrize("label", [10, 255])
def test_a_label_that_is_no_class_is_damage(tmp_path: Path, label: int) -> None:
    pixels, _ = made_up()
    wrong = (pixels, bytes([3, label]))
    said = f"the label of row 1 is {label}; 0 to 9 was expected"
    assert damage(folder_of(tmp_path, as_published), as_published(wrong)) == said
    assert damage(folder_of(tmp_path, as_rows), as_rows(wrong), "test_batch.bin") == said


def patched(old: bytes, new: bytes) -> bytes:
    content = as_published((made_up()[0], b"\x03\x04"))
    assert content.count(old) == 1
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"K\x03K\x04", b"K\x03J\xff\xff\xff\xff", "the label of row 1 is -1; 0 to 9 was expected"),
        (b"K\x03K\x04", b"K\x03\x8a\xff" + b"\x77" * 255, "the label of row 1 is a huge number; 0 to 9 was expected"),
        (b"K\x03K\x04", b"K\x03", "1 entries as 'labels'; 2 whole numbers were expected"),
        (b"K\x03K\x04", b"K\x03K\x04K\x05", "3 entries as 'labels'; 2 whole numbers were expected"),
        (b"K\x03K\x04", b"K\x03U\x014", "2 entries as 'labels'; 2 whole numbers were expected"),
        (b"K\x03K\x04", b"K\x03\x88", "2 entries as 'labels'; 2 whole numbers were expected"),
        (b"K\x03K\x04", b"K\x03N", "2 entries as 'labels'; 2 whole numbers were expected"),
        (b"labels", b"fables", "no list as 'labels'; 2 whole numbers were expected"),
        (b"U\x04data", b"U\x04dada", "no numpy array of bytes as 'data'; 2 x 3,072 was expected"),
        (b"u1", b"i1", "no numpy array of bytes as 'data'; 2 x 3,072 was expected"),
        (b"u1", b"O8", "no numpy array of bytes as 'data'; 2 x 3,072 was expected"),
        (shape(2), shape(3), "'data' is 3 x 3,072 in 6,144 bytes; 2 x 3,072 was expected"),
        (shape(2), b"K\x02K\x03K\x20\x87", "'data' is 2 x 3 x 32 in 6,144 bytes; 2 x 3,072 was expected"),
        (shape(2), b")", "'data' is 0 in 6,144 bytes; 2 x 3,072 was expected"),
        (shape(2), b"\x8a\xff" + b"\x77" * 255 + b"K\x01\x86", "'data' is ? x 1 in 6,144 bytes; 2 x 3,072 was expected"),
        (shape(2), b"U\x01aN\x86", "'data' is ? x ? in 6,144 bytes; 2 x 3,072 was expected"),
    ],
)
def test_a_batch_of_another_make_is_told(batches: Path, old: bytes, new: bytes, said: str) -> None:
    assert damage(batches, patched(old, new)) == said


def test_an_array_shorter_than_its_shape_is_told(batches: Path) -> None:
    content = as_published((made_up()[0][:-1], b"\x03\x04"))
    assert damage(batches, content) == "'data' is 2 x 3,072 in 6,143 bytes; 2 x 3,072 was expected"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a pickle of protocol 2 or later"),
        (b"<!DOCTYPE html>", "not a pickle of protocol 2 or later"),
        (b"(dp0\n.", "not a pickle of protocol 2 or later"),
        (b"\x80\x02", "it ends too early"),
        (b"\x80\x02}", "it ends too early"),
        (b"\x80\x63}.", "a broken pickle (ValueError)"),
        (b"\x80\x02}.", "no numpy array of bytes as 'data'"),
        (b"\x80\x02].", "a pickle of something else, or more than one"),
        (b"\x80\x02}..", "a pickle of something else, or more than one"),
        (b"\x80\x02]]R.", "it calls what cannot be called"),
        (b"\x80\x02cnumpy\nndarray\n]R.", "it calls what cannot be called"),
        (b"\x80\x02cnumpy\nndarray\n}b.", "it sets the state of what has none"),
        (b"\x80\x02cposix\nsystem\n.", "it asks for posix.system"),
        (b"\x80\x02cposix\n\x1b[31m\n.", r"it asks for posix.\x1b[31m"),
        (b"\x80\x02c" + b"x" * 100_000 + b"\nsystem\n.", "it asks for " + "x" * 40 + ".system"),
    ],
)
def test_what_is_no_batch_is_told(batches: Path, content: bytes, said: str) -> None:
    assert damage(batches, content).startswith(said)


# Files that mean harm


def attack_targets(marker: Path) -> dict[str, bytes]:
    """Pickles that, loaded by pickle.loads, make the file ``marker``."""
    touch = text(f"touch {marker}")
    evil = text(f"open({str(marker)!r}, 'w').close()")
    system = b"cposix\nsystem\n"
    called = system + touch + b"\x85R"
    return {
        "REDUCE": b"\x80\x02" + called + b".",
        "STACK_GLOBAL": b"\x80\x04" + unicode4("posix") + unicode4("system") + b"\x93" + touch + b"\x85R.",
        "eval": b"\x80\x02cbuiltins\neval\n" + evil + b"\x85R.",
        "eval by its name of Python 2": b"\x80\x02c__builtin__\neval\n" + evil + b"\x85R.",
        "as data": b"\x80\x02}" + short(b"data") + called + b"s.",
        "as a label": b"\x80\x02}" + short(b"labels") + b"](" + called + b"es.",
        "popped again": b"\x80\x02" + called + b"0}.",
        "after a frame": b"\x80\x04\x95" + struct.pack("<Q", 1) + b"}" + called + b"0.",
        "INST": b"\x80\x02(" + touch + b"iposix\nsystem\n.",
        "OBJ": b"\x80\x02(" + system + touch + b"o.",
        "NEWOBJ": b"\x80\x02cfunctools\npartial\n" + system + touch + b"\x86\x81)R.",
        "__setstate__ in an instance": b"\x80\x02ctypes\nSimpleNamespace\n)R}"
        + text("__setstate__")
        + system
        + b"sb"
        + touch
        + b"b.",
        "append": b"\x80\x02ctypes\nSimpleNamespace\n)R}" + text("append") + system + b"sb" + touch + b"a.",
        "copyreg": b"\x80\x02ccopyreg\n__newobj__\ncfunctools\npartial\n" + system + touch + b"\x87R)R.",
        "EXT1": b"\x80\x02\x82\xf0" + touch + b"\x85R.",
        "EXT2 from the cache": b"\x80\x02\x83\xf1\x00" + touch + b"\x85R.",
    }


ATTACKS = sorted(attack_targets(Path("marker")))


@pytest.fixture
def extensions() -> Iterator[None]:
    """os.system among copyreg's extensions: one registered, one in the cache that no find_class guards."""
    copyreg.add_extension("posix", "system", 0xF0)
    copyreg.add_extension("posix", "system_", 0xF1)
    cache: dict[int, object] = copyreg._extension_cache  # type: ignore[attr-defined]
    cache[0xF1] = os.system
    yield
    copyreg.clear_extension_cache()
    copyreg.remove_extension("posix", "system", 0xF0)
    copyreg.remove_extension("posix", "system_", 0xF1)


@pytest.mark.usefixtures("extensions")
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_that_works_on_pickle_runs_nothing(batches: Path, tmp_path: Path, attack: str) -> None:
    marker = tmp_path / "marker"
    content = attack_targets(marker)[attack]
    damage(batches, content)
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists(), "this attack would have done nothing anyway"


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nndarray\n)R}" + text("__setstate__") + b"cnumpy\ndtype\nsb" + text("x") + b"b.",
        ARRAY + b"}" + text("maker") + b"Nsb" + text("x") + b"R.",
        ARRAY + b"(N}" + text("arguments") + b"Nstb.",
        b"cnumpy\nndarray\nN}" + text("__reduce__") + b"Ns\x86b.",
        b"cnumpy\nndarray\n}" + text("_name_") + text("x") + b"sb.",
        b"c_codecs\nencode\n" + text("41") + text("hex") + b"\x86R.",
        b"c_codecs\nencode\n" + text("\u2212") + text("latin1") + b"\x86R.",
        b"c_codecs\nencode\n" + text("a") + b"\x85R.",
        b"c_codecs\nencode\n]R.",
        b"c_codecs\nlookup\n" + text("zlib") + b"\x85R.",
        b"cnumpy\nload\n" + text("/dev/zero") + b"\x85R.",
        b"cnumpy\nndarray.__class__\n)R.",
        unicode4("numpy") + unicode4("ndarray.tofile") + b"\x93.",
        unicode4("gradtui.cifar10.download") + unicode4("download") + b"\x93.",
        b"cgradtui.cifar10.pickled\nMade\n)R.",
        b"ccopyreg\n_reconstructor\nc__builtin__\nobject\nc__builtin__\nobject\nN\x87R.",
        ARRAY + ARRAY + b"\x81.",
        ARRAY + b")R.",
        ARRAY + b"K\x01a.",
        ARRAY + text("maker") + b"Ns.",
        b"Pid\n.",
        b"Nq\x00Q.",
        b"\x97.",
        b"]b.",
        b"}(K\x01K\x02u.",
        b"}(U\x01au.",
        b"}(U\x01a]]u.",
        b"R.",
        b"e.",
        b"0.",
        b".",
    ],
)
def test_tricks_with_what_is_allowed_come_to_nothing(batches: Path, content: bytes) -> None:
    before = [dict(vars(name)) for name in pickled.Name]
    damage(batches, b"\x80\x02" + content)
    damage(batches, b"\x80\x02}U\x04data" + content[:-1] + b"s.")
    assert [dict(vars(name)) for name in pickled.Name] == before


def doubled(times: int) -> bytes:
    """A tuple of twice the same tuple of twice the same tuple ..."""
    return b")q\x00" + b"h\x00h\x00\x86q\x00" * times


LEFT_OUT = (
    *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4),
    *(pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.BYTEARRAY8),
    *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.DICT, pickle.DUP, pickle.LONG, pickle.LONG4),
)


@pytest.mark.parametrize("opcode", LEFT_OUT)
def test_opcodes_that_call_share_or_allocate_are_unknown(batches: Path, opcode: bytes) -> None:
    assert damage(batches, b"\x80\x05N)" + opcode).startswith(f"an opcode that no batch has ({opcode[0]}); ")


LONG_TEXT = text("a" * 1_000_000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"r\xff\xff\xff\xff", ""),
        (b"Nr\xff\xff\xff\x7f", ""),
        (b"\x8a\xff", ""),
        (b"T\xff\xff\xff\x7f", ""),
        (b"T\xff\xff\xff\xff", ""),
        (b"X\xff\xff\xff\xffa", ""),
        (b"B\xff\xff\xff\xffa", ""),
        (b"\x8d" + b"\xff" * 7 + b"\x7f", ""),
        (b"\x8e" + b"\xff" * 7 + b"\x7f", ""),
        (b"\x8e" + b"\xff" * 8, ""),
        (b"\x95" + b"\xff" * 7 + b"\x7f}", ""),
        (b"\x95" + b"\xff" * 8, ""),
        (b"\x96" + b"\x00\x00\x00\x00\x01\x00\x00\x00", "an opcode that no batch has"),
        (doubled(100) + b"}h\x00Ns", "a key that is not a short text"),
        (doubled(100) + b"}(h\x00Nu", "a key that is not a short text"),
        (doubled(100) + b"\x8f(h\x00\x90", "an opcode that no batch has"),
        (b"}" + LONG_TEXT + b"Ns", "a key that is not a short text"),
        (b"}" * 1_000_000, "a pickle of more than 200,000 opcodes"),
        (b"(" * 1_000_000, "a pickle of more than 200,000 opcodes"),
        (b"(" + b"]" * 1_000_000 + b"t", "a pickle of more than 200,000 opcodes"),
        (b")" + b"\x85" * 150_000, "a pickle of something else"),
        (b"]" + b"]" * 90_000 + b"a" * 90_000, "a pickle of something else"),
        (b"cnumpy\ndtype\nq\x00" + b"h\x00" * 50_000 + b")" + b"R\x85" * 50_000, "a pickle of something else"),
        (
            b"c_codecs\nencode\nq\x00" + LONG_TEXT + b"q\x01" + text("latin1") + b"q\x02" + b"h\x00h\x01h\x02\x86R" * 30_000,
            "it encodes more text than a batch holds",
        ),
    ],
)
def test_a_small_file_costs_little_time_and_memory(batches: Path, content: bytes, said: str) -> None:
    tracemalloc.start()
    begin = time.process_time()
    try:
        assert damage(batches, b"\x80\x04" + content + b".").startswith(said)
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("key", [b"data", b"labels"])
def test_a_value_that_takes_for_ever_to_print_is_not_printed(batches: Path, key: bytes) -> None:
    endless = doubled(100) + b"}" + short(key) + b"h\x00s."
    assert damage(batches, b"\x80\x02" + endless).startswith("no numpy array")
    damage(batches, as_published(made_up(), dims=doubled(100)))
    damage(batches, patched(b"K\x03K\x04", doubled(100)))
    damage(batches, patched(b"u1q\r", b"u1q\r" + doubled(100)))


OPCODES = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])
PIECES = st.one_of(
    OPCODES,
    st.binary(max_size=6),
    st.sampled_from(
        [
            *(
                b"K\x01",
                b"K\x00",
                b"U\x01b",
                b"h\x00",
                b"q\x00",
                b"\x85",
                b"\x86",
                b"\x87",
                b"R",
                b"b",
                b"(",
                b"t",
                b"}",
                b"s",
                b"u",
            ),
            *(
                short(b"data"),
                short(b"labels"),
                text("latin1"),
                unicode4("numpy"),
                unicode4("ndarray"),
                b"\x93",
                b"N",
                b")",
                b"]",
            ),
            *(
                b"cnumpy\nndarray\n",
                b"cnumpy\ndtype\n",
                b"cnumpy.core.multiarray\n_reconstruct\n",
                b"c_codecs\nencode\n",
                ARRAY,
            ),
            *(
                b"cos\nsystem\n",
                b"cbuiltins\neval\n",
                b"S'a'\n",
                b"I1\n",
                b"L1L\n",
                b"F1\n",
                b"Va\n",
                b"g0\n",
                b"p0\n",
                b"ios\nsystem\n",
            ),
        ]
    ),
)


@settings(max_examples=250, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"\x80\x05\x95\x20" + bytes(7)]))
def test_random_bytes_are_refused(content: bytes, start: bytes) -> None:
    assert parsed(start + content) is None


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30), st.sampled_from([b"", b"}", b"}(U\x04data"]))
def test_opcodes_in_any_order_are_refused(pieces: list[bytes], start: bytes) -> None:
    assert parsed(b"\x80\x04" + start + b"".join(pieces) + b".") is None


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.sampled_from([b"data", b"labels", "data"]), st.integers()), inner, max_size=3),
        st.sets(st.integers(), max_size=3),
        st.builds(bytearray, st.binary(max_size=3)),
        st.builds(Path, st.just("a")),
    ),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(0, 5))
def test_pickles_of_other_things_are_refused(value: object, protocol: int) -> None:
    assert parsed(pickle.dumps(value, protocol)) is None


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PICKLES), st.data())
def test_a_true_file_with_a_few_other_bytes_is_refused_or_read(write: Writer, data: st.DataObject) -> None:
    content = bytearray(write(made_up(1)))
    places = [*range(450), *range(len(content) - 100, len(content))]
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    parsed(bytes(content), 1)


# Fetching

MEMBER_SIZE = ROWS * (1 + WIDTH)


def tarred(*members: tuple[str, bytes | None], link: str | None = None) -> bytes:
    """An archive; a member without content is a symbolic link to ``link``."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, link or ""
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return target.getvalue()


BATCH_MEMBERS = [(f"{BINARY}/{name}.bin", as_rows(made_up(ROWS, seed))) for seed, name in enumerate(BATCHES)]
EXTRA_MEMBERS = [(f"{BINARY}/readme.html", b"<html>"), (f"{BINARY}/batches.meta.txt", b"airplane\n")]


class Server(http.server.ThreadingHTTPServer):
    """Answers every request with ``body``, of which ``told`` bytes are announced; with 404 where there is none."""

    body: bytes | None = None
    told: int | None = None
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cifar-10-binary.tar.gz"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.body is None:
            return self.send_error(404)
        self.send_response(200)
        if self.server.told is not None:
            self.send_header("Content-Length", str(self.server.told))
        self.end_headers()
        self.wfile.write(self.server.body)
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetched(
    server: Server, body: bytes, to: Path, progress: Callable[[int, int | None], None] = lambda done, total: None
) -> Path:
    """A download that expects exactly ``body``."""
    server.body = server.body or body
    server.told = server.told or len(server.body)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return download(to, progress, server.url, md5=digest, size=len(body), member_size=MEMBER_SIZE)


def refused(server: Server, body: bytes, to: Path) -> str:
    """Why a download failed, in one line; nothing is left of it."""
    with pytest.raises(DataMissing) as caught:
        fetched(server, body, to)
    assert list(to.iterdir()) == []
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_download_is_read(server: Server, tmp_path: Path) -> None:
    to = tmp_path / "new" / "data"
    seen: list[tuple[int, int | None]] = []
    body = tarred(*EXTRA_MEMBERS, *BATCH_MEMBERS)
    target = fetched(server, body, to, lambda done, total: seen.append((done, total)))
    assert target == to / BINARY
    assert to.stat().st_mode & 0o777 == 0o700
    assert list(to.iterdir()) == [target]
    assert {path.name for path in target.iterdir()} == {f"{name}.bin" for name in BATCHES}
    assert seen[-1] == (len(body), len(body))
    for folder in (find(str(to)), target):
        train, test = read(folder, rows_per_file=ROWS)
        assert train.images[: ROWS * WIDTH] == made_up(ROWS, 0)[0]
        assert test.labels == made_up(ROWS, 5)[1]


def test_progress_goes_on_where_the_server_does_not_say_how_much(server: Server, tmp_path: Path) -> None:
    body = tarred(*BATCH_MEMBERS)
    server.body = body
    seen: list[tuple[int, int | None]] = []
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    download(tmp_path, lambda *now: seen.append(now), server.url, md5=digest, size=len(body), member_size=MEMBER_SIZE)
    assert seen[-1] == (len(body), None)


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    body = tarred(*BATCH_MEMBERS)
    assert fetched(server, body, tmp_path / "data") == fetched(server, body, tmp_path / "data")
    assert server.requests == 1


def test_what_is_there_in_part_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data" / BINARY).mkdir(parents=True)
    with pytest.raises(DataMissing, match="is there and not whole; remove it"):
        fetched(server, tarred(*BATCH_MEMBERS), tmp_path / "data")
    assert server.requests == 0


def test_another_checksum_is_told_with_both_sums(server: Server, tmp_path: Path) -> None:
    body = tarred(*BATCH_MEMBERS)
    server.body = body[:-1] + bytes([body[-1] ^ 1])
    message = refused(server, body, tmp_path / "data")
    for content in (body, server.body):
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() in message


def test_a_cut_connection_is_told(server: Server, tmp_path: Path) -> None:
    body = tarred(*BATCH_MEMBERS)
    server.body, server.told = body[:1000], len(body)
    message = refused(server, body, tmp_path / "data")
    assert message.endswith(f"the connection was cut after 1,000 of {len(body):,} bytes; try again")


def test_a_short_answer_of_unknown_length_is_told(server: Server, tmp_path: Path) -> None:
    server.body = b"<html>log in to the hotel</html>"
    assert "32 bytes with the MD5 sum" in refused(server, tarred(*BATCH_MEMBERS), tmp_path / "data")


def test_an_endless_answer_is_ended(server: Server, tmp_path: Path) -> None:
    server.body = bytes(8 << 20)
    assert "more than" in refused(server, tarred(*BATCH_MEMBERS), tmp_path / "data")


def test_a_server_that_has_no_such_file_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"could not be fetched into .*data \(the server answered 404\)"):
        download(tmp_path / "data", lambda done, total: None, server.url)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://127.0.0.1:1/a\nb", "nonsense", "gopher://x", "http://[", "http://"]
)
def test_a_server_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataMissing) as caught:
        download(tmp_path / "data", lambda done, total: None, url)
    assert str(caught.value).isprintable()
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataMissing, match=r"\(Not a directory\)"):
        fetched(server, tarred(*BATCH_MEMBERS), tmp_path / "file" / "data")


def test_whoever_watches_can_end_it_and_nothing_is_left(server: Server, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(server, tarred(*BATCH_MEMBERS), tmp_path / "data", interrupt)
    assert list((tmp_path / "data").iterdir()) == []


def test_members_that_lead_elsewhere_are_not_followed(server: Server, tmp_path: Path) -> None:
    to = tmp_path / "deep" / "data"
    body = tarred(
        ("../escaped.bin", b"x"),
        (f"{tmp_path}/escaped.bin", b"x"),
        ("../../data_batch_1.bin", BATCH_MEMBERS[0][1]),
        (f"{BINARY}/readme.html", None),
        *BATCH_MEMBERS,
        (f"{BINARY}/test_batch.bin", None),
        link=str(tmp_path / "outside"),
    )
    target = fetched(server, body, to)
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.bin" for name in BATCHES)
    assert not any(path.is_symlink() for path in target.iterdir())
    assert {path.name for path in tmp_path.rglob("*.bin")} == {path.name for path in target.iterdir()}
    assert len(list(tmp_path.rglob("*.bin"))) == 6


def test_a_link_in_place_of_a_batch_is_not_a_batch(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(MEMBER_SIZE))
    body = tarred(*BATCH_MEMBERS[:5], (f"{BINARY}/test_batch.bin", None), link=str(secret))
    assert refused(server, body, tmp_path / "data").startswith("test_batch.bin is not in the archive, or is not a file there")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (tarred(*BATCH_MEMBERS[1:]), "data_batch_1.bin is not in the archive"),
        (tarred((f"{BINARY}/data_batch_1.bin", b"x"), *BATCH_MEMBERS[1:]), "data_batch_1.bin in the archive has 1 bytes"),
        (tarred(*BATCH_MEMBERS)[:-2000], "could not be fetched"),
        (b"\x1f\x8b" + bytes(100), "could not be fetched"),
        (b"no archive", "not a gzip file"),
        (b"", "could not be fetched"),
    ],
)
def test_an_archive_of_another_make_leaves_nothing(server: Server, tmp_path: Path, body: bytes, said: str) -> None:
    server.told = len(body)
    assert said in refused(server, body, tmp_path / "data")


def test_neither_numpy_nor_torch_nor_the_screen_is_imported() -> None:
    script = "import gradtui.cifar10.download, gradtui.cifar10.files, sys; print(*sys.modules)"
    result = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in result.stdout.split()} & {"numpy", "torch", "textual"}
