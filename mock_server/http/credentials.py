"""Who is asking: the credentials of the contract, and what they open.

A credential's text is ``tenant`` or ``tenant:user``. It opens the tenant's world if there is one,
or if the name is one of a test. Any other is refused, as a real service would. A few misbehave on
purpose, so that a client can be shown how it looks: ``expired…`` (401), ``forbidden…`` (403) and
``limited…`` (429).
"""

from functools import lru_cache
from http.cookies import CookieError, SimpleCookie

from mock_server.engine.behaviour import Behaviour, Unauthenticated
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.http.request_schema import Headers
from mock_server.worlds.registry import Worlds
from mock_server.worlds.world import World

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Credentials:
    """The credentials that the contract's security schemes name, in their order."""

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

    def present(self, headers: Headers) -> list[tuple[str, str]]:
        """The credentials in ``headers``, each as its scheme and its text: bearer first, then keys,
        then cookies."""
        found: list[tuple[str, str]] = []
        keys = self._keys
        for name, value in headers:
            if name in keys:
                found.append((keys[name], value.decode("latin-1").strip()))
            elif name == b"authorization" and self._bearer:
                kind, _, token = value.decode("latin-1").partition(" ")
                # Another kind is a credential too, one that nobody knows.
                found.append((self._bearer, token.strip() if kind.lower() == "bearer" else ""))
            elif name == b"cookie":
                found += self._from_cookie(value.decode("latin-1"))
        if len(found) > 1:
            found.sort(key=lambda one: self._ranks[one[0]])
        return found

    def tenant(self, headers: Headers, behaviour: Behaviour) -> tuple[str, str]:
        """The scheme of the first good credential and the tenant it names. Raises HttpError: 401, 403
        or 429."""
        presented = self.present(headers)
        if not presented:
            raise _unauthenticated(behaviour, "Not authenticated")
        for scheme, text in presented:
            name = text.partition(":")[0]
            if self._worlds.allows(name):
                return scheme, name
        _refuse(presented[0][1])
        raise _unauthenticated(behaviour, "Invalid or expired credential")

    def world(self, named: str | None, headers: Headers) -> str:
        """The world that a call of the control API is for: the one ``named``, else the
        credential's, else the first declared. Raises HttpError (404) for one there cannot be."""
        presented = self.present(headers) if named is None else []
        if named is None and not presented:
            return self._worlds.settings.declared[0]
        name = presented[0][1].partition(":")[0] if named is None else named
        if self._worlds.allows(name):
            return name
        declared = ", ".join(self._worlds.settings.declared)
        # A credential is not repeated: it may be one that opens something elsewhere.
        what = "no world that this credential opens" if named is None else f"no world {name!r}"
        raise HttpError(
            404,
            f"There is {what}. There are {declared}, and any name that begins with 'test-' opens "
            "one.",
        )

    def opened(self, headers: Headers) -> tuple[str, World] | None:
        """The first credential that names an open world: its scheme, and that world."""
        for scheme, text in self.present(headers):
            world = self._worlds.get(text.partition(":")[0])
            if world is not None:
                return scheme, world
        return None

    def _from_cookie(self, header: str) -> list[tuple[str, str]]:
        if not any(name in header for name in self._cookies):
            return []
        jar = _parse_cookie(header)
        return [(scheme, jar[name]) for name, scheme in self._cookies.items() if name in jar]


def _unauthenticated(behaviour: Behaviour, reason: str) -> HttpError:
    if behaviour.unauthenticated is Unauthenticated.FORBIDDEN:
        return HttpError(403, reason, question="Q08")
    return HttpError(401, reason, _CHALLENGE, question="Q08")


def _refuse(text: str) -> None:
    if text.startswith("forbidden"):
        raise HttpError(403, "This credential does not give access to automation runs")
    if text.startswith("limited"):
        raise HttpError(429, "Rate limit exceeded", {"Retry-After": "60"})


@lru_cache(maxsize=1_024)
def _parse_cookie(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
