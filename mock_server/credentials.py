"""Who is asking: the credentials of the contract, and what they open.

A credential's text is ``tenant`` or ``tenant:user``. It opens the tenant's world if there is one,
or if the name is one of a test. Any other is refused, as a real service would. A few misbehave on
purpose, so that a client can be shown how it looks: ``expired…`` (401), ``forbidden…`` (403) and
``limited…`` (429).
"""

from functools import lru_cache
from http.cookies import CookieError, SimpleCookie

from mock_server.behaviour import Behaviour, Unauthenticated
from mock_server.errors import Refused
from mock_server.run import Json
from mock_server.validation import Headers
from mock_server.worlds import Worlds

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Credentials:
    """The credentials that the contract's security schemes name, in their order."""

    def __init__(self, schemes: Json, worlds: Worlds) -> None:
        self._bearer = any(scheme["type"] == "http" for scheme in schemes.values())
        self._headers = {
            scheme["name"].lower().encode()
            for scheme in schemes.values()
            if scheme["type"] == "apiKey" and scheme["in"] == "header"
        }
        self._cookies = [
            scheme["name"]
            for scheme in schemes.values()
            if scheme["type"] == "apiKey" and scheme["in"] == "cookie"
        ]
        self._worlds = worlds

    def present(self, headers: Headers) -> list[str]:
        """The texts of the credentials in ``headers``: bearer first, then keys, then cookies."""
        bearers, keys, cookies = [], [], []
        for name, value in headers:
            if name == b"authorization" and self._bearer:
                scheme, _, token = value.decode("latin-1").partition(" ")
                # Another scheme is a credential too, one that nobody knows.
                bearers.append(token.strip() if scheme.lower() == "bearer" else "")
            elif name in self._headers:
                keys.append(value.decode("latin-1").strip())
            elif name == b"cookie":
                cookies += self._from_cookie(value.decode("latin-1"))
        return [*bearers, *keys, *cookies]

    def tenant(self, headers: Headers, behaviour: Behaviour) -> str:
        """The tenant that the first good credential names. Raises Refused: 401, 403 or 429."""
        texts = self.present(headers)
        if not texts:
            raise _unauthenticated(behaviour, "Not authenticated")
        for text in texts:
            name = text.partition(":")[0]
            if self._worlds.knows(name):
                return name
        _refuse(texts[0])
        raise _unauthenticated(behaviour, "Invalid or expired credential")

    def world(self, named: str | None, headers: Headers) -> str:
        """The world that a call of the control API is for: the one ``named``, else the
        credential's, else the first declared. Raises Refused (404) for one there cannot be."""
        texts = [named] if named is not None else self.present(headers)
        if not texts:
            return self._worlds.settings.declared[0]
        name = texts[0].partition(":")[0]
        if self._worlds.knows(name):
            return name
        declared = ", ".join(self._worlds.settings.declared)
        raise Refused(
            404,
            f"There is no world {name!r}. There are {declared}, and any name that begins with "
            "'test-' opens one.",
        )

    def _from_cookie(self, header: str) -> list[str]:
        if not any(name in header for name in self._cookies):
            return []
        jar = _parse_cookie(header)
        return [jar[name] for name in self._cookies if name in jar]


def _unauthenticated(behaviour: Behaviour, reason: str) -> Refused:
    if behaviour.unauthenticated is Unauthenticated.FORBIDDEN:
        return Refused(403, reason, question="Q08")
    return Refused(401, reason, _CHALLENGE, question="Q08")


def _refuse(text: str) -> None:
    if text.startswith("forbidden"):
        raise Refused(403, "This credential does not give access to automation runs")
    if text.startswith("limited"):
        raise Refused(429, "Rate limit exceeded", {"Retry-After": "60"})


@lru_cache(maxsize=1_024)
def _parse_cookie(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
