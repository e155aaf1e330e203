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
from mock_server.faults.response_faults import Answer, Broken, End, Fault, Hit, UpToADay, is_stream

Turn = Callable[[bytes | None], Iterator[bytes]]
Events = Annotated[int, Field(ge=0, le=1_000_000)]

_BLANK = b"\n\n"


class StreamFault(Fault):
    """A fault of event streams; every other answer passes untouched."""

    of_whole = False

    def turn(self, hit: Hit) -> Turn:
        """What makes other frames of the frames of one stream. It may raise Broken."""
        raise NotImplementedError

    def around(self, answer: Answer, hit: Hit) -> Answer:
        async def spoiled(receive: Receive, send: Send) -> None:
            turn: Turn | None = None

            async def through(message: Message) -> None:
                nonlocal turn
                if message["type"] == "http.response.start" and is_stream(message):
                    turn = self.turn(hit)
                elif turn is not None:
                    await self._send(turn, message, send)
                    return
                await send(message)

            await answer(receive, through)

        return spoiled

    @staticmethod
    async def _send(turn: Turn, message: Message, send: Send) -> None:
        more = message.get("more_body", False)
        frames: list[bytes | None] = [
            frame + _BLANK for frame in message.get("body", b"").split(_BLANK) if frame
        ]
        if not more:
            frames.append(None)
        given: list[bytes] = []
        try:
            for frame in frames:
                for other in turn(frame):
                    given.append(other)
        except Broken:
            if given:
                await send({**message, "body": b"".join(given), "more_body": True})
            raise
        if given or not more:
            await send({**message, "body": b"".join(given)})


class Duplicate(StreamFault):
    """Events come twice, each with that probability."""

    name = "duplicate"
    probability: float = Field(default=1.0, gt=0, le=1)

    def turn(self, hit: Hit) -> Turn:
        events = 0

        def twice(frame: bytes | None) -> Iterator[bytes]:
            nonlocal events
            if frame is None:
                return
            yield frame
            if _is_event(frame):
                events += 1
                if hit.chance(self.name, events).happens(self.probability):
                    hit.note(self.name)
                    yield frame

        return twice


class Reorder(StreamFault):
    """Events come out of order: ``window`` of them are held back and let go in another order."""

    name = "reorder"
    window: int = Field(default=2, ge=2, le=100)

    def turn(self, hit: Hit) -> Turn:
        held: list[bytes] = []
        windows = 0

        def shuffled(frame: bytes | None) -> Iterator[bytes]:
            nonlocal windows
            if frame is not None and not _is_event(frame):
                yield frame
                return
            if frame is not None:
                held.append(frame)
                if len(held) < self.window:
                    return
            if len(held) > 1:
                windows += 1
                hit.note(self.name)
                _shuffle(held, hit, self.name, windows)
            yield from held
            held.clear()

        return shuffled


class Reconnect(StreamFault):
    """The stream asks its reader to wait that long before it connects again."""

    name = "reconnect"
    after: UpToADay = 30 * SECOND

    def turn(self, hit: Hit) -> Turn:
        def slower(frame: bytes | None) -> Iterator[bytes]:
            if frame is None:
                return
            if frame.startswith(b"retry:"):
                hit.note(self.name)
                frame = b"retry: %d\n\n" % self.after
            yield frame

        return slower


class _Early(StreamFault):
    """The stream ends, in some way, ``after`` so many events."""

    after: Events = 3

    def end(self) -> End:
        raise NotImplementedError

    def turn(self, hit: Hit) -> Turn:
        left = self.after

        def until(frame: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if left and frame is not None:
                yield frame
                left -= _is_event(frame)
            if not left:
                hit.note(self.name)
                raise Broken(self.end())

        return until


class Cut(_Early):
    """The stream breaks off behind an event; with ``clean`` it ends as if that had been all."""

    name = "cut"
    clean: bool = False

    def end(self) -> End:
        return End.COMPLETE if self.clean else End.CLOSED


class Silence(_Early):
    """Nothing comes any more, not even a heartbeat, and the connection stays open."""

    name = "silence"

    def end(self) -> End:
        return End.HELD


class HalfFrame(StreamFault):
    """The stream breaks off in the middle of the event behind ``after`` others."""

    name = "halfFrame"
    after: Events = 3

    def turn(self, hit: Hit) -> Turn:
        left = self.after

        def until(frame: bytes | None) -> Iterator[bytes]:
            nonlocal left
            if frame is None:
                return
            if _is_event(frame):
                if not left:
                    hit.note(self.name)
                    yield frame[: len(frame) // 2]
                    raise Broken(End.CLOSED)
                left -= 1
            yield frame

        return until


def _is_event(frame: bytes) -> bool:
    return frame.startswith(b"data:") or b"\ndata:" in frame


def _shuffle(frames: list[bytes], hit: Hit, *purpose: object) -> None:
    before = list(frames)
    for last in range(len(frames) - 1, 0, -1):
        other = hit.chance(*purpose, last).between(0, last)
        frames[last], frames[other] = frames[other], frames[last]
    if frames == before:
        frames.append(frames.pop(0))
