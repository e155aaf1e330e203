"""Present a credential by one of the security schemes of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AuthScheme(StrEnum):
    """How a credential travels."""

    TOKEN = "token"  # noqa: S105 - a way to present one, no secret
    API_KEY = "api-key"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, its security scheme, and where it was configured; its representation does not show
    the secret."""

    scheme: AuthScheme
    secret: str = field(repr=False)
    where: str = field(default="", compare=False)

    def headers(self) -> dict[str, str]:
        """The header that presents it."""
        match self.scheme:
            case AuthScheme.TOKEN:
                return {"Authorization": f"Bearer {self.secret}"}
            case AuthScheme.API_KEY:
                return {"X-API-Key": self.secret}
            case AuthScheme.COOKIE:
                return {"Cookie": f"vai_token={self.secret}"}

    def with_scheme(self, scheme: AuthScheme) -> Credential:
        """The same secret presented in another way."""
        return Credential(scheme, self.secret)
