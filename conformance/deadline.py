"""A limit on time that holds even where a library waits without one: by the process's alarm in the
main thread, and by a timer in threads that ask for it; elsewhere the limits of the single requests
must do."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from conformance.errors import DeadlineExceeded

_thread = threading.local()


def watch_this_thread() -> None:
    """Let limits hold in this thread as well."""
    _thread.watched = True


@contextmanager
def limit(
    seconds: float, message: str, kind: type[BaseException] = DeadlineExceeded
) -> Iterator[None]:
    """Raise this kind of exception with the message in the body if it takes longer than this.

    A limit within a limit can only be the shorter one.
    """
    if _watched():
        yield from _limit_thread(seconds, message, kind)
        return
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
    if _watched():
        until: float | None = getattr(_thread, "until", None)
        # Zero would be no limit at all.
        return otherwise if until is None else max(until - time.monotonic(), 0.001)
    if not hasattr(signal, "getitimer"):
        return otherwise
    return signal.getitimer(signal.ITIMER_REAL)[0] or otherwise


class _Alarm:
    """Raises an exception in a thread when the time has come, unless it was stopped before. The
    thread meets it between two instructions: a call that waits without end is not interrupted."""

    def __init__(self, seconds: float, kind: type[BaseException]) -> None:
        self._rang = False
        self._kind = kind
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._stopped = False
        self._timer = threading.Timer(max(seconds, 0.0), self._ring)
        self._timer.daemon = True

    def start(self) -> None:
        """Let the time run."""
        self._timer.start()

    def stop(self) -> None:
        """Do not ring any more, and take back an exception that was not raised yet."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._rang:
                _raise_in(self._thread, None)

    def _ring(self) -> None:
        with self._lock:
            if not self._stopped:
                self._rang = True
                _raise_in(self._thread, self._kind)


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _limit_thread(seconds: float, message: str, kind: type[BaseException]) -> Iterator[None]:
    outer: float | None = getattr(_thread, "until", None)
    until = time.monotonic() + seconds
    if outer is not None and outer <= until:
        yield
        return
    alarm, _thread.until = _Alarm(seconds, _with_message(kind, message)), until
    try:
        alarm.start()
        yield
    finally:
        # The alarm may ring here as well.
        try:
            alarm.stop()
        finally:
            _thread.until = outer


def _with_message(kind: type[BaseException], message: str) -> type[BaseException]:
    """Return a kind of this exception that is raised without arguments."""

    def init(self: BaseException) -> None:
        kind.__init__(self, message)

    return type(kind.__name__, (kind,), {"__init__": init})


def _watched() -> bool:
    return getattr(_thread, "watched", False)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
