"""CIFAR-10 on disk: the names and contents of its files. Needs neither numpy nor torch, and runs nothing in a file.

Two layouts are supported, each with six batches: ``cifar-10-batches-bin`` (rows of one label and 3,072 pixels) and
``cifar-10-batches-py`` (pickled by Python 2 and numpy; what torchvision downloads). They are described at
https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

from dataclasses import dataclass

BINARY = "cifar-10-batches-bin"
PICKLED = "cifar-10-batches-py"
LAYOUTS = {BINARY: ".bin", PICKLED: ""}
"""The folder of each layout and the suffix of its files; the first one found is read."""
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCHES = ("test_batch",)

ROWS_PER_FILE = 10_000
PIXELS_PER_ROW = 3 * 32 * 32
CLASSES = 10

MAX_FILE_BYTES = 64 << 20
"""A real file has 31 MB; a pickle that stores its pixels as text has up to 1.5 times that."""


class DataMissing(ValueError):
    """Files are missing or could not be downloaded; the message says which, where, and what to do."""


class DataDamaged(ValueError):
    """A file is not as expected; the message names it, and says what was found and what was expected."""


@dataclass(frozen=True)
class Pixels:
    """Pictures and their labels.

    ``images`` has 3,072 bytes per picture, 0 to 255: 32 rows of 32 for red, then green, then blue ([n, 3, 32, 32] in C
    order). ``labels`` has one byte per picture, 0 to 9.
    """

    images: bytearray
    labels: bytearray

    def __len__(self) -> int:
        return len(self.labels)
