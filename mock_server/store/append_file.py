"""A file that only grows: what is appended is in it completely, or not at all."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


class AppendFile:
    """The log in ``path``, which has ``length`` valid bytes; whatever follows them is removed."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Open or create the file. Raise OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o666)
        self.length = length
        self._uncertain = True  # The file may be longer.
        try:
            self._repair()
        except OSError:
            self.close()
            raise

    def append(self, data: bytes) -> None:
        """Append ``data``. Raise OSError; the file is then as it was."""
        self._repair()
        self._uncertain = True
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # Otherwise before the next append.
                self._repair()
            raise
        self._uncertain = False
        self.length += len(data)

    @property
    def removed(self) -> bool:
        """Whether the file has no name any more, so that what is appended is lost."""
        return os.fstat(self._file).st_nlink == 0

    def take_back(self, length: int) -> None:
        """Remove what follows the first ``length`` bytes, at the latest before the next append."""
        self.length = length
        self._uncertain = True
        with contextlib.suppress(OSError):
            self._repair()

    def syncing(self) -> Callable[[], None]:
        """Return a function that waits until the present content is on the disk, for a thread; the
        file may be closed meanwhile. It raises OSError."""
        file = os.dup(self._file)

        def sync() -> None:
            try:
                os.fsync(file)
            finally:
                os.close(file)

        return sync

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _repair(self) -> None:
        if self._uncertain:
            os.ftruncate(self._file, self.length)
            self._uncertain = False
