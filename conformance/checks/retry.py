"""RETRY: running a finished run again."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

import pytest

from conformance.assertions.matchers import (
    client_error,
    is_finished,
    no_server_error,
    progressed,
    require,
    status,
    step_unaffected,
    success,
    unaffected,
    unchanged,
    with_dependents,
)
from conformance.checks.support.question_answers import REJECTIONS, SUCCESSES
from conformance.checks.support.rejected_retries import (
    check_accepted_as,
    check_refused,
    check_unknown_keys_refused,
)
from conformance.checks.support.retried_run import (
    check_steps_run_once,
    follow_attempt,
    retried_after_cancel,
    retried_run,
)
from conformance.checks.support.retry import (
    by_key,
    check_acts_as_default,
    check_acts_as_from_failed,
    check_not_changed,
    check_nothing_else_creates,
    check_nothing_left,
    check_one_end_per_attempt,
    check_rerun,
    created_since,
    failed_run,
    failed_step,
    first_step,
    observe_retry_of_unfailed,
    rerun_id,
    retry_accepted,
    settled_failed_run,
    steps_at,
    still,
    took_longer,
)
from conformance.client.concurrency import concurrently
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import MALFORMED_RUN, UNKNOWN_RUN, CheckContext
from conformance.harness.markers import requirement
from conformance.vocabulary import State, Status

CALLERS = 6


@requirement("RETRY-01", wants=[State.FAILS_ONCE])
def check_an_empty_object_is_accepted(context: CheckContext) -> None:
    """The response is a run, and the same steps rerun as with `from_failed`, the default."""
    run_id, before = settled_failed_run(context)
    response = require(context.api.retry(run_id, {}), success)
    context.observe_status("Q22", response, SUCCESSES)
    context.check_schema(response, "Run")
    check_acts_as_default(context, run_id, before, response)


@requirement("RETRY-01", since="1.1", wants=[State.FAILS_ONCE] * 2)
def check_a_charset_of_the_media_type_is_accepted(context: CheckContext) -> None:
    """`application/json; charset=utf-8` is JSON as well."""
    check_accepted_as(context, "application/json; charset=utf-8", b"{}")


@requirement("RETRY-02", shares="retried", wants=[State.FAILS_ONCE])
def check_from_failed_reruns_failed_steps_and_dependents(context: CheckContext) -> None:
    """Completed steps keep their outcome; the failed one and those behind it run."""
    retried = retried_run(context)
    before = retried.before.steps
    first = [step["key"] for step in before if step["status"] == "failed"]
    check_rerun(context, retried.run_id, before, retried.new, with_dependents(before, first))


@requirement("RETRY-03", wants=[State.FAILS_ONCE])
def check_full_runs_every_step(context: CheckContext) -> None:
    """Completed steps as well."""
    run_id, before = settled_failed_run(context)
    new = rerun_id(context, run_id, retry_accepted(context, run_id, {"mode": "full"}))
    check_rerun(context, run_id, before, new, {step["key"] for step in before})


@requirement("RETRY-04", wants=[State.DIAMOND, State.FAILS_ONCE])
@pytest.mark.parametrize("place", ["first", "middle"])
def check_from_step_reruns_that_step_and_dependents(context: CheckContext, place: str) -> None:
    """From the top or the middle of a diamond, or where completed runs are not retried (Q04), from
    the first step of a failed run or the one that failed; the rest is kept."""
    run_id = context.runs.fresh(State.DIAMOND, Status.COMPLETED)
    context.poller.tick()
    before = context.steps(run_id)
    body = {"mode": "from_step", "stepKey": steps_at(before, place)[0]}
    response = context.api.retry(run_id, body)
    observe_retry_of_unfailed(context, response, "from_step", "completed")
    if not client_error(response):
        run_id, before = settled_failed_run(context)
        body["stepKey"] = first_step(before) if place == "first" else failed_step(before)
        response = retry_accepted(context, run_id, body)
    new = rerun_id(context, run_id, require(response, success))
    check_rerun(context, run_id, before, new, with_dependents(before, [body["stepKey"]]))


@requirement("RETRY-04", since="1.1", wants=[State.DIAMOND])
def check_from_the_last_step_reruns_it_alone(context: CheckContext) -> None:
    """Where branches of a completed run join: all of them are kept. A service may reject it (Q04);
    the other places show the mode on a failed run then."""
    run_id = context.runs.fresh(State.DIAMOND, Status.COMPLETED)
    context.poller.tick()
    before = context.steps(run_id)
    chosen = steps_at(before, "last")[0]
    response = context.api.retry(run_id, {"mode": "from_step", "stepKey": chosen})
    if client_error(response):
        new = rerun_id(context, run_id, require(response, success))
        check_rerun(context, run_id, before, new, {chosen})


@requirement("RETRY-05", wants=[State.FAILS_ONCE])
def check_from_step_needs_a_step(context: CheckContext) -> None:
    """Refused, or taken as `from_failed` (Q15)."""
    run_id, steps = settled_failed_run(context)
    before = context.api.run(run_id)
    response = require(context.api.retry(run_id, {"mode": "from_step"}), no_server_error)
    words = {422: "invalid", 400: "bad_request"} | dict.fromkeys(SUCCESSES, "from_failed")
    context.observe_status("Q15", response, words)
    if not success(response):
        check_acts_as_from_failed(context, run_id, steps, response)
        return
    require(response, client_error)
    check_not_changed(context, run_id, before)
    retry_accepted(context, run_id, {"mode": "from_step", "stepKey": steps[0]["key"]})


@requirement("RETRY-06", wants=[State.FAILS_ONCE])
def check_an_unknown_step_is_rejected(context: CheckContext) -> None:
    """With 404, 400 or 422 (Q16), and nothing changes; a known one is accepted."""
    run_id, steps = failed_run(context)
    before = context.api.run(run_id)
    body = {"mode": "from_step", "stepKey": "no-such-step"}
    response = context.api.retry(run_id, body)
    context.observe_status("Q16", response, {404: "not_found", 400: "bad_request", 422: "invalid"})
    require(response, client_error)
    check_not_changed(context, run_id, before)
    retry_accepted(context, run_id, body | {"stepKey": steps[0]["key"]})


@requirement("RETRY-06", shares="rejected", since="1.1")
def check_a_step_key_that_resembles_another_is_rejected(context: CheckContext) -> None:
    """In another case, cut off, or a name that objects of some languages have by themselves."""
    check_unknown_keys_refused(context)


@requirement("RETRY-07", shares="rejected", wants=[State.FAILS_ONCE] * 4)
def check_an_unknown_mode_is_rejected(context: CheckContext) -> None:
    """422, and nothing changes."""
    check_refused(context, b'{"mode": "from_scratch"}', b'{"mode": "full"}')


@requirement("RETRY-08", shares="rejected")
@pytest.mark.parametrize("value", ["7", "true", '["a"]', '{"key": "a"}'])
def check_a_step_key_of_a_wrong_type_is_rejected(context: CheckContext, value: str) -> None:
    """422, and nothing changes."""
    check_refused(context, f'{{"stepKey": {value}}}'.encode(), b'{"stepKey": null}')


@requirement("RETRY-09", shares="rejected")
@pytest.mark.parametrize("body", [b'{"mode": "full"', b"{mode: full}", b"\xff\xfe{}"])
def check_malformed_json_is_rejected(context: CheckContext, body: bytes) -> None:
    """422, and nothing changes."""
    check_refused(context, body, b'{"mode": "full"}')


@requirement("RETRY-10", shares="rejected")
@pytest.mark.parametrize("body", [b"[]", b'"full"', b"7", b"true"])
def check_non_object_body_is_rejected(context: CheckContext, body: bytes) -> None:
    """422, and nothing changes; null may stand for no body at all (Q17)."""
    check_refused(context, body, b"{}")


@requirement("RETRY-11")
@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING_LONG])
def check_an_unfinished_run_is_not_retried(context: CheckContext, state: State) -> None:
    """Check that the run is unchanged, with any response (Q03)."""
    run_id, before = still(context, state)
    response = require(context.api.retry(run_id, {"mode": "full"}), no_server_error)
    context.observe_status("Q03", response, REJECTIONS)
    after = context.snapshot(run_id)
    what = f"retrying a {before.run.get('status')} run changed"
    if why := unaffected(before.run, after.run):
        raise CheckFailed(f"{what} it: {why}")
    for step_before, step_after in zip(before.steps, after.steps, strict=True):
        if why := step_unaffected(step_before, step_after):
            raise CheckFailed(f"{what} a step: {why}")
    if progressed(before.run, after.run):
        # Only an untouched run shows whether it did so by itself.
        alone = context.api.run(context.runs.fresh(state))
        context.poller.tick()
        if not progressed(alone, context.api.run(alone["id"])):
            raise CheckFailed(
                f"{what} it: it is {after.run.get('status')}, and one left alone is not"
            )
        raise Inconclusive(
            f"the run went on by itself, to {after.run.get('status')}, while it was looked at: "
            f"provide a {state.value!r} that stays so for some seconds"
        )


@requirement("RETRY-12", wants=[State.COMPLETED])
@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELLED])
@pytest.mark.parametrize("mode", ["from_failed", "full"])
def check_retry_of_a_run_that_did_not_fail(context: CheckContext, state: State, mode: str) -> None:
    """Allowed or rejected (Q04): if rejected nothing changes, if accepted it runs."""
    run_id = context.runs.fresh(state)
    before = context.api.run(run_id)
    response = require(context.api.retry(run_id, {"mode": mode}), no_server_error)
    if success(response):
        observe_retry_of_unfailed(context, response, mode, state.value)
        require(response, client_error)
        check_not_changed(context, run_id, before)
        return
    again = context.api.run(rerun_id(context, run_id, response))
    if not is_finished(again) and not unchanged(before, again):
        context.observe(
            "Q04", observed=f"{response.summary} and nothing runs", exchange=response.exchange
        )
        raise CheckFailed(f"{response.summary} and nothing runs")
    observe_retry_of_unfailed(context, response, mode, state.value)


@requirement("RETRY-13", exclusive=True, wants=[State.FAILS_ONCE])
@pytest.mark.parametrize("mode", ["from_failed", "full"])
def check_many_retries_start_one_run(context: CheckContext, mode: str) -> None:
    """At the same moment, as if one after another: no server error, one attempt for each retry that
    was accepted, no run but those that are named, and each run ends once for each attempt."""
    run_id, before = failed_run(context)
    known = set(context.newest_runs())
    body = {"mode": mode}
    context.api.target.pacer.make_room(CALLERS)
    began = time.monotonic()
    responses = concurrently([partial(context.api.retry, run_id, body)] * CALLERS)
    took = time.monotonic() - began
    for response in responses:
        require(response, no_server_error)
    accepted = [str(a.object().get("id")) for a in responses if not success(a)]
    if not accepted:
        raise Inconclusive(f"no retry was accepted: {responses[0].summary}", caused_by="RETRY-01")
    current = context.api.run(run_id)
    if unnamed := created_since(context, known, current):
        check_nothing_else_creates(context, current)
        raise CheckFailed(
            f"{len(accepted)} retries were accepted, and made {len(unnamed)} runs more"
        )
    attempts = Counter(accepted)
    if (count := accepted.count(run_id)) > 1:
        late = context.api.retry(run_id, body)
        if not success(late):
            # If it is as if one came after another, it is accepted while the first is under way:
            # nothing starts again.
            under_way = is_finished(current) and took_longer(context, run_id, took)
            attempts[run_id] = 1 if under_way else count + 1
        elif is_finished(current) or took_longer(context, run_id, took):
            raise CheckFailed(
                f"{count} retries at the same moment were accepted for the same run, and one that "
                f"came later returned {late.status}",
                exchange=late.exchange,
            )
    for new in dict.fromkeys(accepted):
        context.runs.wait_until_readable(new)
        context.wait_for(partial(context.api.run, new), is_finished)
        again = by_key(context.steps(new))
        if set(again) != {step["key"] for step in before} or len(again) != len(before):
            raise CheckFailed("the run has other steps than before it was retried")
    check_one_end_per_attempt(
        context, {new: attempts[new] + (new == run_id) for new in dict.fromkeys(accepted)}
    )


@requirement("RETRY-14", wants=[State.FAILS_ONCE])
def check_an_unknown_run_cannot_be_retried(context: CheckContext) -> None:
    """404; a failed run can be."""
    require(context.api.retry(UNKNOWN_RUN, {}), status(404))
    retry_accepted(context, failed_run(context)[0], {})


@requirement("RETRY-15", exclusive=True, wants=[State.FAILS_ONCE])
def check_retried_run_is_listed(context: CheckContext) -> None:
    """The same run, or another one while the old one is unchanged (Q01)."""
    for last in (False, False, True):
        run_id, _ = failed_run(context)
        before, known = context.api.run(run_id), set(context.newest_runs())
        new = rerun_id(context, run_id, retry_accepted(context, run_id, {}))
        created = created_since(context, known, before)
        if not created:
            break
        check_nothing_else_creates(context, before, after_all=last)
        if last:
            raise CheckFailed(
                f"the retry names the run {new}, and {len(created)} more are in the list"
            )
    if context.listed(new)[0] is None:
        raise CheckFailed(f"the run {new} that runs again is not in the list")
    if new != run_id and (why := unchanged(before, context.api.run(run_id))):
        raise CheckFailed(f"the retry made another run and changed the old one: {why}")


@requirement("RETRY-16", wants=[State.FAILS_ONCE])
def check_a_null_step_key_is_accepted(context: CheckContext) -> None:
    """As good as none."""
    run_id, _ = failed_run(context)
    require(context.api.retry(run_id, {"mode": "from_failed", "stepKey": None}), success)


@requirement("RETRY-17", wants=[State.FAILS_ONCE])
def check_absent_body(context: CheckContext) -> None:
    """The same as an empty object, or refused (Q17)."""
    run_id, steps = settled_failed_run(context)
    response = require(context.api.retry(run_id), no_server_error)
    context.observe_status("Q17", response, {422: "invalid"} | dict.fromkeys(SUCCESSES, "defaults"))
    if not success(response):
        check_acts_as_from_failed(context, run_id, steps, response)


@requirement("RETRY-18", shares="retried")
def check_a_retried_run_can_complete(context: CheckContext) -> None:
    """Check that a step that failed once succeeds when it is retried."""
    new = retried_run(context).new
    last = context.wait_for(partial(context.api.run, new), is_finished)
    if last.get("status") != Status.COMPLETED:
        raise CheckFailed(f"the retried run is {last.get('status')} in the end")
    if last.get("error") is not None:
        raise CheckFailed("the run completed and still has the error of the attempt before")


@requirement("RETRY-18", shares="retried after cancel", since="1.1")
def check_a_run_retried_after_a_cancel_can_complete(context: CheckContext) -> None:
    """The cancel was for the attempt before: it does not end the new one."""
    retried = retried_after_cancel(context)
    if retried is not None and (left := retried.still_cancelled) is not None:
        context.steps(retried.new)
        raise CheckFailed(f"{left} is cancelled at the end, as it was before the retry")


@requirement("RETRY-19")
def check_a_malformed_id_cannot_be_retried(context: CheckContext) -> None:
    """A malformed id is a validation error, not a lookup."""
    require(context.api.retry(MALFORMED_RUN, {}), status(422))


@requirement("RETRY-20")
def check_retry_clears_the_previous_attempt(context: CheckContext) -> None:
    """Of the run or its steps, while they wait and run again."""
    run_id, before = failed_run(context)
    new = rerun_id(context, run_id, retry_accepted(context, run_id, {"mode": "full"}))
    seen = follow_attempt(context, new)
    for snapshot in seen:
        check_nothing_left(snapshot, by_key(before))
    if len(seen) == 1:
        raise Inconclusive(
            "the run ended again at once: provide a 'fails_once' of a second or more"
        )


@requirement("RETRY-21", shares="retried")
def check_response_shows_the_run_after_the_retry(context: CheckContext) -> None:
    """Where the run is the same, and the next read shows that it has changed."""
    if (retried := retried_run(context)).response_is_stale:
        context.api.run(retried.new)
        raise CheckFailed(f"{retried.response.summary} with the run as it was before")


@requirement("RETRY-22", shares="retried")
def check_each_step_runs_once(context: CheckContext) -> None:
    """Of a failed run that is retried: once in the new attempt, by times and by events."""
    retried = retried_run(context)
    context.steps(retried.new)
    check_steps_run_once(retried)


@requirement("RETRY-22", shares="retried after cancel")
def check_late_results_do_not_count(context: CheckContext) -> None:
    """Of a run that was cancelled at work and is retried at once: what still works for the attempt
    before ends none of its steps."""
    if (retried := retried_after_cancel(context)) is not None:
        check_steps_run_once(retried)
