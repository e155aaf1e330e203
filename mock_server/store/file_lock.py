"""The lock of a directory, which ends with the process that holds it, however that ends."""

import os
import sys
from pathlib import Path


def lock(path: Path, text: str) -> int:
    """Lock the file at ``path``, write ``text`` to it, and return its descriptor.

    Raise BlockingIOError while another process has it, and OSError.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(file)
        os.ftruncate(file, 0)
        os.write(file, text.encode())
    except BaseException:
        os.close(file)
        raise
    return file


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """Where the lock is: other processes cannot read what is locked, and read the text."""

    def _lock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from None
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
