"""Mutants about streams of events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

from mutating_proxy import Forward, Json, Mutants, Mutate, Request, Response, replaced

mutant = Mutants()
Frames = AsyncIterator[bytes]
Change = Callable[[Frames, Json], Frames]


def streams(*requirements: str) -> Callable[[Change], Change]:
    """Register a mutant that puts other frames in the place of a stream's, given what it remembers
    of the run."""

    def register(change: Change) -> Change:
        async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
            reply = await forward(request)
            if reply.frames is not None:
                reply.frames = change(reply.frames, memory.setdefault(request.run_id, {}))
            return reply

        mutate.__name__ = change.__name__
        mutant(*requirements)(mutate)
        return change

    return register


def is_event(frame: bytes) -> bool:
    """No comment and no word about reconnecting."""
    return b"data:" in frame


def is_end(frame: bytes) -> bool:
    """The run's terminal event."""
    return any(b"event: run." + end in frame for end in (b"completed", b"failed", b"cancelled"))


def rewritten(frame: bytes, **changed: object) -> bytes:
    """The frame with other values in its JSON."""
    lines = frame.decode().split("\n")
    for number, line in enumerate(lines):
        if line.startswith("data: "):
            lines[number] = "data: " + json.dumps(json.loads(line[6:]) | changed)
    return "\n".join(lines).encode()


def renumbered(frame: bytes, number: int) -> bytes:
    """The frame with another id."""
    lines = frame.decode().split("\n")
    return "\n".join(f"id: {number}" if li.startswith("id:") else li for li in lines).encode()


def showing(frame: bytes, run: Json) -> bytes:
    """The frame with these fields in its run."""
    data = next(line[6:] for line in frame.decode().split("\n") if line.startswith("data: "))
    reported = json.loads(data)["data"]
    return rewritten(frame, data=reported | {"run": reported["run"] | run})


def otherwise(frame: bytes) -> bytes:
    """The frame with another version of its run."""
    return showing(frame, {"versionNumber": -1})


@mutant("EVENTS-01")
async def events_as_json(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.frames is not None:
        reply.headers["content-type"] = "application/json"
    return reply


mutant.frames(
    "EVENTS-02",
    name="unframed-line",
    change=lambda f: [f, b'{"hello": "there"}\n\n'] if is_event(f) else [f],
)
mutant.frames(
    "EVENTS-03",
    name="data-in-words",
    change=lambda f: (
        [f[: f.index(b"data:")] + b"data: something happened\n\n"] if is_event(f) else [f]
    ),
)
mutant.frames("EVENTS-04", name="the-end-twice", change=lambda f: [f, f] if is_end(f) else [f])


@mutant("EVENTS-05")
async def too_late_for_events(request: Request, forward: Forward, memory: Json) -> Response:
    if request.operation == "events":
        run = await forward(request.to("get"))
        if run.status == 200 and run.json()["status"] == "completed":
            return Response(503, {}).put({"detail": "no such channel"})
    return await forward(request)


mutant.frames(
    "EVENTS-06",
    name="ends-without-beginnings",
    change=lambda f: [] if b"event: step.started" in f else [f],
)


@streams("EVENTS-06")
async def steps_are_cancelled_after_the_run(frames: Frames, memory: Json) -> Frames:
    held: list[bytes] = []
    async for frame in frames:
        if b"event: step.cancelled" in frame:
            held.append(frame)
        else:
            yield frame
        if is_end(frame):
            for late in held:
                yield late


@streams("EVENTS-06")
async def steps_that_join_start_twice(frames: Frames, memory: Json) -> Frames:
    async for frame in frames:
        yield frame
        if b"event: step.started" in frame:
            data = next(
                line[6:] for line in frame.decode().split("\n") if line.startswith("data: ")
            )
            if len(json.loads(data)["data"]["step"]["dependsOn"]) > 1:
                yield frame


@mutant("EVENTS-07")
async def always_from_the_beginning(request: Request, forward: Forward, memory: Json) -> Response:
    request.headers.pop("last-event-id", None)
    return await forward(request)


def resumes(name: str, off: int) -> None:
    """One that goes by another number once the run was retried."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        seen = request.headers.get("last-event-id", "")
        if seen and request.run_id in memory:
            request.headers["last-event-id"] = str(max(0, int(seen) + off))
        reply = await forward(request)
        if request.operation == "retry" and reply.status == 200:
            memory[request.run_id] = True
        return reply

    mutate.__name__ = name
    mutant("EVENTS-07")(mutate)


resumes("repeats_behind_a_retry", -1)
resumes("loses_behind_a_retry", +1)


@streams("EVENTS-07")
async def numbers_begin_again(frames: Frames, memory: Json) -> Frames:
    """Each attempt counts its events from one, so that a number names several."""
    number, retried = 0, False
    async for frame in frames:
        retried = retried or b"event: run.retried" in frame
        number += retried and is_event(frame)
        yield renumbered(frame, number) if retried and is_event(frame) else frame


@mutant("EVENTS-08")
async def one_subscriber_misses_something(
    request: Request, forward: Forward, memory: Json
) -> Response:
    reply = await forward(request)
    if reply.frames is not None:
        memory["subscribers"] = memory.get("subscribers", 0) + 1
        if memory["subscribers"] % 2 == 0:
            seen: list[bytes] = []
            reply.frames = replaced(
                reply.frames, lambda f: [] if is_event(f) and _third(seen, f) else [f]
            )
    return reply


@streams("EVENTS-08")
async def a_seam_behind_the_past(frames: Frames, memory: Json) -> Frames:
    """Lose the first event after the past ones that a subscriber receives; a subscriber from the
    beginning misses none."""
    past = memory.get("newest", 0)
    async for frame in frames:
        number = _number(frame)
        memory["newest"] = max(memory.get("newest", 0), number)
        if past < 2 or number != past + 1:
            yield frame


@streams("EVENTS-08")
async def a_seam_that_overlaps(frames: Frames, memory: Json) -> Frames:
    """Send the last event before a subscription twice."""
    past = memory.get("newest", 0)
    async for frame in frames:
        number = _number(frame)
        memory["newest"] = max(memory.get("newest", 0), number)
        again = past > 1 and number == past and not is_end(frame)
        for _ in range(1 + again):
            yield frame


@mutant("EVENTS-09")
async def one_leaves_all_leave(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = _together(reply.frames, memory)
    return reply


@mutant("EVENTS-09")
async def leaving_cancels_the_run(request: Request, forward: Forward, memory: Json) -> Response:
    """A subscriber that leaves takes its run along."""

    async def watched(frames: Frames) -> Frames:
        ended = False
        try:
            async for frame in frames:
                yield frame
            ended = True
        finally:
            if not ended:
                await forward(request.to("cancel"))

    reply = await forward(request)
    if reply.frames is not None:
        reply.frames = watched(reply.frames)
    return reply


def _only_event(frame: bytes) -> list[bytes]:
    return [frame] if is_event(frame) else []


mutant.frames("EVENTS-11", name="no-sign-of-life", change=_only_event)


@mutant("EVENTS-11")
async def pending_streams_are_silent(request: Request, forward: Forward, memory: Json) -> Response:
    """Heartbeats begin with the run."""
    reply = await forward(request)
    if reply.frames is not None:
        run = (await forward(request.to("get"))).json()
        if run["status"] == "pending":
            reply.frames = replaced(reply.frames, _only_event)
    return reply


@mutant("EVENTS-11")
async def resumed_streams_are_silent(request: Request, forward: Forward, memory: Json) -> Response:
    """A subscriber that resumes is sent what is new, and nothing else."""
    reply = await forward(request)
    if reply.frames is not None and "last-event-id" in request.headers:
        reply.frames = replaced(reply.frames, _only_event)
    return reply


mutant.frames(
    "EVENTS-12",
    name="the-end-of-another-version",
    change=lambda f: [otherwise(f)] if is_end(f) else [f],
)


@mutant("EVENTS-13")
async def streams_may_be_kept(request: Request, forward: Forward, memory: Json) -> Response:
    reply = await forward(request)
    if reply.frames is not None:
        reply.headers.pop("cache-control", None)
    return reply


@mutant("EVENTS-16")
async def history_of_today(request: Request, forward: Forward, memory: Json) -> Response:
    """Keep only the name of an event, and read the run when the event is sent."""
    reply = await forward(request)
    if reply.frames is not None:
        run = (await forward(request.to("get"))).json()
        if run["status"] in ("completed", "failed", "cancelled"):
            reply.frames = replaced(
                reply.frames, lambda f: [showing(f, run)] if is_event(f) else [f]
            )
    return reply


mutant.frames(
    "EVENTS-15",
    name="events-of-another-kind",
    change=lambda f: [rewritten(f, event="something")] if is_event(f) else [f],
)


def _third(seen: list[bytes], frame: bytes) -> bool:
    seen.append(frame)
    return len(seen) == 3


def _number(frame: bytes) -> int:
    return next((int(line[3:]) for line in frame.split(b"\n") if line.startswith(b"id:")), 0)


async def _together(frames: Frames, memory: Json) -> Frames:
    try:
        async for frame in frames:
            if memory.get("left"):
                raise ConnectionError("a subscriber left")
            yield frame
    except (GeneratorExit, BaseException):
        memory["left"] = True
        raise


async def _from_the_retry(frames: Frames, first: int) -> Frames:
    """Events of the last attempt alone, numbered from `first`."""
    past: list[bytes] = []
    retried = False
    async for frame in frames:
        if b"event: run.retried" in frame:
            past, retried = [], True
        past.append(frame)
        if retried and is_end(frame):
            break
    for number, frame in enumerate(filter(is_event, past), first):
        yield renumbered(frame, number)


def forgets(name: str, first: int) -> Mutate:
    """Return a change that shows of a finished run's stream the last attempt alone."""

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation == "retry" and reply.status == 200:
            memory[request.run_id] = True
        if reply.frames is not None and request.run_id in memory:
            reply.frames = _from_the_retry(reply.frames, first)
        return reply

    mutate.__name__ = name
    return mutate


mutant("EVENTS-17")(forgets("first_attempt_is_forgotten", 1))


@streams("RETRY-22")
async def steps_start_twice_after_a_retry(frames: Frames, memory: Json) -> Frames:
    """Two workers take the same step from the queue."""
    retried = False
    async for frame in frames:
        retried = retried or b"event: run.retried" in frame
        for _ in range(2 if retried and b"event: step.started" in frame else 1):
            yield frame


mutant.frames(
    "EVENTS-18",
    name="start-is-not-announced",
    change=lambda f: [] if b"event: run.started" in f else [f],
)
mutant.frames(
    "EVENTS-02",
    name="characters-are-cut",
    change=lambda f: [f.replace(b'"completed"', '"completed\ufffd"'.encode())],
)
mutant.frames(
    "EVENTS-04",
    name="cancel-ends-no-stream",
    change=lambda f: [] if b"event: run.cancelled" in f else [f],
)
mutant.frames(
    "EVENTS-04",
    name="failure-ends-twice",
    change=lambda f: [f, f] if b"event: run.failed" in f else [f],
)
