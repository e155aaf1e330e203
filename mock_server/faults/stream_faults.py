"""What can go wrong with an event stream alone: frames that are lost, doubled or out of order, a
stream that ends or falls silent too early.

Each kind gives, for one stream, a function from a frame to the frames that are sent in its place;
it is asked once more with None when the stream ends by itself.
"""

from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import Field
from starlette.types import Message, Receive, Send

from mock_server.engine.clock import SECOND
from mock_server.faults.response_faults import (
    Ending,
    Fault,
    FaultContext,
    Response,
    ResponseAborted,
    UpToADay,
    is_stream,
)

Transform = Callable[[bytes | None], Iterator[bytes]]
Events = Annotated[int, Field(ge=0, le=1_000_000)]

_BLANK = b"\n\n"


class StreamFault(Fault):
    """A fault of event streams; every other answer passes untouched."""

    affects_bodies = False

    def turn(self, context: FaultContext) -> Transform:
        """What makes other frames of the frames of one stream. It may raise ResponseAborted."""
        raise NotImplementedError

    def wrap(self, response: Response, context: FaultContext) -> Response:
        async def respond(receive: Receive, send: Send) -> None:
            turn: Transform | None = None

            async def through(message: Message) -> None:
                nonlocal turn
                if message["type"] == "http.response.start" and is_stream(message):
                    turn = self.turn(context)
                elif turn is not None:
                    await self._send(turn, message, send)
                    return
                await send(message)

            await response(receive, through)

        return respond

    @staticmethod
    async def _send(turn: Transform, message: Message, send: Send) -> None:
        more = message.get("more_body", False)
        blocks: list[bytes | None] = [
            block + _BLANK for block in message.get("body", b"").split(_BLANK) if block
        ]
        if not more:
            blocks.append(None)
        given: list[bytes] = []
        try:
            for block in blocks:
                for other in turn(block):
                    given.append(other)
        except ResponseAborted:
            if given:
                await send({**message, "body": b"".join(given), "more_body": True})
            raise
        if given or not more:
            await send({**message, "body": b"".join(given)})


class Duplicate(StreamFault):
    """Events come twice, each with that probability."""

    name = "duplicate"
    probability: float = Field(default=1.0, gt=0, le=1)

    def turn(self, context: FaultContext) -> Transform:
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


class Reorder(StreamFault):
    """Events come out of order: ``window`` of them are held back and let go in another order."""

    name = "reorder"
    window: int = Field(default=2, ge=2, le=100)

    def turn(self, context: FaultContext) -> Transform:
        held: list[bytes] = []
        windows = 0

        def shuffled(block: bytes | None) -> Iterator[bytes]:
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

        return shuffled


class Reconnect(StreamFault):
    """The stream asks its reader to wait that long before it connects again."""

    name = "reconnect"
    after: UpToADay = 30 * SECOND

    def turn(self, context: FaultContext) -> Transform:
        def slower(block: bytes | None) -> Iterator[bytes]:
            if block is None:
                return
            if block.startswith(b"retry:"):
                context.record(self.name)
                block = b"retry: %d\n\n" % self.after
            yield block

        return slower


class EarlyEnd(StreamFault):
    """The stream ends, in some way, ``after`` so many events."""

    after: Events = 3

    def end(self) -> Ending:
        raise NotImplementedError

    def turn(self, context: FaultContext) -> Transform:
        left = self.after

        def until(block: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if left and block is not None:
                yield block
                left -= _is_event(block)
            if not left:
                context.record(self.name)
                raise ResponseAborted(self.end())

        return until


class Cut(EarlyEnd):
    """The stream breaks off behind an event; with ``clean`` it ends as if that had been all."""

    name = "cut"
    clean: bool = False

    def end(self) -> Ending:
        return Ending.COMPLETE if self.clean else Ending.CLOSED


class Silence(EarlyEnd):
    """Nothing comes any more, not even a heartbeat, and the connection stays open."""

    name = "silence"

    def end(self) -> Ending:
        return Ending.HELD


class HalfEvent(StreamFault):
    """The stream breaks off in the middle of the event behind ``after`` others."""

    name = "halfFrame"
    after: Events = 3

    def turn(self, context: FaultContext) -> Transform:
        left = self.after

        def until(block: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if block is None:
                return
            if _is_event(block):
                if not left:
                    context.record(self.name)
                    yield block[: len(block) // 2]
                    raise ResponseAborted(Ending.CLOSED)
                left -= 1
            yield block

        return until


def _is_event(block: bytes) -> bool:
    return block.startswith(b"data:") or b"\ndata:" in block


def _shuffle(blocks: list[bytes], context: FaultContext, *purpose: object) -> None:
    before = list(blocks)
    for last in range(len(blocks) - 1, 0, -1):
        other = context.rng(*purpose, last).between(0, last)
        blocks[last], blocks[other] = blocks[other], blocks[last]
    if blocks == before:
        blocks.append(blocks.pop(0))
