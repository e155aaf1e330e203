"""The lock of a directory, which ends with the process that holds it, however that ends."""

import os
import sys
from pathlib import Path


def lock(path: Path, text: str, *, shared: bool = False) -> int:
    """Lock the file at ``path``, write ``text`` to it, and return its descriptor.

    A ``shared`` lock is one that others may have as well, who share it. Raise BlockingIOError while
    another process has it, and OSError.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(file, shared=shared)
        os.ftruncate(file, 0)
        os.write(file, text.encode())
    except BaseException:
        os.close(file)
        raise
    return file


def is_at(path: Path, file: int) -> bool:
    """Return whether the file at ``path`` is the one with that descriptor."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def holder(path: Path) -> str:
    """Return which process has locked the file at ``path``, whose text begins with its id."""
    text = path.read_text("utf-8", "replace").strip().partition(" ")[0][:20]
    if not (text.isascii() and text.isdecimal()):
        return "another mock"
    if _lives(int(text)):
        return f"process {text}"
    # Those inherit the lock.
    return f"workers of a mock whose process {text} has ended (fuser {path} lists them)"


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """Where the lock is: other processes cannot read what is locked, and read the text."""

    def _lock(file: int, *, shared: bool) -> None:  # There are no workers here.
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from None
        os.lseek(file, 0, os.SEEK_SET)

    def _lives(process: int) -> bool:
        return True  # Here the lock is not inherited.

else:
    import fcntl

    def _lock(file: int, *, shared: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _lives(process: int) -> bool:
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            return True  # Of another user.
        return True
