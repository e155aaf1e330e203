"""Handle the signals that end a process, for as long as a block lasts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def handled(names: Sequence[str], handle: Callable[[], None]) -> Iterator[None]:
    """Call `handle` at the signals of these names, as far as the system has them.

    A signal that is ignored, as by nohup, stays ignored. Outside the main thread, which alone can
    handle signals, none is handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda *_: handle())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
