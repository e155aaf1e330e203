"""Cancel one run for many checks, and read it before and after in every way: what a cache or a
replica keeps shows as a read of an earlier state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.assertions.matchers import has_status, parse_timestamp, require, success
from conformance.client.response import Response
from conformance.client.run_events import has_ended
from conformance.client.stream import Stream
from conformance.harness.context import CheckContext
from conformance.vocabulary import Operation, State, Status

READS = (Operation.GET, Operation.STEPS, Operation.LIST)
_QUERY = {"status": "pending", "limit": 1000}
_LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class AcknowledgedCancel:
    """A pending run that was cancelled, the responses to reads before and after by operation, and
    how each read after it contradicts the response, by what was read."""

    run_id: str
    response: Response
    before: Mapping[Operation, Response]
    after: Mapping[Operation, Response]
    stale: Mapping[str, str]


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
    with context.api.events(run_id) as stream:
        stream.wait(0.3, lambda s: bool(s.events))
    response = require(context.api.cancel(run_id), success)
    after: dict[Operation, Response] = {}
    stale: dict[str, str] = {}
    cancelled = has_status(Status.CANCELLED)
    if cancelled(response.object()):
        # A response that does not show the run as cancelled promises nothing.
        context.poller.wait_for_status(context.api, run_id, Status.CANCELLED)

    def settled(operation: Operation, judge: Callable[[dict[str, Any]], str | None]) -> None:
        after[operation], why = context.settling.read(
            "a read lags",
            lambda: read(context, operation, run_id),
            lambda found: judge(found.object()) if found.status == 200 else None,
        )
        if why:
            stale[f"{operation.value}"] = why

    settled(Operation.GET, cancelled)
    settled(Operation.LIST, lambda page: _not_among(page, run_id))
    settled(Operation.STEPS, lambda steps: None)
    stream = context.listen(run_id, has_ended, within=context.settling.limit)
    if _shows_pending(stream):
        stale[Operation.EVENTS.value] = "the stream does not have the end of the run"
    return AcknowledgedCancel(run_id, response, before, after, stale)


def _not_among(page: dict[str, Any], run_id: str) -> str | None:
    """The pending runs do not include this one."""
    items = page.get("items")
    ids = (
        [run.get("id") for run in items if isinstance(run, dict)] if isinstance(items, list) else ()
    )
    return "it is listed among the pending runs" if run_id in ids else None


def _shows_pending(stream: Stream) -> bool:
    """The stream replays the beginning of the run and not its end."""
    return bool(stream.events) and not has_ended(stream)


def _earlier(modified: str, updated: object) -> bool:
    """Whether a Last-Modified is so much earlier than an update that a whole second is between."""
    try:
        return parsedate_to_datetime(modified) < parse_timestamp(updated).replace(microsecond=0)
    except (ValueError, TypeError):
        return False
