"""The requests of a running mock in its terminal: a line for each, as it ends."""

from queue import Empty, Full, Queue
from threading import Thread
from typing import Any

from mock_server.cli.text import echo

_MAX_WAITING = 1_000
_PATIENCE = 1.0
"""Real seconds for the last lines when the mock stops."""


class RequestLines:
    """Prints requests from a thread of its own, because a terminal that is stopped (Ctrl-S) or slow
    must not stop the mock; lines that it cannot take are left out."""

    def __init__(self) -> None:
        self._lines: Queue[str | None] = Queue(_MAX_WAITING)
        self._omitted = 0
        self._thread: Thread | None = None

    def __call__(self, entry: dict[str, Any]) -> None:
        """Print a request, an entry of the journal."""
        if self._thread is None:  # Not before: a process with threads cannot be forked.
            self._thread = Thread(target=self._print, daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(line(entry))
        except Full:
            self._omitted += 1

    def close(self) -> None:
        """Print what waits, unless the terminal does not take it."""
        if self._thread is None:
            return
        try:
            self._lines.put_nowait(None)
        except Full:
            return
        self._thread.join(_PATIENCE)

    def _print(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                echo(text)
                omitted, self._omitted = self._omitted, 0
                if omitted:
                    echo(f"({omitted} requests not shown)")
            except (OSError, ValueError):
                return self._discard()  # The terminal is gone.
        return None

    def _discard(self) -> None:
        try:
            while self._lines.get_nowait() is not None:
                pass
        except Empty:
            pass


def line(entry: dict[str, Any]) -> str:
    """Return an entry of the journal as a line: method, path, status, time, world, and why."""
    query = f"?{entry['query']}" if entry["query"] else ""
    status = "none" if entry["status"] is None else str(entry["status"])
    took = "" if entry["durationMs"] is None else f"{entry['durationMs']:.1f} ms"
    parts = [
        f"{entry['method']} {entry['path']}{query}",
        status,
        took,
        entry["tenant"] or "no world",
    ]
    return "  ".join([*parts, "; ".join(_reasons(entry))]).rstrip()


def _reasons(entry: dict[str, Any]) -> list[str]:
    reasons = [entry["reason"]] if entry["reason"] else []
    reasons += [f"{'.'.join(flaw['loc'])}: {flaw['msg']}" for flaw in entry["flaws"]]
    if entry["backend"]:
        reasons.append(f"passed on to {entry['backend']}")
    if entry["faults"]:
        reasons.append(f"injected: {', '.join(entry['faults'])}")
    if entry["question"] is not None and (entry["status"] or 0) >= 400:
        reasons.append(f"{entry['question']['number']}: {entry['question']['answer']}")
    reasons += [
        f"did you mean {miss['method']} {miss['path']}?" for miss in entry["nearMisses"][:1]
    ]
    return reasons
