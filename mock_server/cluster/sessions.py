"""Sessions of pages that every worker accepts, whichever has opened them."""

import hmac
from collections import OrderedDict
from collections.abc import Callable

from mock_server.engine.randomness import new_token
from mock_server.http.control_sessions import ControlSessions, cookies
from mock_server.journal.exchange import Headers

_MAX_ENDED = 10_000


class SharedSessions(ControlSessions):
    """As ``ControlSessions``; a cookie is signed, with a secret that all workers have.

    Create it before the workers. The end of a session has to reach each of them.
    """

    def __init__(self, token: str | None) -> None:
        super().__init__(token)
        self._secret = new_token().encode()
        self._ended: OrderedDict[bytes, None] = OrderedDict()

    def _new_cookie(self) -> str:
        name = new_token()
        return f"{name}.{self._sign(name.encode())}"

    def sign_out(self, headers: Headers) -> None:
        self._adopt(headers)
        for session in cookies(headers):
            if session in self._sessions:
                self._ended[session] = None
                if len(self._ended) > _MAX_ENDED:
                    self._ended.popitem(last=False)
        super().sign_out(headers)

    def watch(self, headers: Headers, end: Callable[[], None]) -> Callable[[], None]:
        self._adopt(headers)
        return super().watch(headers, end)

    def is_open(self, headers: Headers) -> bool:
        self._adopt(headers)
        return super().is_open(headers)

    def _adopt(self, headers: Headers) -> None:
        """Keep the sessions of a request that other workers have opened."""
        for session in cookies(headers):
            name, _, signature = session.partition(b".")
            known = session in self._sessions or session in self._ended
            if not known and hmac.compare_digest(signature, self._sign(name).encode()):
                self._keep(session)

    def _sign(self, name: bytes) -> str:
        return hmac.new(self._secret, name, "sha256").hexdigest()
