"""Who may drive the mock: the layer before everything under ``/_mock``.

A page that a developer happens to visit runs on the same machine as the mock, so it is not enough
to listen on 127.0.0.1. Without a token the control API answers this machine only, under a name of
this machine (one that was rebound to 127.0.0.1 is another), and no page from elsewhere. Browsers
tell: they send ``Origin`` with everything but plain GETs, ``null`` where they hide it, and
``Sec-Fetch-Site`` with those; no page can change that. What has neither, nor a ``Referer``, is no
browser. With a token, whoever has it may, and nothing else is asked: no page knows it.
"""

import hmac
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from types import MappingProxyType

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_server.errors import HttpError, UsageError

CONTROL = "/_mock"
_FOR_ALL = frozenset(
    f"{CONTROL}/{path}" for path in ("health", "ready", "openapi.yaml", "openapi.json")
)
"""What tells nothing about anybody's runs and changes nothing: probes have no token."""

_LINKED = f"{CONTROL}/repro/"
"""Pages that are linked to from anywhere: they change nothing before a button is pressed."""

UNFRAMED: Mapping[str, str] = MappingProxyType(
    {"Content-Security-Policy": "frame-ancestors 'none'", "X-Frame-Options": "DENY"}
)
"""Headers of every page for people: no other page may show it as a part of itself, and have
somebody press its buttons unawares."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::\d{1,5})?")
_TOKEN = re.compile(r"[!-~]+")
_TOLD_BY = frozenset(
    {
        b"authorization",
        b"host",
        b"origin",
        b"referer",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"x-mock-token",
    }
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="control"'}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may drive a mock: whoever has ``token``, or, where that is None, this machine under its
    own names and ``hosts``. Raises UsageError for what could never be sent."""

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError(
                "the control token must be one word of visible ASCII characters: "
                "it is sent in a header"
            )
        for host in self.hosts:
            if named(host) != host:
                raise UsageError(
                    f"{host!r} is no host name; write it in lower case, without scheme and port"
                )


def named(authority: str) -> str | None:
    """The host in ``host:port``, in lower case; None when that is no host."""
    match = _AUTHORITY.fullmatch(authority.lower())
    return match[1] if match else None


class ControlAccessMiddleware:
    """Lets through to the control API whom ``access`` lets. Raises HttpError: 401 or 403."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self._token = None if access.token is None else access.token.encode()
        self._hosts = _LOCAL.union(access.hosts)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # No coroutine of its own: requests of the contract pass here too.
        if scope["type"] == "http" and scope["path"].startswith(CONTROL):
            self._check(scope)
        return self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if scope["path"] in _FOR_ALL and scope["method"] in ("GET", "HEAD"):
            return
        told: dict[bytes, list[str]] = {name: [] for name in _TOLD_BY}
        for name, value in scope["headers"]:
            if name in told:
                told[name].append(value.decode("latin-1").strip())
        if self._token is not None:
            self._check_token(scope, told)
            return
        self._check_peer(scope)
        self._check_host(scope, told[b"host"])
        self._check_page(scope, told)

    def _check_token(self, scope: Scope, told: dict[bytes, list[str]]) -> None:
        assert self._token is not None
        if any(self._is_token(text) for text in told[b"x-mock-token"]):
            return
        schemes = [text.partition(" ") for text in told[b"authorization"]]
        bearers = [token.strip() for scheme, _, token in schemes if scheme.lower() == "bearer"]
        if any(map(self._is_token, bearers)):
            # It has had its say: as a credential of the contract it would name a world.
            scope["headers"] = [one for one in scope["headers"] if one[0] != b"authorization"]
            return
        if _follows_a_link(scope, told):
            return  # The page shows nothing but what is in its link, and asks for the token.
        raise HttpError(
            401,
            "The control API asks for the token that the mock was started with: "
            "send it as X-Mock-Token, or as Authorization: Bearer.",
            _CHALLENGE,
        )

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("latin-1"), self._token or b"")

    def _check_peer(self, scope: Scope) -> None:
        peer = scope.get("client")
        if peer is not None and not _is_loopback(peer[0]):
            raise HttpError(
                403,
                "Without a token the control API answers on the loopback addresses of its machine "
                f"only, and this comes from {peer[0]}: start the mock with --control-token, and "
                "send the token as X-Mock-Token.",
            )

    def _check_host(self, scope: Scope, hosts: list[str]) -> None:
        for host in hosts or [""]:
            if not self._is_local(scope, named(host)):
                raise HttpError(
                    403,
                    f"{_quoted(host)} is no name of this machine: call the control API as "
                    "localhost or 127.0.0.1, or start the mock with --allow-host and that name.",
                )

    def _check_page(self, scope: Scope, told: dict[bytes, list[str]]) -> None:
        sites = told[b"sec-fetch-site"]
        if told[b"origin"]:
            pages = told[b"origin"]
        elif sites in (["same-origin"], ["none"]) or _follows_a_link(scope, told):
            return
        else:
            pages = told[b"referer"] or sites
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
        # By the number of the address it came to; a number cannot be rebound.
        served = scope.get("server")
        return served is not None and host.strip("[]") == served[0]


def _follows_a_link(scope: Scope, told: dict[bytes, list[str]]) -> bool:
    """Whether somebody clicked on a link to a page that may be linked to; no frame, no image."""
    return (
        scope["path"].startswith(_LINKED)
        and scope["method"] == "GET"
        and told[b"sec-fetch-mode"] == ["navigate"]
        and told[b"sec-fetch-dest"] == ["document"]
    )


def _host_of(page: str) -> str | None:
    """The host of an origin or of a page's address; None for ``null`` and whatever is no web
    page's."""
    scheme, _, rest = page.partition("://")
    return named(rest.partition("/")[0]) if scheme.lower() in ("http", "https") else None


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _quoted(text: str) -> str:
    return ascii(text[:100])
