"""A limit on time that holds even where a library waits without one: the process's alarm, where
there is one and this is the main thread; elsewhere the limits of the single requests must do."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from conformance.errors import DeadlineExceeded


@contextmanager
def limit(
    seconds: float, message: str, kind: type[BaseException] = DeadlineExceeded
) -> Iterator[None]:
    """Raise this kind of exception with the message in the body if it takes longer than this.

    A limit within a limit can only be the shorter one.
    """
    if not hasattr(signal, "setitimer") or not _in_main_thread():
        yield
        return
    outer, start = signal.getitimer(signal.ITIMER_REAL)[0], time.monotonic()
    if 0 < outer <= seconds:
        yield
        return

    def ring(number: int, event: FrameType | None) -> None:
        raise kind(message)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            # Zero would be no alarm at all.
            left = max(outer - (time.monotonic() - start), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left)


def left(otherwise: float) -> float:
    """The seconds until the limit that is in force, or `otherwise` where there is none."""
    if not hasattr(signal, "getitimer"):
        return otherwise
    return signal.getitimer(signal.ITIMER_REAL)[0] or otherwise


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
