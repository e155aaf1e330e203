"""A proxy before a conforming server, with one mutant per path: each changes one thing. `a+b`
is both, a before b. The control API is not changed."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx2
import uvicorn

ROOT = "/api/v1/automation-runs"
LARGE = 1024 * 1024
Json = dict[str, Any]


@dataclass(slots=True)
class Request:
    """A request, which a mutant may change before it passes it on."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """list, get, cancel, retry, steps or events; empty for anything else."""
        parts = self.path.removeprefix(ROOT).strip("/").split("/")
        if parts == [""]:
            return "list"
        return "get" if len(parts) == 1 else parts[1]

    @property
    def run_id(self) -> str:
        """The run it is about."""
        return self.path.removeprefix(ROOT).strip("/").partition("/")[0]

    def parameter(self, name: str) -> str | None:
        """The value of a query parameter."""
        return dict(self.query).get(name)

    def set(self, name: str, value: object) -> None:
        """Give a query parameter this value; None leaves it out."""
        self.query = [pair for pair in self.query if pair[0] != name]
        if value is not None:
            self.query.append((name, str(value)))

    def to(self, operation: str, run_id: str | None = None) -> Request:
        """The same caller asking for another operation, without query and body."""
        suffix = {"get": "", "list": ""}.get(operation, f"/{operation}")
        path = ROOT if operation == "list" else f"{ROOT}/{run_id or self.run_id}{suffix}"
        method = "POST" if operation in ("cancel", "retry") else "GET"
        return Request(method, path, [], dict(self.headers), b"")


@dataclass(slots=True)
class Response:
    """An answer, which a mutant may change before it passes it back; a stream has frames."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    frames: AsyncIterator[bytes] | None = None

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    def put(self, value: Any, status: int | None = None) -> Response:
        """Another body, and another status."""
        self.body = json.dumps(value).encode()
        self.status = status or self.status
        self.headers["content-type"] = "application/json"
        return self


Forward = Callable[[Request], Awaitable[Response]]
Mutate = Callable[[Request, Forward, Json], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`mutate` breaks exactly these requirements; `given` are options the kit needs to see it."""

    name: str
    requirements: tuple[str, ...]
    mutate: Mutate
    given: Json = field(default_factory=dict)


class Mutants:
    """The mutants of one module, by the kinds of change that most of them make."""

    def __init__(self) -> None:
        self.all: list[Mutant] = []

    def __call__(self, *requirements: str, **given: Any) -> Callable[[Mutate], Mutate]:
        """Register a mutant in full: `mutate(request, forward, memory)`."""

        def register(mutate: Mutate) -> Mutate:
            self.all.append(Mutant(mutate.__name__.replace("_", "-"), requirements, mutate, given))
            return mutate

        return register

    def asks(self, *requirements: str, name: str, change: Callable[[Request], object]) -> None:
        """One that changes requests on their way."""

        async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
            change(request)
            return await forward(request)

        self.all.append(Mutant(name, requirements, mutate))

    def answers(
        self, *requirements: str, name: str, change: Callable[[Request, Response], object]
    ) -> None:
        """One that changes answers on their way back."""

        async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
            reply = await forward(request)
            change(request, reply)
            return reply

        self.all.append(Mutant(name, requirements, mutate))

    def objects(
        self, *requirements: str, name: str, on: str, change: Callable[[Json], object]
    ) -> None:
        """One that changes the object of every good answer to these operations."""

        def mutate(request: Request, reply: Response) -> None:
            if request.operation in on.split() and 200 <= reply.status < 300 and reply.body:
                value = reply.json()
                change(value)
                reply.put(value)

        self.answers(*requirements, name=name, change=mutate)

    def runs(
        self, *requirements: str, name: str, change: Callable[[Json], object], on: str = "get list"
    ) -> None:
        """One that changes every run in the good answers to these operations."""

        def mutate(value: Json) -> None:
            for run in value.get("items", [value]):
                change(run)

        self.objects(*requirements, name=name, on=on, change=mutate)

    def frames(self, *requirements: str, name: str, change: Callable[[bytes], list[bytes]]) -> None:
        """One that puts other frames in the place of each frame of a stream."""

        async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
            reply = await forward(request)
            if reply.frames is not None:
                reply.frames = replaced(reply.frames, change)
            return reply

        self.all.append(Mutant(name, requirements, mutate))


async def replaced(
    frames: AsyncIterator[bytes], change: Callable[[bytes], list[bytes]]
) -> AsyncIterator[bytes]:
    """Every frame with others in its place."""
    async for frame in frames:
        for other in change(frame):
            yield other


class Proxy:
    """The ASGI application: `/MUTANT/...` is that mutant before the server."""

    def __init__(self, upstream: str, mutants: list[Mutant]) -> None:
        self._upstream = upstream
        self._mutants = {mutant.name: mutant for mutant in mutants}
        self._memories: dict[str, Json] = {}
        self._client: httpx2.AsyncClient | None = None

    async def close(self) -> None:
        """Give up the connections to the server."""
        if self._client is not None:
            await self._client.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        _, name, path = scope["path"].split("/", 2)
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            scope["method"],
            f"/{path}",
            parse_qsl(scope["query_string"].decode(), keep_blank_values=True),
            {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k != b"host"},
            body,
        )
        opened: list[httpx2.Response] = []

        async def forward(request: Request) -> Response:
            return await self._forward(request, opened)

        try:
            for mutant in name.split("+") if request.path.startswith(ROOT) else ():
                forward = self._before(forward, mutant, f"{name} {mutant}")
            await _answer(await forward(request), receive, send)
        finally:
            for response in opened:
                await response.aclose()

    def _before(self, forward: Forward, mutant: str, memory: str) -> Forward:
        if mutant not in self._mutants:
            return forward
        mutate, kept = self._mutants[mutant].mutate, self._memories.setdefault(memory, {})
        return lambda request: mutate(request, forward, kept)

    async def _forward(self, request: Request, opened: list[httpx2.Response]) -> Response:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                base_url=self._upstream,
                timeout=30,
                limits=httpx2.Limits(max_connections=None),
                trust_env=False,
            )
        headers = {k: v for k, v in request.headers.items() if k != "content-length"}
        # What came decoded goes on encoded: it may be anything.
        path = quote(request.path)
        url = f"{path}?{urlencode(request.query)}" if request.query else path
        upstream_request = self._client.build_request(
            request.method, url, headers=headers, content=request.body
        )
        try:
            response = await self._client.send(upstream_request, stream=True)
        except httpx2.TransportError:
            if len(request.body) < LARGE:
                raise
            # A server may close the connection over a body that it does not read.
            return Response(413, {"content-type": "text/html"}, b"<h1>413 Too Large</h1>")
        opened.append(response)
        kept = {k.lower(): v for k, v in response.headers.items()}
        for name in ("content-length", "transfer-encoding", "connection"):
            kept.pop(name, None)
        if kept.get("content-type", "").startswith("text/event-stream"):
            return Response(response.status_code, kept, frames=_frames(response))
        return Response(response.status_code, kept, await response.aread())


async def _frames(response: httpx2.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.aiter_raw():
        *whole, rest = (rest + chunk).split(b"\n\n")
        for frame in whole:
            yield frame + b"\n\n"


async def _answer(reply: Response, receive: Any, send: Any) -> None:
    headers = [(k.encode(), v.encode("latin-1")) for k, v in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.frames is None:
        await send({"type": "http.response.body", "body": reply.body})
        return

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def pour(frames: AsyncIterator[bytes]) -> None:
        async for frame in frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})

    tasks = [asyncio.create_task(gone()), asyncio.create_task(pour(reply.frames))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def serving(app: Proxy, **tls: Any) -> Iterator[str]:
    """Serve the proxy from a thread for as long as the block lasts; gives its address. `tls` are
    uvicorn's own options."""
    listener = socket.create_server(("127.0.0.1", 0))
    # An answer goes out in two parts; the second must not wait until the first is acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, **tls
    )
    # Here, where a failure reaches the test, and where no file that it reads changes under it.
    config.load()
    server = uvicorn.Server(config)

    async def serve() -> None:
        await server.serve(sockets=[listener])
        await app.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
