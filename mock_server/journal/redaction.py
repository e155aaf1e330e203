"""Keeps credentials out of whatever is shown of a request.

Three nets: headers are shown by an allow-list; query parameters whose name speaks of a secret lose
their value; and the text of every credential that the request presented, in whatever header, is
taken out of every other text of it.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

from mock_server.http.request_schema import Headers

REDACTED = "[redacted]"

_SHOWN = frozenset(
    b"accept content-length content-type last-event-id origin prefer user-agent".split()
)
_SECRET_NAME = re.compile(
    r"token|secret|passw|auth|credential|session|signature|cookie|jwt|api.?key|^key$",
    re.IGNORECASE,
)
_SHORTEST = 4
_PIECES = re.compile(r"[\s,=:\"]+")
_SCHEMES = frozenset({"Bearer", "bearer", "Basic", "basic"})


class Redaction:
    """What must not be seen of one request; the name of its ``tenant`` may."""

    def __init__(self, headers: Headers, query: bytes, tenant: str | None) -> None:
        self._headers = headers
        self._query = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        texts = [value for name, value in self._query if _SECRET_NAME.search(name)]
        for header, content in headers:
            value = content.decode("latin-1")
            if header == b"cookie":
                texts += [one.partition("=")[2] for one in value.split(";")]
            elif _SECRET_NAME.search(header.decode("latin-1")):
                texts.append(value)
        pieces = {piece for text in texts for piece in (text, *_PIECES.split(text))}
        pieces |= {unquote_plus(piece) for piece in pieces}
        pieces |= {quote(piece, safe="") for piece in pieces}
        pieces -= _SCHEMES | {tenant}
        self._secrets = sorted(
            (piece for piece in pieces if len(piece) >= _SHORTEST), key=len, reverse=True
        )

    def headers(self) -> dict[str, str]:
        """The headers that bear on an answer and are no credentials."""
        return {
            name.decode("latin-1"): self.text(value.decode("latin-1"))
            for name, value in self._headers
            if name in _SHOWN
        }

    def query(self) -> str:
        """The query, written anew."""
        return "&".join(
            f"{quote(self.text(name))}={self._value(name, value)}" for name, value in self._query
        )

    def text(self, text: str) -> str:
        """``text`` without any credential in it."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def all(self, value: Any) -> Any:
        """``value``, which is JSON, with every text in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.all(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.all(inner) for inner in value]
        return value

    def _value(self, name: str, value: str) -> str:
        return REDACTED if _SECRET_NAME.search(name) else quote(self.text(value))
