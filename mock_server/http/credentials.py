"""The credentials of the contract, and the worlds they open.

A credential is ``tenant`` or ``tenant:user``. It opens the tenant's world if that is declared or
has the name of a test. Any other gets an error response, as from a real service. Some names select
a response on purpose, for tests of a client: ``expired…`` (401), ``forbidden…`` (403) and
``limited…`` (429).
"""

from mock_server.engine.behaviour import Behaviour, Unauthenticated
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.journal.exchange import Headers
from mock_server.journal.redaction import cookie_pairs
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Credentials:
    """The credentials of the contract's security schemes, in their order."""

    def __init__(self, schemes: Json, worlds: Worlds) -> None:
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
            raise _unauthenticated(behaviour, "Not authenticated")
        for scheme, text in extracted:
            tenant = text.partition(":")[0]
            if self._worlds.allows(tenant):
                return scheme, tenant
        _raise_special(extracted[0][1])
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
            name, problem = extracted[0][1].partition(":")[0], "no world that this credential opens"
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
            world = self._worlds.get(text.partition(":")[0])
            if world is not None:
                return scheme, world
        return None

    def _from_cookie(self, header: str) -> list[tuple[str, str]]:
        if not any(name in header for name in self._cookies):
            return []
        return [
            (self._cookies[name], _unquoted(value))
            for name, value in cookie_pairs(header)
            if name in self._cookies
        ]


def _unauthenticated(behaviour: Behaviour, reason: str) -> HttpError:
    if behaviour.unauthenticated is Unauthenticated.FORBIDDEN:
        return HttpError(403, reason, question="Q08")
    return HttpError(401, reason, _CHALLENGE, question="Q08")


def _raise_special(text: str) -> None:
    if text.startswith("forbidden"):
        raise HttpError(403, "This credential does not give access to automation runs")
    if text.startswith("limited"):
        raise HttpError(429, "Rate limit exceeded", {"Retry-After": "60"})


def _unquoted(value: str) -> str:
    """Return a cookie's value without the quotes around it, which RFC 6265 permits."""
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value
