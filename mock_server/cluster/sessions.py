"""Sessions of pages that every worker accepts, whichever has opened them."""

import asyncio
import hmac
from collections.abc import Callable
from mmap import mmap

from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.engine.randomness import new_token
from mock_server.http.control_sessions import MAX_SESSIONS, ControlSessions, cookies
from mock_server.journal.exchange import Headers

LOOK_SECONDS = 1.0
"""Real seconds between two looks whether a session that is watched has ended."""


class SharedSessions(ControlSessions):
    """As ``ControlSessions``; the numbers of open sessions are in memory that all workers have.

    So what has ended stays so, also for a worker that is started again. A cookie is a number and
    its signature. Each worker adds to a part of its own, so none waits for another; any of them
    removes by writing zero. Create it before the workers.
    """

    def __init__(self, token: str | None, workers: int, numbers: SharedNumbers) -> None:
        """``numbers`` number the sessions, too."""
        super().__init__(token)
        self._secret = new_token().encode()
        self._numbers = numbers
        self._open = memoryview(mmap(-1, 8 * MAX_SESSIONS * workers)).cast("Q")

    def sign_in(self) -> str:
        number = next(iter(self._numbers))
        first = self._numbers.index * MAX_SESSIONS
        own = range(first, first + MAX_SESSIONS)
        self._open[min(own, key=self._open.__getitem__)] = number
        return f"{number}.{self._sign(b'%d' % number)}"

    def sign_out(self, headers: Headers) -> None:
        for ended in self._of(headers):
            for place, number in enumerate(self._open):
                if number == ended:
                    self._open[place] = 0

    def watch(self, headers: Headers, end: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            if self.is_open(headers):
                timer = loop.call_later(LOOK_SECONDS, look)
            else:
                end()

        def stop() -> None:
            timer.cancel()

        if not self.is_open(headers):  # It has come with the token.
            return lambda: None
        timer = loop.call_later(LOOK_SECONDS, look)
        return stop

    def is_open(self, headers: Headers) -> bool:
        return bool(self._of(headers))

    def _of(self, headers: Headers) -> list[int]:
        """Return the numbers of the open sessions of a request."""
        found = []
        for session in cookies(headers):
            name, _, signature = session.partition(b".")
            if hmac.compare_digest(signature, self._sign(name).encode()):
                number = int(name)
                newer = sum(one > number for one in self._open)
                if newer < MAX_SESSIONS and number in self._open:
                    found.append(number)
        return found

    def _sign(self, name: bytes) -> str:
        return hmac.new(self._secret, name, "sha256").hexdigest()
