"""Compare the response to the cancel of a pending run with a read at once after it. A cancel that
is carried out later has no effect yet at the moment of that read, unless the read was slow."""

from __future__ import annotations

import time

from conformance.assertions.matchers import success
from conformance.client.response import Response
from conformance.errors import Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import State, Status

# How many responses have to be stale, of at most how many cancels, and in how many seconds the run
# has to be read.
COUNT = 3
_MAX_CANCELS = 6
_AT_ONCE = 0.1


def stale_response(context: CheckContext) -> Response | None:
    """Return the last of several responses that show the run as it was before; None for the first
    that does not.

    Raise Inconclusive if a cancel is not accepted, or if reads are too slow.
    """
    stale = 0
    for _ in range(_MAX_CANCELS):
        run_id = context.runs.fresh(State.PENDING)
        response = context.api.cancel(run_id)
        if success(response):
            raise Inconclusive(
                f"the cancel was not accepted: {response.summary}", caused_by="CANCEL-01"
            )
        if response.object().get("status") != Status.PENDING:
            return None
        began = time.monotonic()
        if context.api.run(run_id).get("status") != Status.CANCELLED:
            return None
        # A clock that is moved does not move between the two.
        stale += not context.poller.real_time or time.monotonic() - began < _AT_ONCE
        if stale == COUNT:
            return response
    raise Inconclusive("reads are too slow to distinguish a stale response from a later cancel")
