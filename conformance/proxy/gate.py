"""Decide which requests are passed on. A request of the contract is held until it is complete, so
that one that violates the contract never reaches the target."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from conformance.proxy.framing import Body, End, Head, Opaque, Part
from conformance.vocabulary import ROOT

MAX_HELD = 1024 * 1024
_ROOT = ROOT.encode()
_REASONS = {
    400: "Bad Request",
    405: "Method Not Allowed",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A response of the proxy itself, to the request that these parts are."""

    status: int
    detail: str
    allow: str = ""
    parts: tuple[Part, ...] = ()
    close: bool = False
    bodiless: bool = False
    errors: tuple[dict[str, str], ...] = ()
    origin: bytes = b""


class Decide(Protocol):
    """Return the rejection of a complete request, or None if it is passed on."""

    def __call__(self, head: Head, body: bytes, /) -> Rejection | None: ...


@dataclass(slots=True)
class Gate:
    """The requests of one connection."""

    judge: Decide
    _held: list[Part] = field(default_factory=list)
    _size: int = 0

    @property
    def holds(self) -> bool:
        """Whether a request is held until it is complete."""
        return bool(self._held)

    def decide(self, part: Part) -> list[Part] | Rejection:
        """Return the parts to pass on now, or the rejection of the request that is complete."""
        if isinstance(part, Opaque):
            why = f"The request is not a well-formed HTTP message: {part.why}."
            return Rejection(400, why, parts=(part,), close=True) if part.why else [part]
        if not self._held:
            if not isinstance(part, Head) or _ROOT not in part.target:
                return [part]
            self._held, self._size = [part], 0
            return []
        self._held.append(part)
        self._size += len(part.raw)
        if self._size > MAX_HELD:
            held, self._held = self._held, []
            return held
        return self._decided() if isinstance(part, End) else []

    def _decided(self) -> list[Part] | Rejection:
        held, self._held = self._held, []
        head = held[0]
        if not isinstance(head, Head):
            return held
        body = b"".join(part.data for part in held if isinstance(part, Body))
        found = self.judge(head, body)
        if found is None:
            return held
        last = any(b"close" in value.lower() for value in head.values(b"connection"))
        last = last or b" HTTP/1.0" in head.raw[: len(head.target) + 40]
        return Rejection(
            found.status,
            found.detail,
            found.allow,
            tuple(held),
            close=last,
            bodiless=head.method == "HEAD",
            errors=found.errors,
            origin=origin_of(held),
        )


def origin_of(parts: Iterable[Part]) -> bytes:
    """Return the Origin of a request, for which a browser needs permission to read a response."""
    heads = [part for part in parts if isinstance(part, Head)]
    return next((value for head in heads for value in head.values(b"origin")), b"")


def problem(rejection: Rejection, *, close: bool) -> bytes:
    """Return a response with a problem document (RFC 9457)."""
    title = _REASONS.get(rejection.status, "Error")
    document = {
        "type": "about:blank",
        "title": title,
        "status": rejection.status,
        "detail": rejection.detail,
        "by": "runs-conformance proxy",
    }
    if rejection.errors:
        document["errors"] = list(rejection.errors)
    body = json.dumps(document).encode()
    lines = [
        f"HTTP/1.1 {rejection.status} {title}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *([f"Allow: {rejection.allow}"] if rejection.allow else []),
        *(["Connection: close"] if close else []),
    ]
    if rejection.origin:
        lines += [
            f"Access-Control-Allow-Origin: {rejection.origin.decode('latin-1')}",
            "Access-Control-Allow-Credentials: true",
            "Vary: Origin",
        ]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head if rejection.bodiless else head + body
