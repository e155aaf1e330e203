"""What every kind of fault is: a value in a rule that wraps the sending of a response."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from starlette.types import Message, Receive, Send

from mock_server import yaml_model
from mock_server.engine.clock import DAY, MINUTE, SECOND
from mock_server.engine.duration import (
    DURATION_PATTERN,
    SPAN_PATTERN,
    Span,
    format_duration,
    format_span,
    parse_span,
)
from mock_server.engine.randomness import SeededRandom
from mock_server.faults.delay import Delays
from mock_server.journal.exchange import Exchange

MAX_DELAY = MINUTE

DURATION_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": DURATION_PATTERN, "x-component": "Duration"}
)
"""The schema of a duration: a component of the control API's document."""

Responder = Callable[[Receive, Send], Awaitable[None]]
"""Sends a response."""


def _span_up_to(maximum: int) -> Callable[[object], Span]:
    def parse(text: object) -> Span:
        span = parse_span(text)
        if span.maximum > maximum:
            raise ValueError(f"{text!r} is longer than {format_duration(maximum)}")
        return span

    return parse


def _duration_up_to(maximum: int) -> Callable[[object], int]:
    def parse(text: object) -> int:
        span = _span_up_to(maximum)(text)
        if span.minimum != span.maximum:
            raise ValueError(f"{text!r} is a range; write one duration")
        return span.minimum

    return parse


Delay = Annotated[
    int,
    BeforeValidator(_duration_up_to(MAX_DELAY)),
    PlainSerializer(format_duration),
    DURATION_SCHEMA,
]
DelaySpan = Annotated[
    Any,
    BeforeValidator(_span_up_to(MAX_DELAY)),
    PlainSerializer(format_span, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SPAN_PATTERN}),
]
UpToADay = Annotated[
    int, BeforeValidator(_duration_up_to(DAY)), PlainSerializer(format_duration), DURATION_SCHEMA
]


class Ending(StrEnum):
    """How a response ends that a fault cuts short."""

    COMPLETE = "complete"  # as if nothing were missing
    CLOSED = "closed"  # the connection is closed
    RESET = "reset"  # the connection is reset
    HELD = "held"  # the connection stays open, and nothing more is sent


class ResponseAborted(Exception):  # noqa: N818 - intended, not an error
    """The response ends here."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


class FaultContext:
    """One rule applied to one request: its random draws, its delays and its record."""

    __slots__ = ("_delays", "_exchange", "_path", "_seed")

    def __init__(self, exchange: Exchange, delays: Delays, seed: int, *path: object) -> None:
        self._exchange = exchange
        self._delays = delays
        self._seed = seed
        self._path = path

    def rng(self, *purpose: object) -> SeededRandom:
        """Return the random source for a purpose: equal seeds and requests draw the same."""
        return SeededRandom(self._seed, *self._path, *purpose)

    def record(self, name: str) -> None:
        """Record in the exchange that the fault of that name had an effect."""
        if name not in self._exchange.faults:
            self._exchange.faults += (name,)

    async def delay(self, milliseconds: float, receive: Receive) -> None:
        """Wait in real time as long as the client is connected."""
        await self._delays.wait(milliseconds / SECOND, receive)


class Fault(yaml_model.Model):
    """A kind of fault.

    ``name`` is its key in rules and in the journal, ``example`` how to write it on the command
    line. Of several faults, one with a lower ``order`` is applied first, so the last is nearest to
    the wire. ``affects_bodies`` and ``affects_streams`` are the responses that it applies to: those
    with a complete body, event streams, or both. ``replaces_response`` means that the operation is
    not called; of several such faults the first is applied and the others stay.
    """

    name: ClassVar[str]
    example: ClassVar[str]
    order: ClassVar[int]
    affects_bodies: ClassVar[bool] = True
    affects_streams: ClassVar[bool] = True
    replaces_response: ClassVar[bool] = False

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        """Return ``respond`` with the fault."""
        raise NotImplementedError


def is_event_stream(start: Message) -> bool:
    """Return whether the response that starts with ``start`` is an event stream."""
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )
