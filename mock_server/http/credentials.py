"""The credentials of the contract, and the worlds they open.

A credential is ``tenant`` or ``tenant:user``. It opens the tenant's world if that is declared or
has the name of a test. Any other gets an error response, as from a real service. Some names select
a response on purpose, for tests of a client: ``expired…`` (401), ``forbidden…`` (403) and
``limited…`` (429).

For clients that get their tokens elsewhere, a claim of a JWT can name the tenant, and every other
token can open one world (``--world-claim``, ``--accept-any-token``). Signatures are not verified.
"""

import base64
import json
import re

from mock_server.cookies import cookie_pairs
from mock_server.engine.behaviour import Behaviour, Unauthenticated
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, UsageError
from mock_server.journal.exchange import Headers
from mock_server.settings import host_of
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

SPECIAL = ("expired", "forbidden", "limited")
"""The beginnings of credentials that select a response on purpose."""

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Credentials:
    """The credentials of the contract's security schemes, in their order."""

    def __init__(
        self,
        schemes: Json,
        worlds: Worlds,
        accept_any: str | None = None,
        world_claim: str | None = None,
    ) -> None:
        if accept_any is not None and not worlds.allows(accept_any):
            raise UsageError(
                "--accept-any-token: expected one of "
                f"{', '.join(worlds.settings.declared)} or a name that begins with {TEST_PREFIX}, "
                f"got {accept_any!r}"
            )
        self._accept_any = accept_any
        self._world_claim = world_claim
        self._bearer = next(
            (name for name, scheme in schemes.items() if scheme["type"] == "http"), ""
        )
        self._keys = {
            scheme["name"].lower().encode(): name
            for name, scheme in schemes.items()
            if scheme["type"] == "apiKey" and scheme["in"] == "header"
        }
        self._cookies = {
            scheme["name"]: name
            for name, scheme in schemes.items()
            if scheme["type"] == "apiKey" and scheme["in"] == "cookie"
        }
        in_order = (self._bearer, *self._keys.values(), *self._cookies.values())
        self._ranks = {scheme: rank for rank, scheme in enumerate(in_order)}
        self._worlds = worlds

    def extract(self, headers: Headers) -> list[tuple[str, str]]:
        """Return the scheme and the text of each credential: bearer first, then keys, then
        cookies."""
        found: list[tuple[str, str]] = []
        keys = self._keys
        for name, value in headers:
            if name in keys:
                found.append((keys[name], value.decode("latin-1").strip()))
            elif name == b"authorization" and self._bearer:
                kind, _, token = value.decode("latin-1").partition(" ")
                # Another scheme is a credential too, an invalid one.
                found.append((self._bearer, token.strip() if kind.lower() == "bearer" else ""))
            elif name == b"cookie":
                found += self._from_cookie(value.decode("latin-1"))
        if len(found) > 1:
            found.sort(key=lambda one: self._ranks[one[0]])
        return found

    def authenticate(self, headers: Headers, behaviour: Behaviour) -> tuple[str, str]:
        """Return the scheme of the first valid credential and its tenant.

        Raise HttpError: 401, 403 or 429.
        """
        extracted = self.extract(headers)
        if not extracted:
            hint = self._missing_cookie(headers)
            raise _unauthenticated(behaviour, f"Not authenticated{hint}")
        for scheme, text in extracted:
            tenant = text.partition(":")[0]
            if self._worlds.allows(tenant):
                return scheme, tenant
        special = extracted[0][1]
        _raise_special(special)
        if not special.startswith("expired"):
            for scheme, text in extracted:
                other = self._other_tenant(text)
                if other is not None:
                    return scheme, other
        raise _unauthenticated(behaviour, "Invalid or expired credential")

    def world(self, parameter: str | None, headers: Headers) -> str:
        """Return the world for a call of the control API: the one in its parameter, else the
        credential's, else the first declared. Raise HttpError (404) for one that cannot be opened.
        """
        if parameter is not None:
            name, problem = parameter, f"no world {parameter!r}"
        else:
            extracted = self.extract(headers)
            if not extracted:
                return self._worlds.settings.declared[0]
            # A credential is not repeated: it may be valid elsewhere.
            name = self._tenant(extracted[0][1])
            problem = "no world that this credential opens"
        if self._worlds.allows(name):
            return name
        declared = ", ".join(self._worlds.settings.declared)
        raise HttpError(
            404,
            f"There is {problem}. There are {declared}, and any name that begins with 'test-' "
            "opens one.",
        )

    def open_world(self, headers: Headers) -> tuple[str, World] | None:
        """Return the scheme of the first credential that names an open world, and that world."""
        for scheme, text in self.extract(headers):
            world = self._worlds.get(self._tenant(text))
            if world is not None:
                return scheme, world
        return None

    def addressed(self, headers: Headers) -> str | None:
        """Return the world that a request is for, as ``authenticate`` and ``open_world`` find it;
        None for a request without a credential that can open one."""
        extracted = self.extract(headers)
        for _, text in extracted:
            if self._worlds.allows(text.partition(":")[0]):
                return text.partition(":")[0]
        for _, text in extracted:
            if (other := self._other_tenant(text)) is not None:
                return other
        return None

    @property
    def header_names(self) -> list[bytes]:
        """The names of the header fields that are credentials, without the standard ones."""
        return list(self._keys)

    @property
    def cookie(self) -> str:
        """The name of the cookie that is a credential."""
        name: str = next(iter(self._cookies))
        return name

    def opens(self, text: str) -> bool:
        """Return whether a credential opens a world, or selects a response on purpose."""
        return self._worlds.allows(text.partition(":")[0]) or text.startswith(SPECIAL)

    def _tenant(self, text: str) -> str:
        """Return the tenant of a credential, which may be the name of no world."""
        name = text.partition(":")[0]
        return name if self._worlds.allows(name) else self._other_tenant(text) or name

    def _other_tenant(self, text: str) -> str | None:
        """Return the tenant of a credential that is not the name of one; None for an invalid
        credential."""
        if self._world_claim is not None:
            claim = _claim(text, self._world_claim)
            if claim is not None:
                if self._worlds.allows(claim):
                    return claim
                slug = re.sub("[^a-z0-9._-]+", "-", claim.lower()).strip("-")
                return str(f"{TEST_PREFIX}{slug}"[:64])
        return self._accept_any if text else None

    def _from_cookie(self, header: str) -> list[tuple[str, str]]:
        if not any(name in header for name in self._cookies):
            return []
        return [
            (self._cookies[name], _unquoted(value))
            for name, value in cookie_pairs(header)
            if name in self._cookies
        ]

    def _missing_cookie(self, headers: Headers) -> str:
        """Return why a browser has not sent the cookie, as far as the request shows its page."""
        values = {name: value.decode("latin-1") for name, value in headers}
        origin, url = values.get(b"origin"), values.get(b"referer", "")
        authority = (url if origin in (None, "null") else origin).partition("://")[2]
        authority = re.split("[/?#]", authority)[0]
        page, host = host_of(authority), host_of(values.get(b"host", ""))
        if page is None or host is None:
            return ""
        if page != host:
            return (
                f": the page is at {page} and calls {host}, and browsers keep cookies by host "
                f"name. Call the mock at {page}, or open the page at {host}; "
                "/_mock/login?as=demo sets the cookie"
            )
        if b"cookie" in values or authority.lower() == values[b"host"].lower():
            return (
                f": the browser has no cookie {self.cookie} for {host}; "
                "/_mock/login?as=demo sets it"
            )
        return (
            ": the page has to send its cookies (fetch with credentials: 'include', EventSource "
            "with withCredentials: true)"
        )


def _unauthenticated(behaviour: Behaviour, reason: str) -> HttpError:
    if behaviour.unauthenticated is Unauthenticated.FORBIDDEN:
        return HttpError(403, reason, question="Q08")
    return HttpError(401, reason, _CHALLENGE, question="Q08")


def _claim(token: str, name: str) -> str | None:
    """Return a claim of a JWT as text; None for another token, and without the claim."""
    parts = token.split(".")
    if len(parts) != 3:
        return None  # A JWT has a header, the claims and a signature.
    try:
        claims = json.loads(base64.urlsafe_b64decode(f"{parts[1]}==="))
    except (ValueError, RecursionError):
        return None
    claim = claims.get(name) if isinstance(claims, dict) else None
    return str(claim) if isinstance(claim, str | int) and claim != "" else None


def _raise_special(text: str) -> None:
    if text.startswith("forbidden"):
        raise HttpError(403, "This credential does not give access to automation runs")
    if text.startswith("limited"):
        raise HttpError(429, "Rate limit exceeded", {"Retry-After": "60"})


def _unquoted(value: str) -> str:
    """Return a cookie's value without the quotes around it, which RFC 6265 permits."""
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value
