"""Responses about the process, merged from those of all workers.

Each worker gets the request, checks it and responds for its own worlds, this one first.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_server.cluster.fetch import Reply
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError
from mock_server.http.middleware.control_access import CONTROL

_DEFAULT_LIMIT = 100
_MAX_STATUS = 299

Merge = Callable[[Sequence[bytes], Scope], bytes]
"""Returns the body that is merged from those of the workers, the present one first."""


Ask = Callable[[Scope, bytes], Awaitable[Sequence[Reply]]]
"""Sends a request, with its body, to the peers, and returns their responses."""


class Merged:
    """An application that asks ``app``, the mock itself, and then its peers, and merges the
    responses."""

    def __init__(self, app: ASGIApp, ask: Ask, merge: Merge) -> None:
        self._app = app
        self._ask = ask
        self._merge = merge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Before the peers: the mock itself checks access, and reads a body within its limit.
        first, body = await _local(self._app, scope, receive)
        if first is None:
            return  # The client has left.
        if first.status > _MAX_STATUS:
            await _respond(first, send)
            return
        try:
            others = await self._ask(scope, body)
        except HttpError as error:
            content = orjson.dumps({"detail": error.reason})
            headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
            await _respond(Reply(error.status, headers, content), send)
            return
        merged = self._merge([first.body, *(one.body for one in others)], scope)
        await _respond(Reply(first.status, first.headers, merged), send)


async def _local(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Reply | None, bytes]:
    """Return the response of ``app``, a complete one, and the body that it has read; None as the
    response where the client has left."""
    start: Message = {}
    parts: list[bytes] = []
    read: list[bytes] = []

    async def reading() -> Message:
        message = await receive()
        read.append(message.get("body", b""))
        return message

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    await app({**scope, "method": method, "headers": list(scope["headers"])}, reading, send)
    if not start:
        return None, b""
    return Reply(start["status"], list(start["headers"]), b"".join(parts)), b"".join(read)


async def _respond(reply: Reply, send: Send) -> None:
    skipped = (b"content-length", b"transfer-encoding", b"connection")
    headers: list[Any] = [field for field in reply.headers if field[0].lower() not in skipped]
    if reply.body or reply.status != 204:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


class FirstFound:
    """An application that asks ``app``, the mock itself, and then its peers for what one has."""

    def __init__(self, app: ASGIApp, ask: Ask) -> None:
        self._app = app
        self._ask = ask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        own, body = await _local(self._app, scope, receive)
        if own is None:
            return  # The client has left.
        found = own
        if own.status == HTTPStatus.NOT_FOUND:
            others = await self._ask(scope, body)
            found = next(iter(others), own)
        await _respond(found, send)


# How the responses of each operation are merged.


def of_journals(scope: Scope, line: str) -> "Merge | None":
    """Return how the responses to a request for more than one journal are merged; None for another
    one. ``line`` is its method and path."""
    merge = _OF_JOURNALS.get(line)
    if merge is None:
        return None
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    return None if query.get("whose", ["world"]) == ["world"] else merge


def first(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the response of this worker; the others do the same."""
    return bodies[0]


def health(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the response of this worker, with the worlds and streams of all."""
    found = _read(bodies)
    sums = {name: sum(one[name] for one in found) for name in ("worlds", "streams")}
    uptime = max(one["uptimeSeconds"] for one in found)
    return orjson.dumps({**found[0], **sums, "uptimeSeconds": uptime})


def worlds(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the worlds of all processes, by name; one that another takes over is named once."""
    items = {item["name"]: item for one in reversed(_read(bodies)) for item in one["items"]}
    return orjson.dumps({"items": [items[name] for name in sorted(items)]})


def requests(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the newest requests of all workers."""
    found = _read(bodies)
    items = [item for one in found for item in one["items"]]
    items.sort(key=lambda item: item["number"], reverse=True)
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    limit = int(query.get("limit", [str(_DEFAULT_LIMIT)])[0])
    return orjson.dumps({"items": items[:limit], "total": sum(one["total"] for one in found)})


def counts(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the sums of all numbers, by the names they have."""
    return orjson.dumps(_sum(_read(bodies)))


def metrics(bodies: Sequence[bytes], scope: Scope) -> bytes:
    """Return the sum of each sample; samples that are one without labels to count are kept."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, dict[str, float]] = {}
    for body in bodies:
        family = ""
        for line in body.decode().splitlines():
            if line.startswith("#"):
                family = line.split(" ", 3)[2]
                lines = heads.setdefault(family, [])
                if line not in lines:
                    lines.append(line)
                continue
            name, _, value = line.rpartition(" ")
            known = samples.setdefault(family, {})
            constant = family == "runs_mock_info"
            known[name] = float(value) if constant else known.get(name, 0.0) + float(value)
    text = []
    for family, lines in heads.items():
        text += lines
        text += [f"{name} {_number(value)}" for name, value in samples.get(family, {}).items()]
    return "".join(f"{line}\n" for line in text).encode()


def _read(bodies: Sequence[bytes]) -> list[Json]:
    return [orjson.loads(body) for body in bodies]


def _sum(found: Sequence[Json]) -> Json:
    total: Json = {}
    for one in found:
        for name, value in one.items():
            if isinstance(value, dict):
                total[name] = dict(sorted((Counter(total.get(name, {})) + Counter(value)).items()))
            else:
                total[name] = total.get(name, 0) + value
    return total


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


_OF_JOURNALS: dict[str, Merge] = {
    f"GET {CONTROL}/requests": requests,
    f"GET {CONTROL}/requests/count": counts,
    f"DELETE {CONTROL}/requests": counts,
}
