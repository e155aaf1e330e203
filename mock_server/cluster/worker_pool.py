"""Several workers instead of one server, for ``runs-mock serve --workers N``."""

import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from socket import socket
from typing import Any, NoReturn

from mock_server.app import Mock
from mock_server.cluster import supervisor
from mock_server.cluster.heartbeats import Heartbeats
from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.cluster.sessions import SharedSessions
from mock_server.cluster.supervisor import Supervisor
from mock_server.cluster.worker import Seat, Start
from mock_server.engine.randomness import new_token
from mock_server.settings import Settings

Report = Callable[[str, bool], None]
"""Prints a line, and whether it is good news."""


class WorkerPool:
    """The workers of one mock, from what they share to their end.

    Raise UsageError where the system cannot have several.
    """

    def __init__(self, count: int, settings: Settings) -> None:
        supervisor.check_platform()
        self._count = count
        self._stored = settings.store != Settings.store
        self._numbers = SharedNumbers(count)
        self.shared: dict[str, Any] = {
            "numbers": iter(self._numbers),
            "sessions": SharedSessions(settings.access.token, count, self._numbers),
        }
        """The arguments of the mock."""

    def once(self, report: Report) -> Report:
        """Return a report that the first worker prints, where all would print the same."""

        def printed(line: str, good: bool) -> None:
            if self._numbers.index == 0:
                report(line, good)

        return printed

    def open(
        self,
        mock: Mock,
        listeners: Sequence[socket],
        background: Callable[[], Coroutine[None, None, None]] | None,
        tune: Callable[[], None],
    ) -> None:
        """Open the sockets of the workers of ``mock``; ``tune`` is called in each when it serves.

        Raise UsageError.
        """
        self._place: Path
        self._seats: list[Seat]
        self._place, self._seats = supervisor.open_seats(self._count)
        self._start = Start(
            mock,
            self._numbers,
            Heartbeats(self._count),
            self._seats,
            new_token(),
            listeners,
            background,
            tune,
        )

    def run(self, greet: Callable[[], None], report: Report) -> NoReturn:
        """Run the workers and end the process; call ``greet`` when they serve."""
        worlds = "come back from the store" if self._stored else "begin as at the start"
        gc.freeze()  # So that collections do not write to memory that all have in common.
        number = Supervisor(
            self._start, self._place, lambda line: report(f"{line}; its worlds {worlds}", False)
        ).run(greet)
        if number == signal.SIGTERM:  # As a server that has one process.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if not number:
            report("a worker did not start; see above", False)
        sys.exit(0 if number else 1)
