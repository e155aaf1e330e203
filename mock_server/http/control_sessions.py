"""The sessions of pages that have signed in to the control API with its token.

A page cannot keep the token: a script could read it, and ``EventSource`` cannot send it. So it
exchanges the token for a cookie that no script can read, which is random and valid until the page
signs out or the mock stops. A cookie comes with whatever a browser sends, so it counts only in
requests that the mock's own pages have caused.
"""

import hmac
from asyncio import sleep
from collections import OrderedDict
from collections.abc import Callable

from mock_server.cookies import cookie_pairs
from mock_server.engine.clock import monotonic
from mock_server.engine.randomness import new_token
from mock_server.journal.exchange import Headers

COOKIE = "runs_mock_control"

MAX_SESSIONS = 100
"""Beyond them, the oldest ends."""

MAX_GUESSES = 10
_SECONDS_PER_GUESS = 6.0
"""After so many wrong tokens, one in so many real seconds is rejected without a delay."""

DELAY = 1.0
"""Real seconds by which the rejection of another one is delayed."""

MAX_DELAYED = 100
"""Rejections that are delayed at the same time; others are sent at once."""


class ControlSessions:
    """The sessions of one mock. Without a ``token``, there are none and every page is welcome."""

    def __init__(self, token: str | None) -> None:
        self.token_required = token is not None
        self._token = (token or "").encode()
        self._sessions: OrderedDict[bytes, set[Callable[[], None]]] = OrderedDict()
        self._guesses = float(MAX_GUESSES)
        self._guessed_at = monotonic()
        self._delayed = 0

    def accepts(self, guess: str) -> bool:
        """Return whether ``guess`` is the token; how long that takes does not depend on it."""
        return self.token_required and hmac.compare_digest(
            guess.encode("utf-8", "replace"), self._token
        )

    def without_token(self, headers: Headers) -> Headers:
        """Return the fields without those that are the token: as a credential of the contract it
        would name a world."""
        if not self.token_required:
            return headers
        return [
            (name, value)
            for name, value in headers
            if name != b"authorization" or not self._is_token(value)
        ]

    def _is_token(self, value: bytes) -> bool:
        token = bearer(value.decode("latin-1"))
        return token is not None and self.accepts(token)

    async def delay_guess(self) -> None:
        """Return when a wrong token is to be rejected: at once for the first ones.

        The right token never waits, so wrong ones lock out no client.
        """
        now = monotonic()
        refilled = self._guesses + (now - self._guessed_at) / _SECONDS_PER_GUESS
        self._guesses, self._guessed_at = min(refilled, MAX_GUESSES), now
        if self._guesses >= 1:
            self._guesses -= 1
        elif self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await sleep(DELAY)
            finally:
                self._delayed -= 1

    def sign_in(self) -> str:
        """Return the cookie of a new session."""
        session = new_token()
        self._sessions[session.encode()] = set()
        if len(self._sessions) > MAX_SESSIONS:
            _end(self._sessions.popitem(last=False)[1])
        return session

    def sign_out(self, headers: Headers) -> None:
        """End the session of a request."""
        for session in cookies(headers):
            _end(self._sessions.pop(session, set()))

    def watch(self, headers: Headers, end: Callable[[], None]) -> Callable[[], None]:
        """Call ``end`` when the session of a request ends; return a function that stops that."""
        calls = [self._sessions[one] for one in cookies(headers) if one in self._sessions]
        for one in calls:
            one.add(end)

        def stop() -> None:
            for one in calls:
                one.discard(end)

        return stop

    def is_open(self, headers: Headers) -> bool:
        """Return whether a request has the cookie of a session."""
        return bool(self._sessions) and any(one in self._sessions for one in cookies(headers))


def _end(calls: set[Callable[[], None]]) -> None:
    for call in list(calls):
        call()


def bearer(text: str) -> str | None:
    """Return the token in a value of ``Authorization``; None for another scheme."""
    scheme, _, token = text.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def cookies(headers: Headers) -> list[bytes]:
    """Return the cookies of a request that may be those of sessions."""
    return [
        text.encode("latin-1")
        for name, value in headers
        if name == b"cookie" and COOKIE.encode() in value
        for key, text in cookie_pairs(value.decode("latin-1"))
        if key == COOKIE
    ]
