"""Read a HAR file entry by entry: files of browsers are large, and lack what a page may not see."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from conformance.errors import ConfigurationError
from conformance.traffic.exchange import (
    ObservedExchange,
    ObservedRequest,
    ObservedResponse,
    Pairs,
    pairs,
)

PORTION = 256 * 1024
MAX_ENTRY = 64 * 1024 * 1024
_ENTRIES = re.compile(r'(?<!\\)"entries"\s*:\s*\[')
_SEPARATOR = re.compile(r"[\s,]*")
_CREDENTIALS = frozenset({"authorization", "x-api-key", "cookie"})
_HINT = "Export it again: HAR 1.2, as browsers write it."
_NO_BODY = (204, 304)


class Source(Protocol):
    """Text that is read in portions."""

    def read(self, size: int, /) -> str: ...


def har_exchanges(text: Source, name: str) -> Iterator[ObservedExchange]:
    """Yield the exchanges of a HAR file. Raise ConfigurationError with the number of the entry."""
    last = 0.0
    for number, entry in enumerate(_entries(text, name), 1):
        where = f"{name}: entry {number}"
        try:
            exchange = _exchange(entry, where, last)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise ConfigurationError(
                f"{where}: expected a request and a response of HAR 1.2, got {_shown(fault)}.",
                _HINT,
            ) from None
        if exchange is not None:
            last = exchange.request.at
            yield exchange


def _entries(text: Source, name: str) -> Iterator[Any]:
    decoder, buffer, done = json.JSONDecoder(), "", False
    while (found := _ENTRIES.search(buffer)) is None:
        more = text.read(PORTION)
        if not more:
            raise ConfigurationError(f"{name}: expected log.entries, got none.", _HINT)
        # The key may lie across two portions.
        buffer = buffer[-64:] + more if len(buffer) > PORTION else buffer + more
    buffer, number, size = buffer[found.end() :], 0, PORTION
    while True:
        start = _SEPARATOR.match(buffer)
        buffer = buffer[start.end() if start else 0 :]
        if buffer.startswith("]"):
            return
        try:
            # A number or a word may go on in the next portion.
            entry, end = decoder.raw_decode(buffer) if buffer else (None, 0)
        except RecursionError:
            raise ConfigurationError(
                f"{name}: entry {number + 1}: expected JSON, got a value that is nested too deep.",
                _HINT,
            ) from None
        except ValueError as fault:
            if done or len(buffer) > MAX_ENTRY:
                why = f"more than {MAX_ENTRY} characters" if not done else str(fault)
                raise ConfigurationError(
                    f"{name}: entry {number + 1}: expected JSON, got {why}.", _HINT
                ) from None
            end = 0
        if end:
            number, size = number + 1, PORTION
            yield entry
            buffer = buffer[end:]
            continue
        if done:
            raise ConfigurationError(
                f"{name}: expected the end of log.entries, got the end of the file after entry "
                f"{number}.",
                _HINT,
            )
        more = text.read(size)
        # Twice as much each time, so that a long entry is not parsed again too often.
        buffer, done, size = buffer + more, not more, min(size * 2, MAX_ENTRY)


def _exchange(entry: Any, where: str, last: float) -> ObservedExchange | None:
    request, response = entry["request"], entry.get("response") or {}
    parts = urlsplit(request["url"])
    if parts.scheme not in ("http", "https"):
        return None
    at = _moment(entry.get("startedDateTime"), last)
    took = max(0.0, float(entry.get("time") or 0)) / 1_000
    timings = entry.get("timings") or {}
    names = ("blocked", "dns", "connect", "send", "wait")
    waited = sum(max(0.0, float(timings.get(name) or 0)) for name in names) / 1_000
    headers = _headers(request)
    seen = ObservedRequest(
        method=str(request["method"]),
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=headers,
        body=_posted(request),
        at=at,
        where=where,
        hidden=not any(name in _CREDENTIALS for name, _ in headers),
        origin=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
    )
    status = int(response.get("status") or 0)
    if not status:
        note = str(response.get("_error") or response.get("statusText") or "no response")
        return ObservedExchange(seen, None, note)
    body = _body(response, status, seen.method)
    # The browser has decoded it.
    kept = pairs((n, v) for n, v in _headers(response) if n.lower() != "content-encoding")
    end = at + max(took, waited)
    return ObservedExchange(
        seen, ObservedResponse(status, kept, body, min(end, at + waited), end, body is not None)
    )


def _headers(message: Any) -> Pairs:
    found = pairs((str(each["name"]), str(each["value"])) for each in message.get("headers") or ())
    known = {name for name, _ in found}
    if "cookie" not in known and message.get("cookies") and "url" in message:
        cookies = [f"{each['name']}={each['value']}" for each in message["cookies"]]
        found = (*found, ("cookie", "; ".join(cookies)))
    # HTTP/2 has the method and the path among the headers.
    return tuple((name, value) for name, value in found if not name.startswith(":"))


def _posted(request: Any) -> bytes | None:
    data = request.get("postData")
    if not data:
        return b"" if not int(request.get("bodySize") or 0) > 0 else None
    text = data.get("text")
    if text is None:
        return None
    if data.get("encoding") == "base64":
        return _decoded(text)
    return str(text).encode("utf-8", "surrogatepass")


def _body(response: Any, status: int, method: str) -> bytes | None:
    content = response.get("content") or {}
    text = content.get("text")
    if text is None:
        empty = status in _NO_BODY or method == "HEAD" or content.get("size") == 0
        return b"" if empty else None
    if content.get("encoding") == "base64":
        return _decoded(text)
    return str(text).encode("utf-8", "surrogatepass")


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as fault:
        raise ValueError(f"a body that is not base64 ({fault})") from None


def _moment(value: Any, last: float) -> float:
    if not isinstance(value, str):
        return last
    return datetime.fromisoformat(value.replace("z", "Z")).timestamp()


def _shown(fault: Exception) -> str:
    if isinstance(fault, KeyError):
        return f"no {fault.args[0]!r}"
    return str(fault)[:200] or type(fault).__name__
