"""Removes credentials from what the journal shows of a request.

Three rules: headers are shown by an allow-list; query parameters and properties of the body whose
name suggests a secret lose their value; and the text of every credential in the request, in any
header, is removed from every other text of it.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

import orjson

from mock_server.cookies import cookie_pairs
from mock_server.journal.exchange import Headers

REDACTED = "[redacted]"

_SHOWN = frozenset(
    b"accept content-length content-type last-event-id origin prefer upgrade user-agent".split()
)
_SECRET_NAME = re.compile(
    r"token|secret|passw|auth|credential|session|signature|cookie|jwt|api.?key|^key$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    rf"([\w.-]*(?:{_SECRET_NAME.pattern.replace('|^key$', '')})[\w.-]*[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s&;,\"'}]+",
    re.IGNORECASE,
)
"""In a body that is not JSON: a name that suggests a secret, and its value."""

_MIN_LENGTH = 4
_PIECES = re.compile(r"[\s,=:\"]+")
_SCHEMES = frozenset({"Bearer", "bearer", "Basic", "basic"})


class Redaction:
    """The secrets of one request; the name of its ``tenant`` is none of them."""

    def __init__(self, headers: Headers, query: bytes, tenant: str | None) -> None:
        self._headers = headers
        self._query = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        texts = [value for name, value in self._query if _SECRET_NAME.search(name)]
        for header, content in headers:
            value = content.decode("latin-1")
            if header == b"cookie":
                # A cookie without a name is a value.
                texts += [text or name for name, text in cookie_pairs(value)]
            elif _SECRET_NAME.search(header.decode("latin-1")):
                texts.append(value)
        pieces = {piece for text in texts for piece in (text, *_PIECES.split(text))}
        pieces |= {piece.encode("latin-1", "ignore").decode(errors="ignore") for piece in pieces}
        pieces |= {unquote_plus(piece) for piece in pieces}
        pieces |= {quote(piece, safe="") for piece in pieces}
        pieces -= _SCHEMES | {tenant}
        self._secrets = sorted(
            (piece for piece in pieces if len(piece) >= _MIN_LENGTH), key=len, reverse=True
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that can affect a response, without credentials."""
        return {
            name.decode("latin-1"): self.text(value.decode("latin-1"))
            for name, value in self._headers
            if name in _SHOWN
        }

    def query(self) -> str:
        """Return the query string without secrets."""
        return "&".join(
            f"{quote(self.text(name))}={self._value(name, value)}" for name, value in self._query
        )

    def body(self, content: bytes | None) -> str | None:
        """Return a request body as it was sent, without credentials; None for one that is not
        text."""
        if content is None:
            return None
        try:
            text = content.decode()
            value = orjson.loads(content)
            shown = self._json(value)
        except orjson.JSONDecodeError:
            text = _SECRET_VALUE.sub(rf"\1{REDACTED}", text)
        except (UnicodeDecodeError, RecursionError):
            return None
        else:
            if shown != value:
                text = orjson.dumps(shown).decode()
        return self.text(text)

    def text(self, text: str) -> str:
        """Return ``text`` without credentials."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def all(self, value: Any) -> Any:
        """Return the JSON ``value`` with every text in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.all(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.all(inner) for inner in value]
        return value

    def _json(self, value: Any) -> Any:
        """Return the JSON ``value`` without secrets, in names as well."""
        if isinstance(value, dict):
            return {
                self.text(name): REDACTED if _SECRET_NAME.search(name) else self._json(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._json(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _value(self, name: str, value: str) -> str:
        return REDACTED if _SECRET_NAME.search(name) else quote(self.text(value))
