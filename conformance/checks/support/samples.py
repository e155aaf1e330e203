"""A run of each kind, for checks that only look at them: each run and its steps are read once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive, Unsupported
from conformance.harness.context import CheckContext
from conformance.vocabulary import Operation, State, Status

Body = dict[str, Any]
_SAMPLES = (
    (State.COMPLETED, None),
    (State.FAILS, Status.FAILED),
    (State.CANCELLED, None),
    (State.RUNNING_LONG, None),
    (State.PENDING, None),
)


def sample_runs(context: CheckContext) -> list[str]:
    """A run of each kind that can be had, to look at; Inconclusive if there is none."""
    found: list[str] = []
    for state, at in _SAMPLES:
        with contextlib.suppress(Inconclusive, Unsupported):
            found.append(context.runs.shared(state, at))
    if not found:
        raise Inconclusive("no run to read is provided")
    return found


def request(context: CheckContext, operation: Operation, run_id: str) -> Response:
    """Request the run or its steps, and keep the response for the checks that follow."""
    name = f"{operation.value} of {run_id}"
    context.cache.forget(name)
    return context.cache.once(name, lambda: context.api.request(operation, run_id))


def sampled(
    context: CheckContext,
    operation: Operation,
    wrong: Callable[[Body], str | None] = lambda body: None,
) -> list[Body]:
    """Return the run, or its steps and counts, of each kind that can be had. Raise CheckFailed with
    what is `wrong` in one."""
    read = context.api.run if operation is Operation.GET else context.api.steps
    found: list[Body] = []
    for run_id in sample_runs(context):
        body = _kept(context, operation, run_id) or read(run_id)
        if why := wrong(body):
            # It may have been read for another check: read it again, in this one.
            body = read(run_id)
            name = f"a {body.get('status')} run: " if operation is Operation.GET else ""
            raise CheckFailed(f"{name}{wrong(body) or why}")
        found.append(body)
    return found


def check_sampled_ids(context: CheckContext, operation: Operation, field: str) -> None:
    """Raise CheckFailed if this field of such a body is not the id of the run."""
    bodies = sampled(context, operation)
    for run_id, body in zip(sample_runs(context), bodies, strict=True):
        if body.get(field) != run_id:
            again = context.api.request(operation, run_id)
            raise CheckFailed(
                f"{operation.value} of {run_id} returns the {field} {body.get(field)!r}",
                exchange=again.exchange,
            )


def _kept(context: CheckContext, operation: Operation, run_id: str) -> Body | None:
    """Return the body that was kept, or read now to be kept; None if that failed."""
    name = f"{operation.value} of {run_id}"
    with contextlib.suppress(CheckFailed):
        response = context.cache.once(name, lambda: context.api.request(operation, run_id))
        if response.status == 200:
            return response.object()
    return None
