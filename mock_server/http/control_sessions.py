"""The sessions of pages that have signed in to the control API with its token.

A page cannot keep the token: a script could read it, and ``EventSource`` cannot send it. So it
exchanges the token for a cookie that no script can read, which is random and valid until the page
signs out or the mock stops. A cookie comes with whatever a browser sends, so it counts only in
requests that the mock's own pages have caused.
"""

import hmac
from collections import OrderedDict

from mock_server.cookies import cookie_pairs
from mock_server.engine.clock import monotonic
from mock_server.engine.randomness import new_token
from mock_server.errors import HttpError
from mock_server.journal.exchange import Headers

COOKIE = "runs_mock_control"

MAX_SESSIONS = 100
"""Beyond them, the oldest ends."""

MAX_GUESSES = 10
_SECONDS_PER_GUESS = 6.0
"""After so many wrong tokens, one more may be sent in so many real seconds."""


class ControlSessions:
    """The sessions of one mock. Without a ``token``, there are none and every page is welcome."""

    def __init__(self, token: str | None) -> None:
        self.token_required = token is not None
        self._token = (token or "").encode()
        self._sessions: OrderedDict[bytes, None] = OrderedDict()
        self._guesses = float(MAX_GUESSES)
        self._guessed_at = monotonic()

    def accepts(self, guess: str) -> bool:
        """Return whether ``guess`` is the token; how long that takes does not depend on it."""
        return self.token_required and hmac.compare_digest(
            guess.encode("utf-8", "replace"), self._token
        )

    def sign_in(self, guess: str) -> str:
        """Return the cookie of a new session.

        Raise HttpError: 401 for a wrong token, 429 after too many of them, also for the right one.
        """
        now = monotonic()
        refilled = self._guesses + (now - self._guessed_at) / _SECONDS_PER_GUESS
        self._guesses, self._guessed_at = min(refilled, MAX_GUESSES), now
        if self._guesses < 1:
            wait = str(int((1 - self._guesses) * _SECONDS_PER_GUESS) + 1)
            raise HttpError(
                429,
                "Too many wrong tokens. Wait, or send the token as X-Mock-Token.",
                {"Retry-After": wait},
            )
        if not self.accepts(guess):
            self._guesses -= 1
            raise HttpError(401, "token: expected the control token of the mock.")
        session = new_token()
        self._sessions[session.encode()] = None
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def sign_out(self, headers: Headers) -> None:
        """End the session of a request."""
        for session in _cookies(headers):
            self._sessions.pop(session, None)

    def is_open(self, headers: Headers) -> bool:
        """Return whether a request has the cookie of a session."""
        return bool(self._sessions) and any(one in self._sessions for one in _cookies(headers))


def _cookies(headers: Headers) -> list[bytes]:
    return [
        text.encode("latin-1")
        for name, value in headers
        if name == b"cookie" and COOKIE.encode() in value
        for key, text in cookie_pairs(value.decode("latin-1"))
        if key == COOKIE
    ]
