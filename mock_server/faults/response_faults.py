"""What can go wrong with an answer: each kind is one small class that wraps it, so they compose.

A fault is a value that people write, in a rule (``rules.py``) or a preset. Here are those of
every answer; those of event streams alone are in ``streams.py``. A fault that cuts an answer
short raises ``ResponseAborted``, which unwinds whatever was answering; the layer that applies faults
(``layer.py``) then does to the connection what it says.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from http import HTTPStatus
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from starlette.types import Message, Receive, Send

from mock_server import yaml_model
from mock_server.engine.clock import DAY, MINUTE, SECOND
from mock_server.engine.duration import Span, format_duration, format_span, parse_span
from mock_server.engine.randomness import SeededRandom
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.faults.delay import Delays
from mock_server.journal.exchange import Exchange

MAX_DELAY = MINUTE

Response = Callable[[Receive, Send], Awaitable[None]]

_STATUSES = frozenset(status for status in HTTPStatus if status >= 400)


def _at_most(longest: int) -> Callable[[object], Span]:
    def parse(text: object) -> Span:
        span = parse_span(text)
        if span.maximum > longest:
            raise ValueError(f"{text!r} is longer than {format_duration(longest)}")
        return span

    return parse


def _one_at_most(longest: int) -> Callable[[object], int]:
    def parse(text: object) -> int:
        span = _at_most(longest)(text)
        if span.minimum != span.maximum:
            raise ValueError(f"{text!r} is a range; write one duration")
        return span.minimum

    return parse


Delay = Annotated[int, BeforeValidator(_one_at_most(MAX_DELAY)), PlainSerializer(format_duration)]
DelaySpan = Annotated[
    Any, BeforeValidator(_at_most(MAX_DELAY)), PlainSerializer(format_span, return_type=str)
]
UpToADay = Annotated[int, BeforeValidator(_one_at_most(DAY)), PlainSerializer(format_duration)]


class Ending(StrEnum):
    """How an answer that is cut short ends."""

    COMPLETE = "complete"  # as if that had been all
    CLOSED = "closed"  # the connection is closed behind what was sent
    RESET = "reset"  # the connection is reset
    HELD = "held"  # nothing more comes, and the connection stays


class ResponseAborted(Exception):  # noqa: N818 - on purpose, not by mistake
    """The answer ends here."""

    def __init__(self, end: Ending) -> None:
        super().__init__(end)
        self.end = end


class FaultContext:
    """One rule's effect on one request: its draws, its pauses, and the trace it leaves."""

    __slots__ = ("_delays", "_exchange", "_path", "_seed")

    def __init__(self, exchange: Exchange, delays: Delays, seed: int, *path: object) -> None:
        self._exchange = exchange
        self._delays = delays
        self._seed = seed
        self._path = path

    def rng(self, *purpose: object) -> SeededRandom:
        """Chance for that purpose: equal seeds and equal requests draw the same."""
        return SeededRandom(self._seed, *self._path, *purpose)

    def record(self, name: str) -> None:
        """The fault of that name has had its effect."""
        if name not in self._exchange.faults:
            self._exchange.faults += (name,)

    async def delay(self, milliseconds: float, receive: Receive) -> None:
        """Let real time pass while anybody waits."""
        await self._delays.wait(milliseconds / SECOND, receive)


class Fault(yaml_model.Model):
    """A way in which an answer can go wrong.

    ``name`` is how rules and journal call it; ``affects_bodies`` and ``affects_streams`` say which answers it
    can befall: those that come in one piece, event streams, or both.
    """

    name: ClassVar[str]
    affects_bodies: ClassVar[bool] = True
    affects_streams: ClassVar[bool] = True

    def wrap(self, response: Response, context: FaultContext) -> Response:
        """``response`` with the fault."""
        raise NotImplementedError


class Latency(Fault):
    """The answer is late: by a fixed time, by any in a range, or by a lognormal one, of which half
    are longer than ``median`` and which has the longer a tail the larger ``sigma`` is."""

    name = "latency"
    takes: DelaySpan | None = None
    median: Delay | None = None
    sigma: float | None = Field(default=None, ge=0, le=3)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.median is None and self.sigma is not None:
            raise ValueError("sigma goes with a median, such as 400ms")
        if self.median is not None and self.takes is not None:
            raise ValueError("takes and median are two ways to say it; leave one")
        return self

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def late(receive: Receive, send: Send) -> None:
            context.record(self.name)
            await context.delay(self.draw(context.rng(self.name)), receive)
            await response(receive, send)

        return late

    def draw(self, rng: SeededRandom) -> float:
        """How late, in milliseconds."""
        if self.median is None:
            span: Span = self.takes or Span(SECOND, SECOND)
            return rng.between(span.minimum, span.maximum)
        quantile = rng.between(1, 999_999) / 1_000_000
        sigma = 0.5 if self.sigma is None else self.sigma
        late = self.median * math.exp(sigma * NormalDist().inv_cdf(quantile))
        return min(late, MAX_DELAY)


class Status(Fault):
    """Another answer comes in place of the operation's: an error, its body as in the contract."""

    name = "status"
    code: int = 503
    detail: str | None = Field(default=None, max_length=1_000)
    retry_after: UpToADay | None = Field(default=None, alias="retryAfter")

    @field_validator("code")
    @classmethod
    def _is_an_error(cls, code: int) -> int:
        if code not in _STATUSES:
            raise ValueError(f"{code} is no error of HTTP; write one such as 401, 429 or 503")
        return code

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def refused(receive: Receive, send: Send) -> None:
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

        return refused


class BodyFault(Fault):
    """A fault of answers that come in one piece; an event stream passes untouched."""

    affects_streams = False

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def respond(receive: Receive, send: Send) -> None:
            start: Message = {}
            body = b""
            passes = False

            async def gather(message: Message) -> None:
                nonlocal start, body, passes
                if message["type"] == "http.response.start":
                    start, passes = message, is_stream(message)
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

            await response(receive, gather)

        return respond

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        """Send what becomes of the answer."""
        raise NotImplementedError


class Malformed(BodyFault):
    """The body is no JSON: the text ends in the middle, though as HTTP it is whole."""

    name = "malformed"

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        part = body[: context.rng(self.name).between(1, max(len(body) - 1, 1))]
        headers = [
            (name, b"%d" % len(part) if name == b"content-length" else value)
            for name, value in start["headers"]
        ]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": part})


class Truncated(BodyFault):
    """The body ends before its Content-Length is reached; ``keep`` is the share that comes."""

    name = "truncated"
    keep: float = Field(default=0.5, ge=0, lt=1)

    async def corrupt(self, start: Message, body: bytes, send: Send, context: FaultContext) -> None:
        await send(start)
        part = body[: int(len(body) * self.keep)]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        raise ResponseAborted(Ending.CLOSED)


class Dribble(Fault):
    """The body comes in ``chunks`` small pieces, ``over`` a time; on a stream, each event does."""

    name = "dribble"
    chunks: int = Field(default=10, ge=2, le=1_000)
    over: Delay = 2 * SECOND

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def dribbled(receive: Receive, send: Send) -> None:
            async def drip(message: Message) -> None:
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

            await response(receive, drip)

        return dribbled


class Drop(Fault):
    """The connection is closed, or ``reset``: before any answer, or ``after`` that many bytes of
    the body. What was asked for has been done."""

    name = "drop"
    after: int | None = Field(default=None, ge=0, le=2**53)
    reset: bool = False

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def dropped(receive: Receive, send: Send) -> None:
            left = self.after

            async def count(message: Message) -> None:
                nonlocal left
                body = message.get("body", b"")
                if left is None or len(body) > left:
                    context.record(self.name)
                    if left is not None:
                        await send({**message, "body": body[:left], "more_body": True})
                    raise ResponseAborted(Ending.RESET if self.reset else Ending.CLOSED)
                left -= len(body)
                await send(message)

            await response(receive, count)

        return dropped


def is_stream(start: Message) -> bool:
    """Whether the answer that begins so is an event stream."""
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )


def _pieces(body: bytes, count: int) -> Iterator[bytes]:
    """``body`` in ``count`` pieces as equal as they can be; fewer when it is shorter."""
    count = min(count, len(body))
    for n in range(count):
        yield body[len(body) * n // count : len(body) * (n + 1) // count]
