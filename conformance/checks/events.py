"""EVENTS: the stream of a run's events, live."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress

import pytest

from conformance.assertions.event_order import disorder
from conformance.assertions.matchers import is_finished, require, status, timestamp, unchanged
from conformance.checks.support.acknowledged_cancel import acknowledged_cancel
from conformance.checks.support.announced_start import check_announced
from conformance.checks.support.idle_streams import (
    IDLE_KINDS,
    open_idle_streams,
    wait_for_heartbeat,
)
from conformance.checks.support.late_subscribers import compare, subscribe_over_time
from conformance.checks.support.resumption import attempt_ended, continues, ids_unique
from conformance.checks.support.retried_run import Label, labels, retried_run
from conformance.checks.support.retry import rerun_id, retry_accepted
from conformance.client.run_events import has_ended, run_events, terminal_events
from conformance.client.stream import Stream
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import FINISHED, Operation, State, Status

# The known answers to Q12 by the fields of an event.
EVENT_FIELDS = {"full": frozenset({"id", "event", "data"}), "data_only": frozenset({"data"})}
MAX_CLOSE = 1.0  # Seconds until a stream that is over closes.


@requirement("EVENTS-01", shares="watched")
def check_response_is_an_event_stream(context: CheckContext) -> None:
    """200 and `text/event-stream`."""
    with context.api.events(context.runs.shared(State.COMPLETED)) as stream:
        stream.wait(1, lambda s: bool(s.message_count))
    if (stream.status, stream.media_type) != (200, "text/event-stream"):
        raise CheckFailed(f"the stream returned {stream.status} and {stream.media_type!r}")


@requirement("EVENTS-02", shares="watched")
def check_events_parse(context: CheckContext) -> None:
    """Check that the stream has nothing that a browser would drop."""
    stream = _recorded_stream(context)
    if stream.faults:
        raise CheckFailed(stream.faults[0])
    _observe_event_fields(context, stream)


@requirement("EVENTS-02", shares="watched", since="1.1")
def check_no_character_is_cut(context: CheckContext) -> None:
    """U+FFFD stands for bytes that were no character, unless the run itself has it."""
    recording = context.recording()
    if any("\ufffd" in event.data for event in recording.first.events):
        seen = context.snapshot(recording.run_id)
        if "\ufffd" not in f"{seen.run} {seen.steps}":
            raise CheckFailed("an event has U+FFFD, which neither the run nor its steps have")


@requirement("EVENTS-03", shares="watched")
def check_data_is_json(context: CheckContext) -> None:
    """One value for each event."""
    for event in _recorded_stream(context).events:
        try:
            event.json()
        except ValueError as fault:
            raise CheckFailed(f"the data {event.data[:80]!r} is not JSON: {fault}") from None


@requirement("EVENTS-04", shares="watched")
def check_one_terminal_event(context: CheckContext) -> None:
    """The terminal event of a run that ended comes, and once; then it closes or not (Q14)."""
    recording = context.recording()
    kinds = [event.kind for event in terminal_events(recording.first)]
    run = context.api.run(recording.run_id)
    if len(kinds) != 1:
        raise CheckFailed(
            f"the run is {run.get('status')}, its stream has {len(kinds)} terminal events: {kinds}"
        )
    closed = recording.first.closed
    observed = "closed behind" if closed else f"was still open {MAX_CLOSE:g} s after"
    context.observe(
        "Q14",
        "closes" if closed else "stays_open",
        observed=f"the stream {observed} the terminal event",
    )


@requirement("EVENTS-04", shares="retried", since="1.1")
def check_every_kind_of_stream_ends_once(context: CheckContext) -> None:
    """Of a run that is cancelled, live and replayed, of one that failed, and of one that was
    retried."""
    cancel = acknowledged_cancel(context)
    ends = [("cancelled", "the live stream", terminal_events(cancel.live))]
    if cancel.replay.events:
        ends.append(("cancelled", "the replay", terminal_events(cancel.replay)))
    with suppress(Inconclusive, Unsupported):
        retried = retried_run(context)
        if retried.stream_before.events:
            ends.append(("failed", "the replay", terminal_events(retried.stream_before)))
        if retried.new_events:
            again = [event for event in retried.new_events if event.ends_run]
            ends.append(("retried", "the replay", again))
    context.api.run(cancel.run_id)
    for run, stream, found in ends:
        kinds = [event.kind for event in found]
        if len(kinds) != 1 or (run != "retried" and found[0].outcome != run):
            raise CheckFailed(
                f"{stream} of a {run} run has {len(kinds)} terminal events: {', '.join(kinds)}"
            )


@requirement("EVENTS-05", shares="watched")
def check_stream_of_a_finished_run(context: CheckContext) -> None:
    """A replay, a close, or an open stream (Q13), but a response."""
    with context.api.events(context.runs.shared(State.COMPLETED)) as stream:
        stream.wait(2, lambda s: s.ended or has_ended(s))
        closed = stream.wait(MAX_CLOSE, lambda s: s.ended)
    if stream.status >= 500:
        raise CheckFailed(f"the stream of a finished run returned {stream.status}")
    if stream.status >= 400:
        return
    match has_ended(stream), closed, bool(stream.events):
        case True, _, _:
            known = ["replays" if closed else "stays_open"]
        case False, True, False:
            known = ["closes"]
        case _:
            known = []
    observed = f"{len(stream.events)} events came, and it {'closed' if closed else 'stayed open'}"
    context.observe("Q13", *known, observed=observed, exchange=stream.exchange)
    _observe_event_fields(context, stream)


@requirement("EVENTS-06", shares="watched")
def check_events_follow_the_steps(context: CheckContext) -> None:
    """No step ends before it starts, none starts twice, nothing follows the run's end."""
    events = run_events(context.recording().first.events)
    if not any(event.step_key for event in events):
        raise Inconclusive("no event is about a step")
    if (why := disorder(events, whole=True)) is not None:
        raise CheckFailed(why)


@requirement("EVENTS-06", since="1.1", wants=[State.DIAMOND])
def check_the_order_after_a_cancel_and_at_a_join(context: CheckContext) -> None:
    """As long as the service lets the stream go on. Every stream of a run of the kit is looked at;
    here those of two runs that were cancelled, and of one whose steps come together."""
    cancelled = [ended.run["id"] for ended in context.cancelled_runs()]
    for run_id in (*cancelled, context.runs.fresh(State.DIAMOND, Status.COMPLETED)):
        stream = context.listen(run_id, lambda stream: stream.ended, within=1)
        if (why := disorder(run_events(stream.events), whole=True)) is not None:
            raise CheckFailed(why)


@requirement("EVENTS-18", shares="watched", since="1.1")
def check_the_start_is_announced(context: CheckContext) -> None:
    """A stream that began after the start does not show it: then another from before it counts."""
    check_announced(context)


@requirement("EVENTS-07", shares="watched")
def check_resume_after_last_event_id(context: CheckContext) -> None:
    """After `Last-Event-ID` no event is missing or repeated."""
    run_id = context.runs.fresh(State.SUCCEEDS)
    with context.api.events(run_id) as full_stream:
        context.poller.follow(full_stream, lambda s: len(s.events) >= 3 or has_ended(s))
        seen = full_stream.events
        if len(seen) < 2:
            raise Inconclusive("too few events came")
        if not seen[0].id:
            raise Unsupported("the events bear no ids")
        with context.api.events(run_id, seen[1].id) as resumed:
            for stream in (full_stream, resumed):
                context.poller.follow(stream, has_ended)
    continues(full_stream, seen[1].id, resumed)


@requirement("EVENTS-07", shares="watched")
def check_resume_after_a_retry(context: CheckContext) -> None:
    """Where a retry continues the run (Q01): from before it, from its start and from later."""
    run_id = context.runs.fresh(State.FAILS_ONCE)
    received = context.listen(run_id, has_ended).events
    if len(received) < 2:
        raise Inconclusive("too few events came")
    if not received[0].id:
        raise Unsupported("the events bear no ids")
    context.poller.wait_for_status(context.api, run_id, Status.FAILED)
    if rerun_id(context, run_id, retry_accepted(context, run_id, {"mode": "full"})) != run_id:
        return
    known = {event.id for event in received}
    with context.api.events(run_id) as full_stream:
        context.poller.follow(
            full_stream, lambda s: sum(f.id not in known for f in s.events) > 1, within=5
        )
        since = [event for event in full_stream.events if event.id not in known][:1]
        last_ids = [event.id for event in (received[0], received[-2], received[-1], *since)]
        with ExitStack() as left:
            resumed = {id_: left.enter_context(context.api.events(run_id, id_)) for id_ in last_ids}
            late = is_finished(context.api.run(run_id)) is None
            context.poller.wait_for_status(context.api, run_id, *FINISHED)
            for stream in (full_stream, *resumed.values()):
                context.poller.follow(stream, lambda s: attempt_ended(s, known), within=5)
    ids_unique(full_stream)
    for id_, stream in resumed.items():
        # The stream of a run that has finished meanwhile may be empty (Q13).
        if stream.events or not late:
            continues(full_stream, id_, stream)


@requirement("EVENTS-08", shares="watched")
def check_subscribers_receive_the_same(context: CheckContext) -> None:
    """Every event, in the same order."""
    recording = context.recording()
    first = [event.data for event in recording.first.events]
    second = [event.data for event in recording.second.events]
    if not first:
        raise Inconclusive("no event came")
    if first != second:
        shared = sum(1 for a, b in zip(first, second, strict=False) if a == b)
        raise CheckFailed(
            f"one subscriber received {len(first)} events, another {len(second)}; {shared} agree"
        )


@requirement("EVENTS-08", shares="watched")
def check_late_subscribers_receive_the_same(context: CheckContext) -> None:
    """No event is lost or repeated between the replay and the live events."""
    recording = context.recording()
    if not has_ended(recording.first):
        raise Inconclusive("the stream has no terminal event", caused_by="EVENTS-04")
    run = context.api.run(recording.run_id)
    life = (timestamp(run, "completedAt") - timestamp(run, "createdAt")).total_seconds()
    if context.poller.real_time:
        life = recording.first.events[-1].at
    run_id = context.runs.fresh(State.SUCCEEDS)
    subscribers = subscribe_over_time(context, run_id, life)
    replay = context.listen(run_id, has_ended, within=5)
    compare(
        subscribers, replay, context.contract.full["components"]["schemas"]["EventType"]["enum"]
    )


@requirement("EVENTS-09", shares="watched")
def check_disconnect_affects_no_other_subscriber(context: CheckContext) -> None:
    """One of three left early; the others heard the end, and the run came to it."""
    recording = context.recording()
    if recording.early.ended and has_ended(recording.early):
        raise Inconclusive(
            "the run was over before a subscriber could leave: provide a 'succeeds' that takes a "
            "second or more"
        )
    for stream in (recording.first, recording.second):
        if stream.broken:
            raise CheckFailed(f"another subscriber's stream broke: {stream.broken}")
    run = context.poller.wait_for_status(context.api, recording.run_id, *FINISHED)
    if run.get("status") == Status.CANCELLED:
        raise CheckFailed(
            "the run was cancelled when a subscriber left, and no client cancelled it"
        )
    if run.get("status") != Status.COMPLETED:
        raise Inconclusive(f"the run is {run.get('status')}", caused_by="LIFE-02")


@requirement("EVENTS-10", shares="watched")
def check_events_of_an_unknown_run_are_not_found(context: CheckContext) -> None:
    """404, before any stream starts."""
    require(context.api.request(Operation.EVENTS, UNKNOWN_RUN), status(404))


@requirement("EVENTS-11", shares="watched", early=CheckContext.idle_stream)
def check_idle_stream_sends_heartbeats(context: CheckContext) -> None:
    """Something arrives at least every thirty seconds while nothing happens."""
    wait_for_heartbeat(context.idle_stream(), "running")


@requirement("EVENTS-11", shares="watched", early=open_idle_streams, since="1.1")
@pytest.mark.parametrize("kind", IDLE_KINDS)
def check_every_idle_stream_sends_heartbeats(context: CheckContext, kind: str) -> None:
    """That of a run that waits, and that of a subscriber which has resumed."""
    if (idle := open_idle_streams(context)[kind]) is not None:
        wait_for_heartbeat(idle, kind)


@requirement("EVENTS-12", shares="watched")
def check_last_event_matches_the_run(context: CheckContext) -> None:
    """Check that the last event equals the run as read by id."""
    recording = context.recording()
    runs = [event.run for event in run_events(recording.first.events) if event.run is not None]
    if not runs:
        raise Inconclusive("no event bears the run")
    if why := unchanged(context.api.run(recording.run_id), runs[-1]):
        raise CheckFailed(f"the run in the last event is not the run that is read: {why}")


@requirement("EVENTS-13", shares="watched")
def check_stream_is_not_cached_or_buffered(context: CheckContext) -> None:
    """`Cache-Control` forbids it, and something comes within a second."""
    with context.api.events(context.runs.shared(State.RUNNING_LONG)) as stream:
        prompt = stream.wait(1, lambda s: bool(s.message_count))
    control = stream.headers.get("cache-control", "").lower()
    if "no-cache" not in control and "no-store" not in control:
        raise CheckFailed(f"Cache-Control is {control!r}: a cache may keep the stream")
    if not prompt:
        raise CheckFailed("nothing came within a second, though the run has started")


@requirement("EVENTS-14", shares="watched")
def check_events_of_a_malformed_id_are_rejected(context: CheckContext) -> None:
    """422, before any stream starts."""
    require(context.api.request(Operation.EVENTS, MALFORMED_RUN), status(422))


@requirement("EVENTS-15", shares="watched")
def check_data_is_an_event_of_the_contract(context: CheckContext) -> None:
    """The event's kind, the run, and the step if it is about one."""
    stream = _recorded_stream(context)
    for event in stream.events:
        try:
            value = event.json()
        except ValueError:
            raise Inconclusive("the data is not JSON", caused_by="EVENTS-03") from None
        context.check_value(value, "RunEvent", stream.exchange, f"the event {event.event!r}")


@requirement("EVENTS-16", shares="watched")
def check_replay_matches_the_original_events(context: CheckContext) -> None:
    """Where the stream of a finished run replays (Q13), each event has the statuses that it had
    when it was heard first."""
    recording = context.recording()
    live = run_events(recording.first.events)
    replay = context.listen(recording.run_id, has_ended, within=5)
    again = run_events(replay.events)
    if not any(event.run for event in live):
        raise Inconclusive("no event bears the run", caused_by="EVENTS-15")
    if not again:
        raise Unsupported("the stream of a finished run has no replay (Q13)")
    then = {(event.kind, event.step_key): event for event in reversed(live)}
    for event in again:
        first = then.get((event.kind, event.step_key), event)
        for name, before, after in (
            ("run", first.run, event.run),
            ("step", first.step, event.step),
        ):
            if before and after and (why := unchanged(before, after, ("status",))):
                raise CheckFailed(
                    f"{event.kind} is replayed with another {name} than the live event: {why}",
                    exchange=replay.exchange,
                )


@requirement("EVENTS-17", shares="retried")
def check_history_survives_a_retry(context: CheckContext) -> None:
    """What a new subscriber received before the retry, one after it receives first; or no event
    has an id that one before the retry had."""
    retried = retried_run(context)
    past = labels(retried.stream_before.events)
    stream = retried.stream_after
    if not retried.is_same:
        # A run that is left as it was has the history that it had.
        stream = context.listen(retried.run_id, has_ended, within=5)
    else:
        context.api.run(retried.new)
    found = labels(stream.events)
    ids = {event.id for event in stream.events}
    says_so = None not in ids and ids.isdisjoint(id_ for id_, *_ in past)
    if found[: len(past)] != past and not (found and says_so):
        raise CheckFailed(
            f"before the retry the stream began with {len(past)} events, {_shown(past)}; after it "
            f"the stream begins with {_shown(found)}"
        )


def _shown(found: Sequence[Label]) -> str:
    return ", ".join(f"{kind} (id {id_})" for id_, kind, _ in found[:3]) or "none"


def _recorded_stream(context: CheckContext) -> Stream:
    """The stream of a succeeding run; Inconclusive if nothing came."""
    stream = context.recording().first
    if not stream.events:
        raise Inconclusive("no event came")
    return stream


def _observe_event_fields(context: CheckContext, stream: Stream) -> None:
    """Q12, if events came."""
    field_sets = {event.lines for event in stream.events}
    if field_sets:
        known = [word for word, lines in EVENT_FIELDS.items() if field_sets == {lines}]
        observed = " or ".join(", ".join(sorted(lines)) for lines in field_sets)
        context.observe(
            "Q12", *known, observed=f"events have the lines {observed}", exchange=stream.exchange
        )
