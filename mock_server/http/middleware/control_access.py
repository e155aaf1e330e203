"""The layer that protects everything under ``/_mock``, and the API from rebound names.

A page that a developer visits runs on the same machine as the mock, so listening on 127.0.0.1 is
not enough. Without a token, the control API accepts requests that come from a loopback address,
that name a local host (a name that was rebound to 127.0.0.1 is not one), and that no foreign page
caused. Browsers say so: they send ``Origin`` with everything but plain GETs (``null`` where they
hide it) and ``Sec-Fetch-Site`` with those; no page can change either. A request with neither, nor a
``Referer``, does not come from a browser. With a token, the token is all that is required: no page
knows it. A page that has signed in sends a cookie in its place, which counts in requests of the
mock's own pages only: browsers add it to those of other pages on this host, too.
"""

from collections.abc import Awaitable
from ipaddress import ip_address
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.errors import HttpError
from mock_server.http.call import BodyResponse
from mock_server.http.control_sessions import ControlSessions, bearer
from mock_server.http.html_headers import page_headers
from mock_server.journal.exchange import Headers
from mock_server.public_address import DIRECT, PUBLIC, PublicAddress
from mock_server.settings import Access, host_of, is_loopback

CONTROL = "/_mock"
_PUBLIC = frozenset(
    f"{CONTROL}/{path}"
    for path in ("health", "ready", "openapi.yaml", "openapi.json", "login", "access")
)
"""Paths that need no token: they reveal no run and change nothing. Probes and pages have none."""

_LOGIN = f"{CONTROL}/login"

_LINKABLE = f"{CONTROL}/repro/"
"""Paths that any other page may link to. Without the right to use the control API, the response is
a page that is the same for every link: a person confirms there that the link is to be read."""

_PRIVATE = (".localhost", ".test", ".internal")
"""Ends of names that cannot be registered."""

_MAX_ACCEPTED = 256
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HEADERS = frozenset(
    {
        b"authorization",
        b"host",
        b"origin",
        b"referer",
        b"sec-fetch-site",
        b"x-mock-token",
    }
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="control"'}


class _WrongTokenError(HttpError):
    """The request has another token than that of the mock."""


class ControlAccessMiddleware:
    """Pass requests to the control API that ``access`` allows. Raise HttpError: 401 or 403."""

    def __init__(self, app: ASGIApp, access: Access, sessions: ControlSessions) -> None:
        self.app = app
        self._sessions = sessions
        self._hosts = _LOCAL.union(access.hosts)
        self._any_host = access.any_host
        page = Path(__file__).parents[2] / "templates" / "link.html"
        text = page.read_text(encoding="utf-8")
        if access.token is not None:
            text = text.replace("<p hidden>", "<p>")
        self._link_page = text.encode()
        self._accepted: set[bytes] = set()  # Values of Host in the API of the contract.

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: requests of the contract pass here too.
        if scope["type"] == "http":
            if scope["path"].startswith(CONTROL):
                try:
                    self._check(scope)
                except HttpError as error:
                    if _is_link(scope):
                        return self._confirm(receive, send)
                    if isinstance(error, _WrongTokenError):
                        return self._reject(error)
                    raise
                scope["headers"] = self._sessions.without_token(scope["headers"])
            elif not self._any_host:
                self._check_contract_host(scope["headers"])
        return self.app(scope, receive, send)

    async def _reject(self, error: "_WrongTokenError") -> None:
        await self._sessions.delay_guess()
        raise error

    def _check_contract_host(self, headers: Headers) -> None:
        """Raise HttpError (403) for a name that any page could have bound to this machine."""
        for name, value in headers:  # Usually the first.
            if name == b"host":
                if value not in self._accepted:
                    host = value.decode("latin-1")
                    if not self._is_private(host_of(host)):
                        raise HttpError(
                            403,
                            f"Host: expected a name of this machine, got {_quoted(host)}. Start "
                            "the mock with --allowed-host and that name, or '*' for every name.",
                        )
                    if len(self._accepted) < _MAX_ACCEPTED:
                        self._accepted.add(value)
                return

    def _is_private(self, host: str | None) -> bool:
        """Return whether no other site can own the name."""
        if host is None:
            return False
        if host in self._hosts or "." not in host or host.endswith(_PRIVATE):
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True

    def _confirm(self, receive: Receive, send: Send) -> Awaitable[None]:
        """Ask the person to confirm. Nothing of the link is read."""
        content_type = "text/html; charset=utf-8"
        response = BodyResponse(self._link_page, 200, page_headers(), content_type=content_type)
        return response(receive, send)

    def _check(self, scope: Scope) -> None:
        if scope["path"] in _PUBLIC and scope["method"] in ("GET", "HEAD"):
            return
        headers: dict[bytes, list[str]] = {name: [] for name in _HEADERS}
        for name, value in scope["headers"]:
            if name in headers:
                headers[name].append(value.decode("latin-1").strip())
        if self._sessions.token_required:
            self._check_token(scope, headers)
            return
        self._check_peer(scope)
        self._check_host(scope, headers[b"host"])
        self._check_page(scope, headers)

    def _check_token(self, scope: Scope, headers: dict[bytes, list[str]]) -> None:
        if any(map(self._sessions.accepts, headers[b"x-mock-token"])):
            return
        found = map(bearer, headers[b"authorization"])
        bearers = [token for token in found if token is not None]
        if any(map(self._sessions.accepts, bearers)):
            return
        signs_in = scope["path"] == _LOGIN and scope["method"] == "POST"
        if signs_in or self._sessions.is_open(scope["headers"]):
            _check_own_page(scope, headers, may_hide=signs_in)
            return
        guesses = [*headers[b"x-mock-token"], *bearers]
        raise (_WrongTokenError if guesses else HttpError)(
            401,
            "The control API asks for the token that the mock was started with: "
            "send it as X-Mock-Token, or as Authorization: Bearer.",
            _CHALLENGE,
        )

    def _check_peer(self, scope: Scope) -> None:
        peer = scope.get("client")
        if peer is not None and not is_loopback(peer[0]):
            raise HttpError(
                403,
                "Without a token the control API answers on the loopback addresses of its machine "
                f"only, and this comes from {peer[0]}: start the mock with --control-token, and "
                "send the token as X-Mock-Token.",
            )

    def _check_host(self, scope: Scope, hosts: list[str]) -> None:
        for host in hosts or [""]:
            if not self._is_local(scope, host_of(host)):
                raise HttpError(
                    403,
                    f"Host: expected a name of this machine, got {_quoted(host)}. Call the control "
                    "API as localhost or 127.0.0.1, or start the mock with --allowed-host and that "
                    "name.",
                )

    def _check_page(self, scope: Scope, headers: dict[bytes, list[str]]) -> None:
        sites = headers[b"sec-fetch-site"]
        if headers[b"origin"]:
            pages = headers[b"origin"]
        elif sites in (["same-origin"], ["none"]):
            return
        else:
            pages = headers[b"referer"] or sites
        for page in pages:
            if not self._is_local(scope, _host_of(page)):
                raise HttpError(
                    403,
                    f"The control API is not for pages from elsewhere, and this is the doing of "
                    f"one ({_quoted(page)}): serve the page from localhost, type the address by "
                    "hand, or start the mock with --control-token and send the token.",
                )

    def _is_local(self, scope: Scope, host: str | None) -> bool:
        if host is None:
            return False
        if host in self._hosts or host.endswith(".localhost"):
            return True
        # The numeric address of this server; a number cannot be rebound.
        served = scope.get("server")
        return served is not None and host.strip("[]") == served[0]


def _check_own_page(scope: Scope, headers: dict[bytes, list[str]], *, may_hide: bool) -> None:
    """Raise HttpError (403) for a request that a page of another origin may have caused.

    One that changes something has to name its origin, unless it ``may_hide`` it.
    """
    pages, sites = headers[b"origin"], headers[b"sec-fetch-site"]
    if not pages:
        harmless = may_hide or scope["method"] in ("GET", "HEAD", "OPTIONS")
        if harmless and sites in (["same-origin"], ["none"]):
            return
        pages = headers[b"referer"] if harmless and not sites else ["none"]
    for page in pages:
        if not _is_own(scope, page, headers[b"host"]):
            raise HttpError(
                403,
                f"A signed-in page: expected a request of the mock's own pages, got one of "
                f"{_quoted(page)}. Send the token as X-Mock-Token instead of the cookie.",
            )


def _is_own(scope: Scope, page: str, hosts: list[str]) -> bool:
    """Return whether an origin or a page's URL is of the mock, as the client sees it."""
    public: PublicAddress = scope.get(PUBLIC, DIRECT)
    scheme, _, rest = page.lower().partition("://")
    # A proxy that is not trusted may speak TLS without the mock's knowledge.
    known = ("https",) if public.scheme == "https" else ("http", "https")
    own = [public.host] if public.host is not None else hosts
    return scheme in known and [rest.partition("/")[0]] == [one.lower() for one in own]


def _is_link(scope: Scope) -> bool:
    """Return whether the request is for the page of a link, and not sent by that page."""
    if not scope["path"].startswith(_LINKABLE) or scope["method"] not in ("GET", "HEAD"):
        return False
    names = {name for name, _ in scope["headers"]}
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" in accepted and b"x-mock-token" not in names


def _host_of(page: str) -> str | None:
    """Return the host of an origin or of a page's URL; None for ``null`` and other schemes."""
    scheme, _, rest = page.partition("://")
    return host_of(rest.partition("/")[0]) if scheme.lower() in ("http", "https") else None


def _quoted(text: str) -> str:
    return ascii(text[:100])
