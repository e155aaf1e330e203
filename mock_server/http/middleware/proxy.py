"""The layer that takes the mock's public address from a reverse proxy.

A peer is trusted if it is on this machine or in one of ``--trusted-proxy``. Of a trusted one,
``X-Forwarded-For`` is the client, and ``X-Forwarded-Proto``, ``-Host`` and ``-Prefix`` are the
public address, which links use. ``--root-path`` is the prefix of a proxy that does not remove it:
the layer removes it from the path.
"""

from collections.abc import Awaitable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.public_address import PREFIX, PUBLIC, PublicAddress
from mock_server.settings import host_of

_LOOPBACK = ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")
_FORWARDED = b"x-forwarded-"


class ProxyMiddleware:
    """Set the client, the scheme and the public address of a request from a trusted proxy."""

    def __init__(self, app: ASGIApp, root_path: str, trusted: Sequence[str]) -> None:
        self.app = app
        self._root = root_path
        self._public = PublicAddress(prefix=root_path) if root_path else None
        networks = [ip_network(text) for text in (*_LOOPBACK, *trusted)]

        @lru_cache(maxsize=1_024)
        def is_trusted(peer: str) -> bool:
            try:
                address = ip_address(peer)
            except ValueError:
                return False
            return any(address in network for network in networks)

        self._is_trusted = is_trusted

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: nearly every request passes without a change.
        if scope["type"] == "http":
            if self._root:
                scope[PUBLIC] = self._public
                path: str = scope["path"]
                if path == self._root:
                    # Without the slash, relative links of the start page would lose the prefix.
                    return RedirectResponse(f"{path.rpartition('/')[2]}/")(scope, receive, send)
                if path.startswith(f"{self._root}/"):
                    scope["path"] = path[len(self._root) :]
                    scope["raw_path"] = scope["raw_path"].removeprefix(self._root.encode())
            for name, _ in scope["headers"]:
                if name.startswith(_FORWARDED):
                    self._apply(scope)
                    break
        return self.app(scope, receive, send)

    def _apply(self, scope: Scope) -> None:
        peer = scope.get("client")
        if peer is None or not self._is_trusted(peer[0]):
            return
        values: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            if name.startswith(_FORWARDED):
                parts = [part.strip() for part in value.decode("latin-1").split(",")]
                values.setdefault(name[len(_FORWARDED) :], []).extend(filter(None, parts))
        clients = values.get(b"for", [])
        if clients:
            # The last that no trusted proxy has added; a client can put anything before it.
            client = next((one for one in reversed(clients) if not self._is_trusted(one)), None)
            scope["client"] = (client or clients[0], 0)
        scheme, host, prefix = (
            next(iter(values.get(name, [])), None) for name in (b"proto", b"host", b"prefix")
        )
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme
        if host is not None and host_of(host) is None:
            host = None
        prefix = self._root if prefix is None else prefix.rstrip("/")
        if prefix and not PREFIX.fullmatch(prefix):
            prefix = self._root
        scope[PUBLIC] = PublicAddress(scope.get("scheme", "http"), host, prefix)
