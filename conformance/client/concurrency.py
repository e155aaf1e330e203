"""Several requests at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls as nearly at the same moment as threads allow; their results in order.

    The first exception among them is raised when all are done. If the time is up meanwhile, the
    threads are abandoned: a target that never completes a response must not hold the process.
    """
    gate = threading.Barrier(len(calls))
    results: dict[int, T] = {}
    faults: dict[int, BaseException] = {}

    def run(number: int, call: Callable[[], T]) -> None:
        try:
            gate.wait(timeout=10)
            results[number] = call()
        except BaseException as fault:
            faults[number] = fault

    threads = [
        threading.Thread(target=run, args=numbered, daemon=True) for numbered in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in sorted(faults):
        raise faults[number]
    return [results[number] for number in range(len(calls))]
