"""A limit on time that holds even where a library waits without one: the process's alarm, where
there is one and this is the main thread; elsewhere the limits of the single requests must do."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from conformance.errors import OutOfTime


@contextmanager
def limit(seconds: float, message: str) -> Iterator[None]:
    """Raise OutOfTime with the message in the body if it takes longer than this."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise OutOfTime(message)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def left(otherwise: float) -> float:
    """The seconds until the limit that is in force, or `otherwise` where there is none."""
    if not hasattr(signal, "getitimer"):
        return otherwise
    return signal.getitimer(signal.ITIMER_REAL)[0] or otherwise
