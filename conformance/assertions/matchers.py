"""Match one value: each matcher returns the fault of a value, or None.

Matchers know nothing of checks or pytest, so the same matcher asserts, polls and filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive
from conformance.vocabulary import NEXT_STATUSES, Level, Status

T = TypeVar("T")
Matcher = Callable[[T], str | None]


def require(
    response: Response, *matchers: Matcher[Response], level: Level | None = None
) -> Response:
    """Return the response. Raise CheckFailed if a matcher rejects it."""
    for matcher in matchers:
        if why := matcher(response):
            raise CheckFailed(f"{response.summary}: {why}", level=level, exchange=response.exchange)
    return response


def status(*codes: int) -> Matcher[Response]:
    """The status is one of these."""
    wanted = " or ".join(map(str, codes))
    return lambda response: None if response.status in codes else f"expected {wanted}"


def success(response: Response) -> str | None:
    """The status is of the 200 class."""
    return None if 200 <= response.status < 300 else "expected a status of the 200 class"


def client_error(response: Response) -> str | None:
    """The status is of the 400 class."""
    return None if 400 <= response.status < 500 else "expected a status of the 400 class"


def no_server_error(response: Response) -> str | None:
    """The status is not of the 500 class."""
    return None if response.status < 500 else "a client's request must not be able to cause this"


def rejects_caller(response: Response) -> str | None:
    """401 or 403."""
    return None if response.status in (401, 403) else "expected 401 or 403"


def not_visible(response: Response) -> str | None:
    """Require 404 or 403, which hide the runs of other tenants."""
    return None if response.status in (404, 403) else "expected 404 or 403"


def names_parameter(name: str) -> Matcher[Response]:
    """Require the documented validation error with a `loc` that names this parameter."""

    def matcher(response: Response) -> str | None:
        details = response.object().get("detail")
        if not isinstance(details, list):
            return f"no list of faults in `detail`: {details!r}"
        locs = [d.get("loc") for d in details if isinstance(d, dict)]
        if any(isinstance(loc, list) and name in loc for loc in locs):
            return None
        return f"no `loc` names {name!r}: {locs}"

    return matcher


def has_status(*wanted: Status) -> Matcher[dict[str, Any]]:
    """A run in one of these statuses."""

    def matcher(run: dict[str, Any]) -> str | None:
        if run.get("status") in wanted:
            return None
        return f"the run is {run.get('status')!r}, not {' or '.join(wanted)}"

    return matcher


def is_finished(run: dict[str, Any]) -> str | None:
    """A run after which nothing happens by itself."""
    return has_status(Status.COMPLETED, Status.FAILED, Status.CANCELLED)(run)


def parse_timestamp(value: object) -> datetime:
    """A timestamp; ValueError if it is none by RFC 3339 or bears no zone."""
    if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":
        raise ValueError(f"{value!r} is not an RFC 3339 timestamp")
    timestamp = datetime.fromisoformat(value.replace("z", "Z"))
    if timestamp.tzinfo is None:
        raise ValueError(f"{value!r} has no zone")
    return timestamp


def timestamp(bearer: dict[str, Any], field: str) -> datetime:
    """The timestamp in this field; Inconclusive where it is none, which others look at."""
    try:
        return parse_timestamp(bearer.get(field))
    except ValueError as fault:
        raise Inconclusive(f"{field} cannot be read: {fault}") from None


def in_order(bearer: dict[str, Any], *fields: str) -> str | None:
    """The timestamps that are set do not go back in the order of these fields."""
    seen: list[tuple[str, datetime]] = []
    for field in fields:
        if bearer.get(field) is None:
            continue
        try:
            timestamp = parse_timestamp(bearer[field])
        except ValueError as fault:
            return f"{field}: {fault}"
        if seen and timestamp < seen[-1][1]:
            return f"{field} {bearer[field]} is before {seen[-1][0]} {bearer[seen[-1][0]]}"
        seen.append((field, timestamp))
    return None


def unchanged(
    before: dict[str, Any], after: dict[str, Any], fields: Iterable[str] | None = None
) -> str | None:
    """Both objects agree, in these fields or in all."""
    for field in sorted(set(before) | set(after)) if fields is None else fields:
        if before.get(field) != after.get(field):
            return f"{field} was {before.get(field)!r} and is {after.get(field)!r}"
    return None


def progressed(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a run is where it may have got by itself, and was not before."""
    return after.get("status") in NEXT_STATUSES.get(str(before.get("status")), ())


def unaffected(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """A run is as it was, or has gone on by itself: it was neither ended nor restarted."""
    fields = ["createdAt", "automationId"]
    fields += [] if progressed(before, after) else ["status"]
    # The start time of a started run is final; a pending run may start.
    if before.get("startedAt") is not None or not progressed(before, after):
        fields.append("startedAt")
    return unchanged(before, after, fields)


def step_unaffected(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The same of a step of a run that is under way."""
    was, now = before.get("status"), after.get("status")
    moved = was == "pending" or (was == "running" and now not in ("pending", "cancelled"))
    if was == now or not moved:
        return unchanged(before, after, ("status", "startedAt"))
    return unchanged(before, after, () if was == "pending" else ("startedAt",))


def run_versions(runs: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the id and last change of each run, sorted: equal if no run has changed."""
    return sorted((str(run.get("id")), str(run.get("updatedAt"))) for run in runs)


def with_dependents(steps: list[dict[str, Any]], first: Iterable[str]) -> set[str]:
    """The keys of these steps and of all that depend on them, directly or not."""
    reached = set(first)
    while True:
        more = {s["key"] for s in steps if set(s.get("dependsOn") or ()) & reached} - reached
        if not more:
            return reached
        reached |= more
