"""Requests that are malformed, oversized or cut off, as the bytes that a raw client sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.client.raw_socket import Filler, Headers, Piece, RawResponse
from conformance.errors import Unsupported
from conformance.harness.context import UNKNOWN_RUN, CheckContext
from conformance.vocabulary import ROOT, Operation

KIB, MIB = 1024, 1024 * 1024


def _get(context: CheckContext, *middle: Piece, target: str = f"{ROOT}?limit=1") -> list[Piece]:
    return [
        f"GET {context.raw_client.path}{target} HTTP/1.1\r\n",
        valid_headers(context),
        *middle,
        "\r\n",
    ]


def _retry(context: CheckContext, *rest: Piece) -> list[Piece]:
    path = Operation.RETRY.path(UNKNOWN_RUN)
    media_type = ("Content-Type", "application/json")
    return [
        f"POST {context.raw_client.path}{path} HTTP/1.1\r\n",
        valid_headers(context, media_type),
        *rest,
    ]


def valid_headers(context: CheckContext, *more: tuple[str, str]) -> Headers:
    """Return the headers of a valid request, and more."""
    credential = () if context.api.credential is None else context.api.credential.headers().items()
    return context.raw_client.headers(*credential, *more)


Request = Callable[[CheckContext], Sequence[Piece]]

# Complete requests: the server must respond, there is nothing to wait for.
COMPLETE: dict[str, Request] = {
    "a header of 64 KiB": lambda k: _get(k, "X-Filler: ", Filler("a", 64 * KIB), "\r\n"),
    "2,000 headers": lambda k: _get(k, Filler("X-Filler: a\r\n", 2000)),
    "a query of 64 KiB": lambda k: _get(k, target=f"{ROOT}?x={'a' * 64 * KIB}"),
    "a request line that is none": lambda k: ["\x16\x03\x01\x02 garbage\r\n\r\n"],
    "NUL in the path": lambda k: _get(k, target=f"{ROOT}/\x00"),
    "a broken escape in the path": lambda k: _get(k, target=f"{ROOT}/%zz%f"),
    "an unknown version": lambda k: [
        f"GET {k.raw_client.path}{ROOT} HTTP/7.3\r\n",
        valid_headers(k),
        "\r\n",
    ],
    "a header without colon": lambda k: _get(k, "no colon in here\r\n"),
    "an unknown method": lambda k: [
        f"BREW {k.raw_client.path}{ROOT} HTTP/1.1\r\n",
        valid_headers(k),
        "\r\n",
    ],
    "a chunk of no size": lambda k: _retry(
        k, "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    ),
    "a negative length": lambda k: _retry(k, "Content-Length: -2\r\n\r\n{}"),
    "a length in words": lambda k: _retry(k, "Content-Length: two\r\n\r\n{}"),
    "two lengths": lambda k: _retry(k, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    "a body of 4 MiB": lambda k: _retry(
        k, f'Content-Length: {4 * MIB + 2}\r\n\r\n"', Filler("a", 4 * MIB), '"'
    ),
    "three requests in one go": lambda k: [*_get(k), *_get(k), *_get(k)],
    "100,000 brackets": lambda k: _retry(k, "Content-Length: 100000\r\n\r\n", Filler("[", 100_000)),
}
# Requests that are cut off: the server may wait for the rest, and the client disconnects.
INCOMPLETE: dict[str, Request] = {
    "half a request line": lambda k: [f"GET {k.raw_client.path}{ROOT[:8]}"],
    "half a header": lambda k: [
        f"GET {k.raw_client.path}{ROOT} HTTP/1.1\r\n",
        valid_headers(k),
        "X-Fi",
    ],
    "half a body": lambda k: _retry(k, 'Content-Length: 200\r\n\r\n{"mode": "fr'),
    "half a chunk": lambda k: _retry(k, "Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "a response not waited for": _get,
}


def reaction_to(context: CheckContext, case: str) -> RawResponse:
    """Return what a complete request led to; it is sent once."""
    pieces = pieces_of(context, case)
    return context.cache.once(f"malformed: {case}", lambda: context.raw_client.exchange(pieces))


def fault_of(reaction: RawResponse, patience: float) -> str:
    """Return what is wrong with it; empty for nothing."""
    if not reaction.responded_or_closed:
        return f"neither a response nor a close within {patience:g} s"
    if reaction.status is not None and reaction.status >= 500 and reaction.status not in (501, 505):
        return f"{reaction.status}, expected a client error"
    return ""


def pieces_of(context: CheckContext, case: str) -> Sequence[Piece]:
    """Return the request of this case. Raise Unsupported if it may not be sent."""
    pieces = (COMPLETE | INCOMPLETE)[case](context)
    if context.read_only and str(pieces[0]).startswith("POST"):
        raise Unsupported("it needs to change something, and the run is read-only")
    return pieces
