"""A response to a cancel is stale only if reads at once after it show the cancelled run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest

from conformance.checks.support import stale_cancel
from conformance.client.response import Response
from conformance.errors import Inconclusive
from conformance.harness.context import CheckContext


def context(response: str, *reads: str, real_time: bool = True) -> CheckContext:
    """A context whose cancels show this status, and whose reads show these one after the other."""
    shown, seen = json.dumps({"id": "a", "status": response}).encode(), iter(reads)
    api = SimpleNamespace(
        cancel=lambda run_id: Response("POST", "http://x/a/cancel", 200, {}, shown, 0.0, 1),
        run=lambda run_id: {"id": run_id, "status": next(seen)},
    )
    runs = SimpleNamespace(fresh=lambda state: "a")
    poller = SimpleNamespace(real_time=real_time)
    return cast("CheckContext", SimpleNamespace(api=api, runs=runs, poller=poller))


@pytest.mark.parametrize(
    ("response", "reads"),
    [("cancelled", []), ("pending", ["pending"]), ("pending", ["cancelled", "pending"])],
)
def test_a_cancel_that_is_carried_out_later_is_not_stale(response: str, reads: list[str]) -> None:
    """It was not carried out when the run was read."""
    assert stale_cancel.stale_response(context(response, *reads)) is None


def test_several_responses_of_before_are_stale() -> None:
    """The last of them is returned."""
    found = stale_cancel.stale_response(context("pending", *["cancelled"] * 3, real_time=False))
    assert found is not None


def test_slow_reads_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later cancel may have been carried out by then."""
    monkeypatch.setattr(stale_cancel, "_AT_ONCE", 0.0)
    with pytest.raises(Inconclusive):
        stale_cancel.stale_response(context("pending", *["cancelled"] * 6))
