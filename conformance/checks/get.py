"""GET: one run read by its id."""

from __future__ import annotations

import contextlib
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from conformance.assertions.invariants import (
    IDENTITY,
    completion_matches_status,
    duration_consistent,
    error_matches_status,
    timestamps_have_zone,
    timestamps_in_order,
)
from conformance.assertions.matchers import require, status, timestamp, unchanged
from conformance.checks.support import question_answers, samples
from conformance.checks.support.retried_run import retried_run
from conformance.errors import CheckFailed, Unsupported
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import Level, Operation, State, Status

# Seconds by which zones differ, at the least and from UTC, and by which a clock may be wrong.
_QUARTER, _MAX_ZONE, _MAX_SKEW = 900, 14 * 3600, 120
# A proxy may add a date of its own to the first.
_DATE_LENGTH = len("Sun, 06 Nov 1994 08:49:37 GMT")


@requirement("GET-01")
def check_a_run_has_the_documented_types(context: CheckContext) -> None:
    """200 and a run, in every status there is."""
    for run_id in samples.sample_runs(context):
        response = require(samples.request(context, Operation.GET, run_id), status(200))
        question_answers.empty_fields(
            context, "Run", context.check_schema(response, "Run"), response
        )


@requirement("GET-02")
def check_an_unknown_run_is_not_found(context: CheckContext) -> None:
    """A run was just read; this one does not exist."""
    context.api.run(samples.sample_runs(context)[0])
    require(context.api.get_run(UNKNOWN_RUN), status(404))


@requirement("GET-03")
@pytest.mark.parametrize("run_id", [MALFORMED_RUN, "0", f"{UNKNOWN_RUN}0"])
def check_a_malformed_id_is_rejected(context: CheckContext, run_id: str) -> None:
    """A malformed id is a validation error, not a lookup."""
    require(context.api.get_run(run_id), status(422))


@requirement("GET-04", waits=True)
def check_a_finished_run_reads_the_same_every_time(context: CheckContext) -> None:
    """Three readings with time between them."""
    run_id = context.runs.shared(State.COMPLETED)
    before = context.api.run(run_id)
    for _ in range(2):
        context.poller.tick()
        if why := unchanged(before, context.api.run(run_id)):
            raise CheckFailed(f"a completed run changed: {why}")


@requirement("GET-05")
def check_timestamps_have_a_zone(context: CheckContext) -> None:
    """RFC 3339, in runs of every status."""
    samples.sampled(context, Operation.GET, timestamps_have_zone)


@requirement("GET-06")
def check_timestamps_are_in_order(context: CheckContext) -> None:
    """Created, started, completed, updated."""
    samples.sampled(context, Operation.GET, timestamps_in_order)


@requirement("GET-07")
def check_the_duration_is_from_start_to_completion(context: CheckContext) -> None:
    """As exactly as it is given, and never negative."""
    samples.sampled(context, Operation.GET, duration_consistent)


@requirement("GET-07", waits=True)
def check_the_duration_of_a_running_run(context: CheckContext) -> None:
    """It may grow (Q21)."""
    run = context.api.run(context.runs.shared(State.RUNNING_LONG))
    if why := duration_consistent(run):
        raise CheckFailed(f"a {run.get('status')} run: {why}")
    if run.get("status") == Status.RUNNING:
        _observe_duration(context, run)


@requirement("GET-08")
def check_completion_and_status_agree(context: CheckContext) -> None:
    """`completedAt` if and only if it has finished, no `startedAt` before it has started."""
    for run in samples.sampled(context, Operation.GET, completion_matches_status):
        # None of these was retried: one that was may well have started once.
        if run.get("status") == Status.PENDING and run.get("startedAt") is not None:
            raise CheckFailed(f"a pending run has startedAt {run['startedAt']!r}")


@requirement("GET-09")
def check_an_error_means_failure(context: CheckContext) -> None:
    """`error` if and only if the run failed."""
    context.runs.shared(State.FAILS, Status.FAILED)
    samples.sampled(context, Operation.GET, error_matches_status)


@requirement("GET-10")
def check_credential_belongs_to_one_tenant(context: CheckContext) -> None:
    """All listed runs bear the same `tenantId`."""
    context.ensure_runs(2)
    tenants = {str(run.get("tenantId")) for run in context.page(limit=1000)["items"]}
    tenants |= {str(run.get("tenantId")) for run in samples.sampled(context, Operation.GET)}
    if len(tenants) > 1:
        raise CheckFailed(f"one credential reads runs of the tenants {sorted(tenants)[:5]}")


@requirement("GET-11")
def check_updated_at_never_goes_back(context: CheckContext) -> None:
    """Over the whole life of a run."""
    runs = [each.run for each in context.history(State.SUCCEEDS)]
    seen = [timestamp(run, "updatedAt") for run in runs]
    if seen != sorted(seen):
        raise CheckFailed(f"updatedAt goes back: {[run['updatedAt'] for run in runs]}")
    # Timestamps may be in whole seconds, and the life of the run within one.
    times = [
        timestamp(runs[-1], each) for each in ("startedAt", "completedAt") if runs[-1].get(each)
    ]
    changed = len({str(run.get("status")) for run in runs}) > 1
    if changed and len(set(seen)) == 1 and seen[-1] < max(times, default=seen[-1]):
        raise CheckFailed("updatedAt does not move while the status changes")


@requirement("GET-12")
def check_identity_never_changes(context: CheckContext) -> None:
    """Over the whole life of a run."""
    first, *later = [each.run for each in context.history(State.SUCCEEDS)]
    for run in later:
        if why := unchanged(first, run, IDENTITY):
            raise CheckFailed(f"{why} (from {first.get('status')} to {run.get('status')})")


@requirement("GET-12", shares="retried", since="1.1")
def check_identity_survives_a_retry(context: CheckContext) -> None:
    """In the response, the run, the list and the stream. A retry that makes another run (Q01) is
    of the same automation and tenant."""
    retried = retried_run(context)
    before = retried.before.run
    fields = IDENTITY if retried.is_same else ("automationId", "tenantId")
    seen = [("the response", retried.response.object())]
    seen += [("the run", snapshot.run) for snapshot in retried.after]
    item = context.find_in_list(retried.new)
    seen += [] if item is None else [("its item in the list", item)]
    for name, run in seen:
        if why := unchanged(before, run, fields):
            raise CheckFailed(f"after a retry {name} has another identity: {why}")
    for event in retried.new_events:
        # Which fields an event shows is open.
        shown = [field for field in fields if field in (event.run or {})]
        if why := unchanged(before, event.run or {}, shown):
            raise CheckFailed(
                f"after a retry {event.kind} has another identity: {why}", level=Level.INFERRED
            )


@requirement("GET-13")
def check_id_is_the_requested_one(context: CheckContext) -> None:
    """For every run there is to ask for."""
    samples.check_sampled_ids(context, Operation.GET, "id")


@requirement("GET-14")
def check_timestamps_are_of_the_zone_they_name(context: CheckContext) -> None:
    """Of a run that was just created, compared with the `Date` of the response. Only whole quarters
    of an hour count: a clock may be wrong by any other time."""
    if not context.poller.real_time:
        # A clock that the kit moves does not show the time of day.
        return
    response = context.api.get_run(_just_created(context))
    run = response.object()
    try:
        date = parsedate_to_datetime(response.headers.get("date", "")[:_DATE_LENGTH])
    except ValueError:
        raise Unsupported("responses have no Date header") from None
    for field in ("createdAt", "updatedAt"):
        ahead = (timestamp(run, field) - date).total_seconds()
        zone = round(ahead / _QUARTER) * _QUARTER
        if 0 < abs(zone) <= _MAX_ZONE and abs(ahead - zone) <= _MAX_SKEW:
            raise CheckFailed(
                f"{field} is {run[field]} and the Date of the response {date}: "
                f"it is {zone / 3600:+g} h from the time of its zone",
                exchange=response.exchange,
            )


def _just_created(context: CheckContext) -> str:
    """A run that did not exist a moment ago."""
    if not context.runs.unlimited:
        raise Unsupported("no run is created whose creation is known")
    for state in (State.DIAMOND, State.SUCCEEDS):
        with contextlib.suppress(Unsupported):
            return context.runs.fresh(state)
    return context.runs.fresh(State.PENDING)


def _observe_duration(context: CheckContext, before: dict[str, Any]) -> None:
    context.poller.advance(2)
    after = context.api.run(before["id"])
    if after.get("status") != Status.RUNNING:
        return
    seen = [run.get("durationSeconds") for run in (before, after)]
    match seen:
        case [None, None]:
            known = ["null"]
        case [int() | float() as first, int() | float() as second] if first < second:
            known = ["grows"]
        case _:
            known = []
    shown = ["null or absent" if each is None else str(each) for each in seen]
    text = f"durationSeconds of a running run is {shown[0]}, 2 s later {shown[1]}"
    context.observe("Q21", *known, observed=text)
