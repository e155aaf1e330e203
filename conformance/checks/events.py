"""EVENTS: what happens to a run, as it happens."""

from __future__ import annotations

import time
from contextlib import ExitStack

from conformance.assertions.matchers import is_finished, require, status, timestamp, unchanged
from conformance.checks.support.late_subscribers import compare, subscribe_over_time
from conformance.checks.support.retry import rerun, retried
from conformance.client.run_events import ends, has_ended, told
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import FINISHED, Operation, State, Status

PULSE = 30
QUIET = 5
# The known answers to Q12 by the fields of an event.
FRAMINGS = {"full": frozenset({"id", "event", "data"}), "data_only": frozenset({"data"})}
# How long a stream that is over may take to close.
CLOSING = 1.0


@requirement("EVENTS-01", shares="watched")
def check_the_answer_is_an_event_stream(kit: CheckContext) -> None:
    """200 and `text/event-stream`."""
    with kit.api.events(kit.runs.shared(State.COMPLETED)) as stream:
        stream.wait(1, lambda s: bool(s.signs))
    if (stream.status, stream.media_type) != (200, "text/event-stream"):
        raise CheckFailed(f"the stream is answered with {stream.status} and {stream.media_type!r}")


@requirement("EVENTS-02", shares="watched")
def check_frames_parse(kit: CheckContext) -> None:
    """Nothing in the stream is what a browser would drop."""
    stream = _heard(kit)
    if stream.faults:
        raise CheckFailed(stream.faults[0])
    _observe_framing(kit, stream)


@requirement("EVENTS-03", shares="watched")
def check_data_is_json(kit: CheckContext) -> None:
    """One value for each event."""
    for frame in _heard(kit).frames:
        try:
            frame.json()
        except ValueError as fault:
            raise CheckFailed(f"the data {frame.data[:80]!r} is no JSON: {fault}") from None


@requirement("EVENTS-04", shares="watched")
def check_the_end_is_told_once(kit: CheckContext) -> None:
    """The terminal event of a run that ended comes, and once; then it closes or not (Q14)."""
    broadcast = kit.broadcast()
    kinds = [event.kind for event in ends(broadcast.first)]
    run = kit.api.run(broadcast.run_id)
    if len(kinds) != 1:
        raise CheckFailed(
            f"the run is {run.get('status')}, and its stream told {len(kinds)} ends: {kinds}"
        )
    closed = broadcast.first.closed
    saw = "closed behind" if closed else f"was still open {CLOSING:g} s after"
    kit.observe(
        "Q14", "closes" if closed else "stays_open", saw=f"the stream {saw} the terminal event"
    )


@requirement("EVENTS-05", shares="watched")
def check_a_finished_run_is_answered(kit: CheckContext) -> None:
    """Its history, a close, or an open stream (Q13), but an answer."""
    with kit.api.events(kit.runs.shared(State.COMPLETED)) as stream:
        stream.wait(2, lambda s: s.ended or has_ended(s))
        closed = stream.wait(CLOSING, lambda s: s.ended)
    if stream.status >= 500:
        raise CheckFailed(f"the stream of a finished run is answered with {stream.status}")
    if stream.status >= 400:
        return
    match has_ended(stream), closed, bool(stream.frames):
        case True, _, _:
            known = ["replays" if closed else "stays_open"]
        case False, True, False:
            known = ["closes"]
        case _:
            known = []
    saw = f"{len(stream.frames)} events came, and it {'closed' if closed else 'stayed open'}"
    kit.observe("Q13", *known, saw=saw, exchange=stream.exchange)
    _observe_framing(kit, stream)


@requirement("EVENTS-06", shares="watched")
def check_events_follow_the_steps(kit: CheckContext) -> None:
    """No step ends before it starts, none starts twice, nothing follows the run's end."""
    events = told(kit.broadcast().first.frames)
    if not any(event.step_key for event in events):
        raise Inconclusive("no event is about a step")
    state: dict[str, str] = {}
    ended = ""
    for event in events:
        if ended:
            raise CheckFailed(f"{event.kind} follows {ended}")
        ended = event.kind if event.ends_the_run else ""
        key = event.step_key
        if key is None:
            continue
        if event.outcome == "started" and key in state:
            raise CheckFailed(f"the step {key!r} starts, and it was {state[key]} before")
        if event.outcome == "completed" and state.get(key) != "started":
            raise CheckFailed(
                f"the step {key!r} completes, and it was {state.get(key, 'not started')}"
            )
        if event.outcome in ("started", "completed"):
            state[key] = event.outcome


@requirement("EVENTS-07", shares="watched")
def check_a_reader_resumes_where_it_was(kit: CheckContext) -> None:
    """Behind `Last-Event-ID` there is no gap and no repetition."""
    run_id = kit.runs.fresh(State.SUCCEEDS)
    with kit.api.events(run_id) as whole:
        kit.waiting.follow(whole, lambda s: len(s.frames) >= 3 or has_ended(s))
        seen = whole.frames
        if len(seen) < 2:
            raise Inconclusive("too few events came")
        if not seen[0].id:
            raise Unsupported("the events bear no ids")
        with kit.api.events(run_id, seen[1].id) as resumed:
            for stream in (whole, resumed):
                kit.waiting.follow(stream, has_ended)
    _goes_on(whole, seen[1].id, resumed)


@requirement("EVENTS-07", shares="watched")
def check_a_reader_resumes_behind_a_retry(kit: CheckContext) -> None:
    """Where that continues the run (Q01): whoever left before it, with its beginning or since."""
    run_id = kit.runs.fresh(State.FAILS_ONCE)
    heard = kit.listen(run_id, has_ended).frames
    if len(heard) < 2:
        raise Inconclusive("too few events came")
    if not heard[0].id:
        raise Unsupported("the events bear no ids")
    kit.waiting.reach(kit.api, run_id, Status.FAILED)
    if rerun(kit, run_id, retried(kit, run_id, {"mode": "full"})) != run_id:
        return
    known = {frame.id for frame in heard}
    with kit.api.events(run_id) as whole:
        kit.waiting.follow(whole, lambda s: sum(f.id not in known for f in s.frames) > 1, within=5)
        since = [frame for frame in whole.frames if frame.id not in known][:1]
        anchors = [frame.id for frame in (heard[0], heard[-2], heard[-1], *since)]
        with ExitStack() as left:
            resumed = {id_: left.enter_context(kit.api.events(run_id, id_)) for id_ in anchors}
            late = is_finished(kit.api.run(run_id)) is None
            kit.waiting.reach(kit.api, run_id, *FINISHED)
            for stream in (whole, *resumed.values()):
                kit.waiting.follow(stream, lambda s: _ends(s, known), within=5)
    _numbered_once(whole)
    for id_, stream in resumed.items():
        # A run that has finished meanwhile may have nothing to tell any more (Q13).
        if stream.frames or not late:
            _goes_on(whole, id_, stream)


@requirement("EVENTS-08", shares="watched")
def check_two_readers_hear_the_same(kit: CheckContext) -> None:
    """Every event, in the same order."""
    broadcast = kit.broadcast()
    first = [frame.data for frame in broadcast.first.frames]
    second = [frame.data for frame in broadcast.second.frames]
    if not first:
        raise Inconclusive("no event came")
    if first != second:
        shared = sum(1 for a, b in zip(first, second, strict=False) if a == b)
        raise CheckFailed(
            f"one reader heard {len(first)} events, another {len(second)}; {shared} agree"
        )


@requirement("EVENTS-08", shares="watched")
def check_whoever_joins_hears_the_same(kit: CheckContext) -> None:
    """No event is lost or told twice where what has been and what happens meet."""
    broadcast = kit.broadcast()
    if not has_ended(broadcast.first):
        raise Inconclusive("the end of a run was not told", caused_by="EVENTS-04")
    run = kit.api.run(broadcast.run_id)
    life = (timestamp(run, "completedAt") - timestamp(run, "createdAt")).total_seconds()
    if kit.waiting.real_time:
        life = broadcast.first.frames[-1].at
    run_id = kit.runs.fresh(State.SUCCEEDS)
    subscribers = subscribe_over_time(kit, run_id, life)
    replay = kit.listen(run_id, has_ended, within=5)
    compare(subscribers, replay, kit.contract.full["components"]["schemas"]["EventType"]["enum"])


@requirement("EVENTS-09", shares="watched")
def check_a_reader_leaving_harms_nobody(kit: CheckContext) -> None:
    """One of three left early; the others heard the end, and the run came to it."""
    broadcast = kit.broadcast()
    if broadcast.early.ended and has_ended(broadcast.early):
        raise Inconclusive(
            "the run was over before a reader could leave: provide a 'succeeds' that takes a "
            "second or more"
        )
    for stream in (broadcast.first, broadcast.second):
        if stream.broken:
            raise CheckFailed(f"another reader's stream broke: {stream.broken}")
    kit.waiting.reach(kit.api, broadcast.run_id, Status.COMPLETED)


@requirement("EVENTS-10", shares="watched")
def check_events_of_an_unknown_run_are_not_found(kit: CheckContext) -> None:
    """404, before any stream starts."""
    require(kit.api.request(Operation.EVENTS, UNKNOWN_RUN), status(404))


@requirement("EVENTS-11", shares="watched", early=CheckContext.quiet)
def check_a_quiet_stream_shows_signs_of_life(kit: CheckContext) -> None:
    """Something arrives at least every thirty seconds while nothing happens."""
    quiet = kit.quiet()
    # What happens to the run is a sign of life as well, but does not show that silence is broken.
    alive = lambda stream: stream.comments > quiet.comments or stream.silence > QUIET  # noqa: E731
    over = quiet.since + 2 * PULSE
    while not quiet.stream.wait(max(0.0, PULSE - quiet.stream.silent_for), alive):
        if quiet.stream.ended:
            raise CheckFailed("the stream of a running run was closed while nothing happened")
        if quiet.stream.silent_for >= PULSE:
            raise CheckFailed(f"nothing came for {PULSE} s while the run is running")
        if time.monotonic() > over:
            return


@requirement("EVENTS-12", shares="watched")
def check_the_last_state_is_the_run(kit: CheckContext) -> None:
    """What the stream said last equals what is read by id."""
    broadcast = kit.broadcast()
    runs = [event.run for event in told(broadcast.first.frames) if event.run is not None]
    if not runs:
        raise Inconclusive("no event bears the run")
    if why := unchanged(kit.api.run(broadcast.run_id), runs[-1]):
        raise CheckFailed(f"the run as last told is not the run that is read: {why}")


@requirement("EVENTS-13", shares="watched")
def check_the_stream_is_neither_cached_nor_held_back(kit: CheckContext) -> None:
    """`Cache-Control` forbids it, and something comes within a second."""
    with kit.api.events(kit.runs.shared(State.RUNNING_LONG)) as stream:
        prompt = stream.wait(1, lambda s: bool(s.signs))
    control = stream.headers.get("cache-control", "").lower()
    if "no-cache" not in control and "no-store" not in control:
        raise CheckFailed(f"Cache-Control is {control!r}: a cache may keep the stream")
    if not prompt:
        raise CheckFailed("nothing came within a second, though the run has started")


@requirement("EVENTS-14", shares="watched")
def check_events_of_a_malformed_id_are_refused(kit: CheckContext) -> None:
    """422, before any stream starts."""
    require(kit.api.request(Operation.EVENTS, MALFORMED_RUN), status(422))


@requirement("EVENTS-15", shares="watched")
def check_data_is_an_event_of_the_contract(kit: CheckContext) -> None:
    """The event's kind, the run, and the step if it is about one."""
    stream = _heard(kit)
    for frame in stream.frames:
        try:
            value = frame.json()
        except ValueError:
            raise Inconclusive("the data is no JSON", caused_by="EVENTS-03") from None
        kit.fits_value(value, "RunEvent", stream.exchange, f"the event {frame.event!r}")


@requirement("EVENTS-16", shares="watched")
def check_history_is_told_as_it_was(kit: CheckContext) -> None:
    """Where the stream of a finished run replays (Q13), each event has the statuses that it had
    when it was heard first."""
    broadcast = kit.broadcast()
    live = told(broadcast.first.frames)
    replay = kit.listen(broadcast.run_id, has_ended, within=5)
    again = told(replay.frames)
    if not any(event.run for event in live):
        raise Inconclusive("no event bears the run", caused_by="EVENTS-15")
    if not again:
        raise Unsupported("the stream of a finished run does not tell what has been (Q13)")
    then = {(event.kind, event.step_key): event for event in reversed(live)}
    for event in again:
        first = then.get((event.kind, event.step_key), event)
        for name, was, now in (("run", first.run, event.run), ("step", first.step, event.step)):
            if was and now and (why := unchanged(was, now, ("status",))):
                raise CheckFailed(
                    f"{event.kind} is told again with another {name} than when it happened: {why}",
                    exchange=replay.exchange,
                )


def _heard(kit: CheckContext) -> Stream:
    """The stream of a succeeding run; Inconclusive if nothing came."""
    stream = kit.broadcast().first
    if not stream.frames:
        raise Inconclusive("no event came")
    return stream


def _ends(stream: Stream, known: set[str | None]) -> bool:
    """The end of an attempt has come that was not heard before."""
    fresh = (frame for frame in stream.frames if frame.id not in known)
    return any(event.ends_the_run for event in told(fresh))


def _numbered_once(whole: Stream) -> None:
    own = [frame for frame in whole.frames if "id" in frame.lines]
    first = {frame.id: frame for frame in reversed(own)}
    for frame in own:
        if frame.data != first[frame.id].data:
            raise CheckFailed(
                f"two events bear the id {frame.id!r}, {first[frame.id].event} and {frame.event}: "
                f"behind it nobody can resume",
                exchange=whole.exchange,
            )


def _goes_on(whole: Stream, last: str | None, resumed: Stream) -> None:
    """What a reader that resumed behind this id heard is what the whole stream tells behind it."""
    frames = whole.frames
    places = [number for number, frame in enumerate(frames, 1) if frame.id == last]
    if not places:
        # A stream that does not begin with the past shows nothing to compare with.
        return
    expected = [(frame.id, frame.data) for frame in frames[places[-1] :]]
    found = [(frame.id, frame.data) for frame in resumed.frames]
    if found != expected:
        ids = [f[0] for f in found], [e[0] for e in expected]
        raise CheckFailed(
            f"behind the id {last!r} came {ids[0]}, not {ids[1]}", exchange=resumed.exchange
        )


def _observe_framing(kit: CheckContext, stream: Stream) -> None:
    """Q12, if events came."""
    framings = {frame.lines for frame in stream.frames}
    if framings:
        known = [word for word, lines in FRAMINGS.items() if framings == {lines}]
        saw = " or ".join(", ".join(sorted(lines)) for lines in framings)
        kit.observe("Q12", *known, saw=f"events have the lines {saw}", exchange=stream.exchange)
