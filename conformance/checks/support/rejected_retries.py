"""Retries that must be rejected: they share a failed run, which is as it was after each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.assertions.matchers import client_error, require, status, success
from conformance.checks.support.retry import check_not_changed
from conformance.errors import Inconclusive, Outcome
from conformance.harness.context import CheckContext
from conformance.vocabulary import Operation, State, Status

# Names that every object of JavaScript or Python has.
_OWN_NAMES = ("constructor", "__proto__", "__class__")
_RUN = "run for rejected retries"


@contextmanager
def rejected_run(context: CheckContext) -> Iterator[dict[str, Any]]:
    """Provide the failed run as it was read; another one after a check that failed."""
    run = context.cache.once(_RUN, lambda: _failed_run(context))
    try:
        yield run
    except Outcome:
        context.cache.forget(_RUN)
        raise


def check_refused(context: CheckContext, body: bytes, control: bytes) -> None:
    """422 and nothing changed for `body`; `control` is accepted for such a run."""
    with rejected_run(context) as before:
        require(context.api.request(Operation.RETRY, before["id"], raw=body), status(422))
        check_not_changed(context, before["id"], before)
    check_control(context, control)


def check_unknown_keys_refused(context: CheckContext) -> None:
    """A client error and nothing changed for keys that no step of the run has."""
    with rejected_run(context) as before:
        keys = [step["key"] for step in context.steps(before["id"])]
        resembling = [keys[0].swapcase(), keys[0][:-1], f"{keys[0]}\u0301", *_OWN_NAMES]
        for key in (each for each in resembling if each and each not in keys):
            body = {"mode": "from_step", "stepKey": key}
            require(context.api.retry(before["id"], body), client_error)
        check_not_changed(context, before["id"], before)


def check_accepted_as(context: CheckContext, media_type: str, body: bytes) -> None:
    """A retry is accepted with this media type, if it is with the one of the contract."""
    run_id = context.runs.fresh(State.FAILS_ONCE, Status.FAILED)
    headers = {"Content-Type": media_type}
    response = context.api.request(Operation.RETRY, run_id, raw=body, headers=headers)
    if success(response):
        check_control(context, body)
        require(response, success)


def check_control(context: CheckContext, body: bytes) -> None:
    """Raise Inconclusive if a retry of a failed run is not accepted with this body; each body is
    tried once."""
    why = context.cache.once(f"retry with {body!r}", lambda: _rejection(context, body))
    if why:
        raise Inconclusive(f"what should be accepted is refused as well: {why}")


def _failed_run(context: CheckContext) -> dict[str, Any]:
    return context.api.run(context.runs.fresh(State.FAILS_ONCE, Status.FAILED))


def _rejection(context: CheckContext, body: bytes) -> str | None:
    run_id = context.runs.fresh(State.FAILS_ONCE, Status.FAILED)
    return success(context.api.request(Operation.RETRY, run_id, raw=body))
