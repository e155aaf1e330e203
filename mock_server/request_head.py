"""The head of a request: its bounds, its host and its target, and the response to a wrong one."""

import re
from collections.abc import Sequence
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mock_server.engine.clock import SECOND, to_http_date, wall
from mock_server.settings import ConnectionLimits, host_of

_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE)
"""A request target with scheme and host, as clients send it to a proxy."""

Rejection = tuple[int, str]
"""A status code, and the reason for it."""


def size_problem(
    url: bytes, headers: Sequence[tuple[bytes, bytes]], limits: ConnectionLimits
) -> Rejection | None:
    """Return why a head with that target and those fields is too large; None if it is not."""
    if len(headers) > limits.header_count:
        return 431, f"The request has more than {limits.header_count} header fields"
    size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
    return too_large(url, limits) if size > limits.head_bytes else None


def too_large(url: bytes, limits: ConnectionLimits) -> Rejection:
    """Return what is said of a head with more bytes than it may have."""
    limit = limits.head_bytes
    if len(url) * 2 > limit:
        return 414, f"The URL is too long: a request may have a head of {limit} bytes"
    return 431, f"The header fields are larger than {limit} bytes"


def host_problem(host: bytes) -> Rejection | None:
    """Return why a request for that host is rejected; None for a host name."""
    text = host.decode("latin-1")
    if host_of(text) is None:
        return 400, f"Host: expected a host name, got {ascii(text)[:100]}"
    return None


def host_and_path(target: bytes) -> tuple[bytes, bytes] | None:
    """Return the host and the path of a request target with a scheme; None for another one."""
    match = _ABSOLUTE.fullmatch(target.partition(b"#")[0])
    if match is None:
        return None
    host, path = match.groups()
    return host, path if path.startswith(b"/") else b"/" + path


def without_upgrade(headers: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the lines of those fields without the wish for another protocol."""
    lines = []
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(one for one in tokens if one.lower() != b"upgrade")  # noqa: PLW2901
        lines.append(b"%b: %b" % (name, value))
    return lines


def response(status: int, reason: str, *, repeatable: bool) -> bytes:
    """Return the response to a request that is rejected, after which the connection is closed.

    A 503 says when to repeat the request, unless that could do harm.
    """
    body = orjson.dumps({"detail": reason})
    later = repeatable and status == HTTPStatus.SERVICE_UNAVAILABLE
    retry = b"retry-after: 1\r\n" if later else b""
    return (
        b"%bdate: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b"
        % (STATUS_LINE[status], to_http_date(wall() // SECOND), len(body), retry)
        + b"connection: close\r\n\r\n%b" % body
    )
