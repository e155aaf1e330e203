"""The kinds of fault that apply to responses in general; ``stream_faults`` has those of streams.

Each is a small class that wraps the sending of a response, so they compose. A fault that cuts a
response short raises ``ResponseAborted``; the faults layer then ends the connection as it says.
"""

import math
from collections.abc import Iterator
from http import HTTPStatus
from statistics import NormalDist
from typing import Self

from pydantic import Field, field_validator, model_validator
from starlette.types import Message, Receive, Send

from mock_server.engine.clock import SECOND
from mock_server.engine.duration import Span
from mock_server.engine.randomness import SeededRandom
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.faults.fault import (
    MAX_DELAY,
    Delay,
    DelaySpan,
    Ending,
    Fault,
    FaultContext,
    Responder,
    ResponseAborted,
    UpToADay,
    is_event_stream,
)

_ERROR_CODES = frozenset(status for status in HTTPStatus if status >= 400)


class Status(Fault):
    """Return an error instead of executing the operation."""

    name = "status"
    example = "status.code=503 status.retryAfter=5s"
    order = 10
    replaces_response = True
    code: int = Field(
        default=503,
        description="A registered HTTP status code.",
        json_schema_extra={"minimum": 400, "maximum": 511},
    )
    detail: str | None = Field(
        default=None, max_length=1_000, description="The reason in the response body."
    )
    retry_after: UpToADay | None = Field(default=None, alias="retryAfter")

    @field_validator("code")
    @classmethod
    def _is_an_error(cls, code: int) -> int:
        if code not in _ERROR_CODES:
            raise ValueError(
                f"expected a status code of an HTTP error, such as 401, 429 or 503, got {code}"
            )
        return code

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def fail(receive: Receive, send: Send) -> None:
            context.record(self.name)
            detail = self.detail or HTTPStatus(self.code).phrase
            if self.code == 422:
                raise RequestValidationError([ErrorDetail(("body",), detail, "value_error")])
            headers = {}
            if self.code == 401:
                headers["WWW-Authenticate"] = "Bearer"
            if self.retry_after is not None:
                headers["Retry-After"] = str(math.ceil(self.retry_after / SECOND))
            raise HttpError(self.code, detail, headers)

        return fail


class BodyFault(Fault):
    """A fault of responses with a complete body; an event stream passes unchanged."""

    affects_streams = False

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def corrupted(receive: Receive, send: Send) -> None:
            start: Message = {}
            body = b""
            passes = False

            async def collect(message: Message) -> None:
                nonlocal start, body, passes
                if message["type"] == "http.response.start":
                    start, passes = message, is_event_stream(message)
                    if not passes:
                        return
                if passes:
                    await send(message)
                    return
                body += message.get("body", b"")
                if message.get("more_body", False):
                    return
                if body:
                    context.record(self.name)
                    await self.corrupt(start, body, send, context)
                else:
                    await send(start)
                    await send(message)

            await respond(receive, collect)

        return corrupted

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        """Send the corrupted response."""
        raise NotImplementedError


class Malformed(BodyFault):
    """Truncate the JSON in the middle; the HTTP message itself is complete."""

    name = "malformed"
    example = "malformed"
    order = 20

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        part = body[: context.rng(self.name).between(1, max(len(body) - 1, 1))]
        headers = [
            (name, b"%d" % len(part) if name == b"content-length" else value)
            for name, value in start["headers"]
        ]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": part})


class Truncated(BodyFault):
    """End the body before its Content-Length."""

    name = "truncated"
    example = "truncated.keep=0.5"
    order = 90
    keep: float = Field(default=0.5, ge=0, lt=1, description="The fraction of the body to send.")

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        await send(start)
        part = body[: int(len(body) * self.keep)]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        raise ResponseAborted(Ending.CLOSED)


class Dribble(Fault):
    """Send the body, or each event of a stream, in small chunks."""

    name = "dribble"
    example = "dribble.over=5s"
    order = 100
    chunks: int = Field(default=10, ge=2, le=1_000)
    over: Delay = 2 * SECOND

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def dribbled(receive: Receive, send: Send) -> None:
            async def send_in_pieces(message: Message) -> None:
                body = message.get("body", b"")
                if len(body) < 2:
                    await send(message)
                    return
                context.record(self.name)
                *first, last = _pieces(body, self.chunks)
                for piece in first:
                    await send({**message, "body": piece, "more_body": True})
                    await context.delay(self.over / len(first), receive)
                await send({**message, "body": last})

            await respond(receive, send_in_pieces)

        return dribbled


class Drop(Fault):
    """Close the connection after executing the operation."""

    name = "drop"
    example = "drop"
    order = 110
    after: int | None = Field(
        default=None,
        ge=0,
        le=2**53 - 1,
        description="Number of body bytes to send first; by default, send no response.",
    )
    reset: bool = Field(default=False, description="Reset the connection instead of closing it.")

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def dropped(receive: Receive, send: Send) -> None:
            left = self.after

            async def send_some(message: Message) -> None:
                nonlocal left
                body = message.get("body", b"")
                if left is None or len(body) > left:
                    context.record(self.name)
                    if left is not None:
                        await send({**message, "body": body[:left], "more_body": True})
                    raise ResponseAborted(Ending.RESET if self.reset else Ending.CLOSED)
                left -= len(body)
                await send(message)

            await respond(receive, send_some)

        return dropped


class Latency(Fault):
    """Delay the response in real time, by `takes` (fixed or a range) or by a lognormal distribution
    around `median`."""

    name = "latency"
    example = "latency.takes=200ms..2s"
    order = 120
    takes: DelaySpan | None = Field(
        default=None,
        description="Up to 60s; 1s by default.",
        examples=["200ms..2s"],
    )
    median: Delay | None = None
    sigma: float | None = Field(
        default=None, ge=0, le=3, description="Larger values give a longer tail; 0.5 by default."
    )

    @model_validator(mode="after")
    def _one_distribution(self) -> Self:
        if self.median is None and self.sigma is not None:
            raise ValueError("sigma goes with a median, such as 400ms")
        if self.median is not None and self.takes is not None:
            raise ValueError("takes and median are two ways to say it; leave one")
        return self

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def late(receive: Receive, send: Send) -> None:
            context.record(self.name)
            await context.delay(self.draw(context.rng(self.name)), receive)
            await respond(receive, send)

        return late

    def draw(self, rng: SeededRandom) -> float:
        """Return the delay in milliseconds."""
        if self.median is None:
            span: Span = self.takes or Span(SECOND, SECOND)
            return rng.between(span.minimum, span.maximum)
        quantile = rng.between(1, 999_999) / 1_000_000
        sigma = 0.5 if self.sigma is None else self.sigma
        delay = self.median * math.exp(sigma * NormalDist().inv_cdf(quantile))
        return min(delay, MAX_DELAY)


def _pieces(body: bytes, count: int) -> Iterator[bytes]:
    """Yield ``body`` in ``count`` pieces of equal size; fewer where it is shorter."""
    count = min(count, len(body))
    for n in range(count):
        yield body[len(body) * n // count : len(body) * (n + 1) // count]
