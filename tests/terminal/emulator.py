"""A real terminal: the app runs in a pty, and a terminal emulator reads its output."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from types import TracebackType

import pyte

KEYS = {
    "F1": "\x1bOP", "F2": "\x1bOQ", "F3": "\x1bOR", "F5": "\x1b[15~", "F6": "\x1b[17~", "F7": "\x1b[18~", "F8": "\x1b[19~",
    "Tab": "\t", "Enter": "\r", "Escape": "\x1b", "Down": "\x1b[B", "Up": "\x1b[A", "Left": "\x1b[D", "Right": "\x1b[C",
    "Backspace": "\x7f", "ctrl+q": "\x11", "ctrl+p": "\x10", "PageDown": "\x1b[6~",
}  # fmt: skip


class Terminal:
    """A terminal with a command running in it, by default the app. Leaving the context ends the command."""

    def __init__(self, columns: int, rows: int, command: Sequence[str] = (), **environment: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = 0
        self.raw = bytearray()
        self.descriptor, other_end = pty.openpty()
        self.resize(columns, rows)
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLORTERM", "NO_COLOR")}
        self.process = subprocess.Popen(
            command or (sys.executable, "-m", "gradtui"),
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            env={**inherited, "TERM": "xterm-256color", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (the pty is its controlling terminal)
        )
        os.close(other_end)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def hang_up(self) -> None:
        """Cut the link."""
        os.close(self.descriptor)
        self.descriptor = -1

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def press(self, *keys: str) -> None:
        """Type keys, given by name, or plain text."""
        for key in keys:
            os.write(self.descriptor, KEYS.get(key, key).encode())
            # A lone escape differs from the start of a longer sequence only in that nothing follows.
            self.read(0.2 if key == "Escape" else 0.02)

    def send(self, text: str) -> None:
        """Type ``text`` without waiting."""
        os.write(self.descriptor, text.encode())

    def read(self, seconds: float) -> bool:
        """Feed the emulator for this long; return False once the other end is closed."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            data = self._receive(left)
            if data is None:
                return False
            self._feed(data)
        return True

    def read_until(self, wanted: bytes, seconds: float) -> None:
        """Wait for these bytes. The emulator gets them afterwards, so that its work does not count as waiting."""
        deadline = time.monotonic() + seconds
        came = b""
        while wanted not in came and (left := deadline - time.monotonic()) > 0:
            came += self._receive(left) or b""
        self._feed(came)

    def _receive(self, seconds: float) -> bytes | None:
        """The next bytes; empty after the timeout; None once the other end is closed."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return b""
        try:
            return os.read(self.descriptor, 65_536) or None
        except OSError:
            return None

    def _feed(self, data: bytes) -> None:
        self.received += len(data)
        self.raw += data
        # pyte prints what it takes for text in the private CSI sequences of the kitty keyboard protocol.
        for sequence in (b"\x1b[>1u", b"\x1b[>25u", b"\x1b[<u", b"\x1b[=1;1u", b"\x1b[?u"):
            data = data.replace(sequence, b"")
        self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, *words: str, seconds: float = 30) -> None:
        """Wait until all words are on the screen."""
        deadline = time.monotonic() + seconds
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, f"{words} did not come:\n{self.text}"
            if not self.read(0.05):
                time.sleep(0.05)

    def exit_code(self, seconds: float = 15) -> int | None:
        """The command's exit code; None if it is still running."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)  # whatever ends must be able to say its last words
        return self.process.poll()
