"""Sessions of pages that every replica accepts, whichever has opened them."""

import hmac
import re
from collections import defaultdict
from collections.abc import Callable, Collection

from mock_server.engine.clock import HOUR, wall
from mock_server.engine.randomness import new_token
from mock_server.http.control_sessions import ControlSessions, cookies
from mock_server.journal.exchange import Headers

_NAME = re.compile(r"\d{1,18}-")

MAX_AGE = 12 * HOUR
"""Milliseconds after which a session ends by itself."""


class ReplicaSessions(ControlSessions):
    """As ``ControlSessions``, for replicas that have the same token.

    A cookie is the instant at which the session was opened, a random text, and the signature of
    both by the token. So a replica needs to know of the others only which sessions have ended
    before their time: ``unsent`` are those that it has to say, and ``met`` is called with all.
    They may have clocks that are hours apart, so ``now`` is to be the time of the store; and
    ``secret`` what they have in common, or a cookie would let its owner try tokens in silence.
    """

    def __init__(self, token: str | None) -> None:
        super().__init__(token)
        self.now: Callable[[], int] = wall
        self.secret: Callable[[], str] = str
        self.unsent: set[str] = set()
        self._ended: set[str] = set()
        self._watched: defaultdict[str, set[Callable[[], None]]] = defaultdict(set)

    def sign_in(self) -> str:
        name = f"{self.now()}-{new_token()}"
        return f"{name}.{self._sign(name)}"

    def sign_out(self, headers: Headers) -> None:
        self.unsent.update(self._of(headers))
        self._end_watched()

    def watch(self, headers: Headers, end: Callable[[], None]) -> Callable[[], None]:
        names = self._of(headers)
        for name in names:
            self._watched[name].add(end)

        def stop() -> None:
            for name in names:
                self._watched[name].discard(end)
                if not self._watched[name]:
                    del self._watched[name]

        return stop

    def is_open(self, headers: Headers) -> bool:
        return bool(self._of(headers))

    def met(self, sent: Collection[str], ended: Collection[str]) -> None:
        """Note that the store has those that were ``sent``, and which have ``ended`` anywhere.

        If it has lost some, they are sent again.
        """
        self._ended.update(sent, filter(_NAME.match, ended))
        self._ended = {name for name in self._ended if self.now() < _opened(name) + MAX_AGE}
        self.unsent.difference_update(sent)
        self.unsent.update(self._ended.difference(sent, ended))
        self._end_watched()

    def _end_watched(self) -> None:
        for name, calls in list(self._watched.items()):
            if not self._is_open(name):
                for call in list(calls):
                    call()

    def _of(self, headers: Headers) -> list[str]:
        """Return the names of the open sessions of a request."""
        found = []
        for session in cookies(headers):
            name, _, signature = session.decode("latin-1").rpartition(".")
            expected = self._sign(name)
            if hmac.compare_digest(signature.encode(), expected.encode()) and self._is_open(name):
                found.append(name)
        return found

    def _is_open(self, name: str) -> bool:
        young = self.now() < _opened(name) + MAX_AGE
        return young and name not in self.unsent and name not in self._ended

    def _sign(self, name: str) -> str:
        return hmac.new(self._token, f"{self.secret()} {name}".encode(), "sha256").hexdigest()


def _opened(name: str) -> int:
    return int(name.partition("-")[0])
