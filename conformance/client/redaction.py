"""Remove credentials from everything that is shown to people."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, quote_plus

_CARRIERS = frozenset({"authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization"})
_MIN_LENGTH = 8
_COOKIE = re.compile(r"\bvai_token=[^;]*")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes secrets out of headers and text.

    Headers that carry credentials are always cleared. In other text only secrets long enough to be
    recognised are replaced.
    """

    secrets: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, secrets: Iterable[str], headers: Iterable[tuple[str, str]] = ()) -> Redactor:
        """One that knows these secrets and the values of these headers, in every spelling in which
        a target might repeat them."""
        pairs = [(name, value) for name, value in headers if name.lower() != "host"]
        known = {s for s in (*secrets, *(value for _, value in pairs)) if len(s) >= _MIN_LENGTH}
        spellings = {each for secret in known for each in _spellings(secret)}
        names = frozenset(name.lower() for name, _ in pairs)
        return cls(tuple(sorted(spellings, key=len, reverse=True)), names)

    @property
    def longest(self) -> int:
        """The length of the longest thing that is looked for."""
        return max(map(len, self.secrets), default=0)

    def text(self, text: str) -> str:
        """The text with every known secret replaced."""
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers with credentials replaced by the shell variable that would hold them."""
        return {
            name: placeholder(name, value)
            if name.lower() in _CARRIERS | self.names
            else self.text(value)
            for name, value in headers.items()
        }


def placeholder(name: str, value: str) -> str:
    """Return what a header that carries a credential shows instead: a shell variable."""
    match name.lower():
        case "authorization":
            return "Bearer $TOKEN"
        case "x-api-key":
            return "$API_KEY"
        case "cookie":
            return (
                _COOKIE.sub("vai_token=$COOKIE", value) if _COOKIE.search(value) else "[redacted]"
            )
        case "set-cookie" | "proxy-authorization":
            return "[redacted]"
        case _:
            return f"${name.upper().replace('-', '_')}"


def _spellings(secret: str) -> Iterator[str]:
    """The secret as it is, escaped for URLs, JSON and HTML, and what base64 makes of it wherever
    in a longer text it stands."""
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield escape(secret)
    raw = secret.encode()
    yield raw.hex()
    for before in range(3):
        # The outermost characters depend on what surrounds the secret.
        encoded_text = base64.b64encode(b"\0" * before + raw)
        first, last = (0, 2, 3)[before], len(encoded_text) - (0, 3, 2)[(before + len(raw)) % 3]
        for encoded in (encoded_text, encoded_text.replace(b"+", b"-").replace(b"/", b"_")):
            if len(inner := encoded[first:last].decode()) >= _MIN_LENGTH:
                yield inner
