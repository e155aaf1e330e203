"""The kinds of fault that apply to event streams alone.

Each returns, for one stream, a function from a block (an event or a comment with its blank
line) to the blocks that are sent in its place; it is called with None at the end of the
stream.
"""

from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import Field
from starlette.types import Message, Receive, Send

from mock_server.engine.clock import SECOND
from mock_server.faults.fault import (
    Ending,
    Fault,
    FaultContext,
    Responder,
    ResponseAborted,
    UpToADay,
    is_event_stream,
)

Transform = Callable[[bytes | None], Iterator[bytes]]
Events = Annotated[int, Field(ge=0, le=1_000_000, description="Number of events to send first.")]

_BLANK = b"\n\n"


class StreamFault(Fault):
    """A fault of event streams; every other response passes unchanged."""

    affects_bodies = False

    def transform(self, context: FaultContext) -> Transform:
        """Return the transformation for the blocks of one stream. It may raise ResponseAborted."""
        raise NotImplementedError

    def wrap(self, respond: Responder, context: FaultContext) -> Responder:
        async def transformed(receive: Receive, send: Send) -> None:
            transform: Transform | None = None

            async def send_transformed(message: Message) -> None:
                nonlocal transform
                if message["type"] == "http.response.start" and is_event_stream(message):
                    transform = self.transform(context)
                elif transform is not None:
                    await self._send(transform, message, send)
                    return
                await send(message)

            await respond(receive, send_transformed)

        return transformed

    @staticmethod
    async def _send(transform: Transform, message: Message, send: Send) -> None:
        more = message.get("more_body", False)
        blocks: list[bytes | None] = [
            block + _BLANK for block in message.get("body", b"").split(_BLANK) if block
        ]
        if not more:
            blocks.append(None)
        sent: list[bytes] = []
        try:
            for block in blocks:
                for replacement in transform(block):
                    sent.append(replacement)
        except ResponseAborted:
            if sent:
                await send({**message, "body": b"".join(sent), "more_body": True})
            raise
        if sent or not more:
            await send({**message, "body": b"".join(sent)})


class Reorder(StreamFault):
    """Hold back events of a stream and send them in another order."""

    name = "reorder"
    example = "reorder"
    order = 30  # Before duplicates: two copies of one event have no other order.
    window: int = Field(
        default=2, ge=2, le=100, description="Number of events to reorder at a time."
    )

    def transform(self, context: FaultContext) -> Transform:
        held: list[bytes] = []
        windows = 0

        def shuffle(block: bytes | None) -> Iterator[bytes]:
            nonlocal windows
            if block is not None and not _is_event(block):
                yield block
                return
            if block is not None:
                held.append(block)
                if len(held) < self.window:
                    return
            if len(held) > 1:
                windows += 1
                context.record(self.name)
                _shuffle(held, context, self.name, windows)
            yield from held
            held.clear()

        return shuffle


class Duplicate(StreamFault):
    """Send events of a stream twice."""

    name = "duplicate"
    example = "duplicate"
    order = 40
    probability: float = Field(default=1, gt=0, le=1)

    def transform(self, context: FaultContext) -> Transform:
        events = 0

        def twice(block: bytes | None) -> Iterator[bytes]:
            nonlocal events
            if block is None:
                return
            yield block
            if _is_event(block):
                events += 1
                if context.rng(self.name, events).happens(self.probability):
                    context.record(self.name)
                    yield block

        return twice


class Reconnect(StreamFault):
    """Send the reconnection time (`retry`) of a stream."""

    name = "reconnect"
    example = "reconnect.after=9s"
    order = 50
    after: UpToADay = 30 * SECOND

    def transform(self, context: FaultContext) -> Transform:
        def slower(block: bytes | None) -> Iterator[bytes]:
            if block is None:
                return
            if block.startswith(b"retry:"):
                context.record(self.name)
                _, _, event = block.partition(b"\n")
                block = b"retry: %d\n%b" % (self.after, event)
            yield block

        return slower


class HalfEvent(StreamFault):
    """Break off a stream in the middle of an event."""

    name = "halfFrame"
    example = "halfFrame"
    order = 60
    after: Events = 3
    clean: bool = Field(default=False, description="End the response as a complete stream does.")

    def transform(self, context: FaultContext) -> Transform:
        left = self.after

        def until(block: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if block is None:
                return
            if _is_event(block):
                if not left:
                    context.record(self.name)
                    yield block[: len(block) // 2]
                    raise ResponseAborted(Ending.COMPLETE if self.clean else Ending.CLOSED)
                left -= 1
            yield block

        return until


class EarlyEnd(StreamFault):
    """The stream ends after ``after`` events."""

    after: Events = 3

    def ending(self) -> Ending:
        raise NotImplementedError

    def transform(self, context: FaultContext) -> Transform:
        left = self.after

        def until(block: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if left and block is not None:
                yield block
                left -= _is_event(block)
            if not left:
                context.record(self.name)
                raise ResponseAborted(self.ending())

        return until


class Cut(EarlyEnd):
    """Break off a stream after an event."""

    name = "cut"
    example = "cut.after=3"
    order = 70
    clean: bool = Field(default=False, description="End the response as a complete stream does.")

    def ending(self) -> Ending:
        return Ending.COMPLETE if self.clean else Ending.CLOSED


class Silence(EarlyEnd):
    """Keep a stream open without events or heartbeats."""

    name = "silence"
    example = "silence"
    order = 80

    def ending(self) -> Ending:
        return Ending.HELD


def _is_event(block: bytes) -> bool:
    return block.startswith(b"data:") or b"\ndata:" in block


def _shuffle(blocks: list[bytes], context: FaultContext, *purpose: object) -> None:
    before = list(blocks)
    for last in range(len(blocks) - 1, 0, -1):
        other = context.rng(*purpose, last).between(0, last)
        blocks[last], blocks[other] = blocks[other], blocks[last]
    if blocks == before:
        blocks.append(blocks.pop(0))
