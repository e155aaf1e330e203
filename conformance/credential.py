"""A credential in one of the three ways that the contract knows, and its removal from whatever is
shown to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_CARRIERS = frozenset({"authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization"})
_DISTINCT = 8


class Way(StrEnum):
    """How a credential travels."""

    TOKEN = "token"  # noqa: S105 - a way to present one, no secret
    API_KEY = "api-key"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and the way it is presented; its representation does not show the secret."""

    way: Way
    secret: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        """The header that presents it."""
        match self.way:
            case Way.TOKEN:
                return {"Authorization": f"Bearer {self.secret}"}
            case Way.API_KEY:
                return {"X-API-Key": self.secret}
            case Way.COOKIE:
                return {"Cookie": f"vai_token={self.secret}"}

    def via(self, way: Way) -> Credential:
        """The same secret presented in another way."""
        return Credential(way, self.secret)


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes secrets out of headers and text.

    Headers that carry credentials are always cleared. In other text only secrets long enough to be
    told from ordinary words are replaced.
    """

    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, credentials: Iterable[Credential]) -> Redactor:
        """One that knows the secrets of these credentials, longest first."""
        found = {c.secret for c in credentials if len(c.secret) >= _DISTINCT}
        return cls(tuple(sorted(found, key=len, reverse=True)))

    def text(self, text: str) -> str:
        """The text with every known secret replaced."""
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with credentials replaced by the shell variable that would hold them."""
        return {
            name: _placeholder(name, value) if name.lower() in _CARRIERS else self.text(value)
            for name, value in headers.items()
        }


def _placeholder(name: str, value: str) -> str:
    match name.lower():
        case "authorization":
            return "Bearer $TOKEN"
        case "x-api-key":
            return "$API_KEY"
        case "cookie":
            return "vai_token=$COOKIE"
        case _:
            return f"[redacted, {len(value)} characters]"
