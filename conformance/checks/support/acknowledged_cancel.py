"""Cancel one run for many checks, and read it before and after in every way: what a cache or a
replica keeps shows as a read of an earlier state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from conformance.assertions.matchers import Matcher, has_status, parse_timestamp, require, success
from conformance.client.response import Response
from conformance.client.run_events import has_ended
from conformance.client.stream import Stream
from conformance.harness.context import CheckContext
from conformance.vocabulary import Operation, State, Status

READS = (Operation.GET, Operation.STEPS, Operation.LIST)
_QUERY = {"status": "pending", "limit": 1000}
# Seconds that the end of a run may take to reach a subscriber.
_DELIVERY = 5.0
_LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class AcknowledgedCancel:
    """A pending run that was cancelled, the responses to reads before and after by operation,
    how each read after it contradicts the response, by what was read, and the streams of a
    subscriber from before the cancel and of one after it."""

    run_id: str
    response: Response
    before: Mapping[Operation, Response]
    after: Mapping[Operation, Response]
    stale: Mapping[str, str]
    live: Stream
    replay: Stream


def acknowledged_cancel(context: CheckContext) -> AcknowledgedCancel:
    """Return the run that was cancelled for all checks; it is cancelled in the first call."""
    return context.cache.once("acknowledged cancel", lambda: _record(context))


def read(
    context: CheckContext,
    operation: Operation,
    run_id: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Read the run, its steps or the pending runs, by the same URL each time."""
    query = _QUERY if operation is Operation.LIST else None
    return context.api.request(operation, run_id, query=query, headers=headers)


def conditions(cancel: AcknowledgedCancel, operation: Operation) -> list[dict[str, str]]:
    """Return headers that ask for a response only if the state before the cancel has changed.

    Empty if this operation does not show that it has.
    """
    before, after = cancel.before[operation], cancel.after[operation]
    if before.status != 200 or after.status != 200 or before.body == after.body:
        return []
    etag, modified = (before.headers.get(name) for name in ("etag", "last-modified"))
    found = [{"If-None-Match": etag}] if etag else []
    if modified and _earlier(modified, cancel.response.object().get("updatedAt")):
        found.append({"If-Modified-Since": modified})
    return found or [{"If-None-Match": '"of-no-state"', "If-Modified-Since": _LONG_AGO}]


def permits_caching(response: Response) -> str | None:
    """Return why a cache may keep the response and return it to another client; None if not."""
    control = response.headers.get("cache-control", "").lower()
    directives = {part.partition("=")[0].strip(): part for part in control.split(",")}
    if not {"no-store", "no-cache", "private"}.isdisjoint(directives):
        return None
    for name, why in (
        ("public", "lets shared caches keep it"),
        ("s-maxage", "lets shared caches keep it"),
        ("max-age", "lets any cache keep it, and is not private"),
    ):
        part = directives.get(name, "").replace('"', "").strip()
        if part and not part.endswith("=0"):
            return f"Cache-Control: {control} {why}"
    return None


def _record(context: CheckContext) -> AcknowledgedCancel:
    run_id = context.runs.fresh(State.PENDING)
    before = {operation: read(context, operation, run_id) for operation in READS}
    with context.api.events(run_id) as live:
        live.wait(0.3, lambda s: bool(s.events))
        response = require(context.api.cancel(run_id), success)
        after, stale = _read_after(context, run_id, response)
        context.poller.follow(live, has_ended, within=_DELIVERY)
        # A second end comes within this.
        live.wait(0.2, lambda s: s.ended)
    replay = context.listen(run_id, has_ended, within=context.settling.limit)
    if replay.events and not has_ended(replay):
        stale[Operation.EVENTS.value] = "the stream has the beginning of the run and not its end"
    return AcknowledgedCancel(run_id, response, before, after, stale, live, replay)


def _read_after(
    context: CheckContext, run_id: str, response: Response
) -> tuple[dict[Operation, Response], dict[str, str]]:
    """Return the responses to reads after the cancel, and the faults of those that went on to show
    an earlier state."""
    after: dict[Operation, Response] = {}
    stale: dict[str, str] = {}
    cancelled = has_status(Status.CANCELLED)
    if cancelled(response.object()):
        # A response that does not show the run as cancelled promises nothing.
        context.poller.wait_for_status(context.api, run_id, Status.CANCELLED)
    for operation, judge in (
        (Operation.GET, cancelled),
        (Operation.LIST, partial(_not_among, run_id)),
        (Operation.STEPS, lambda _: None),
    ):
        after[operation], why = context.settling.read(
            "a read lags",
            partial(read, context, operation, run_id),
            partial(_judged, judge),
        )
        if why:
            stale[operation.value] = why
    return after, stale


def _judged(judge: Matcher[dict[str, Any]], response: Response) -> str | None:
    return judge(response.object()) if response.status == 200 else None


def _not_among(run_id: str, page: dict[str, Any]) -> str | None:
    """The pending runs do not include this one."""
    items = page.get("items")
    runs = items if isinstance(items, list) else []
    ids = {run.get("id") for run in runs if isinstance(run, dict)}
    return "it is listed among the pending runs" if run_id in ids else None


def _earlier(modified: str, updated: object) -> bool:
    """Whether a Last-Modified is so much earlier than an update that a whole second is between."""
    try:
        return parsedate_to_datetime(modified) < parse_timestamp(updated).replace(microsecond=0)
    except (ValueError, TypeError):
        return False
