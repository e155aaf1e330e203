"""Requests are spent where they prove something: no run that has ended is cancelled at the end, and
what several checks need is asked for once."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from conformance.client.api import Api
from conformance.client.response import Response
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.cache import ObservationCache
from conformance.harness.polling import Poller
from conformance.harness.runs import RetriedRuns, Runs
from conformance.harness.settling import Settling
from conformance.provision.protocol import Provided, Provisioner, RealClock
from conformance.vocabulary import State

URL = "http://x/api/v1/automation-runs"
ENDED, RUNNING, NEW = "run-ended", "run-running", "run-new"


def response(method: str, path: str, run_id: str, status: str, code: int = 200) -> Response:
    """A response that shows a run."""
    body = json.dumps({"id": run_id, "status": status}).encode()
    headers = {"content-type": "application/json"}
    return Response(method, f"{URL}/{path}", code, headers, body, 0.0, 1)


def test_what_has_ended_is_known_from_the_last_response() -> None:
    runs = RetriedRuns()
    runs.observe(response("GET", ENDED, ENDED, "completed"))
    runs.observe(response("POST", f"{RUNNING}/cancel", RUNNING, "running"))
    runs.observe(response("GET", "other", NEW, "failed"))
    assert runs.ended == {ENDED}
    runs.observe(response("GET", ENDED, ENDED, "running"))
    assert runs.ended == set()
    runs.observe(response("POST", f"{ENDED}/cancel", ENDED, "cancelled"))
    assert runs.ended == {ENDED}


def test_a_retried_run_may_run_again_whatever_the_response_says() -> None:
    runs = RetriedRuns()
    for code in (200, 409, 500):
        runs.observe(response("GET", ENDED, ENDED, "failed"))
        assert runs.ended == {ENDED}
        runs.observe(response("POST", f"{ENDED}/retry", ENDED, "failed", code))
        assert runs.ended == set()
    runs.observe(response("POST", f"{ENDED}/retry", NEW, "completed"))
    assert runs.ids == [NEW]
    assert runs.ended == set()


class Tenant:
    """A provisioner and an API: of its runs the list shows those of even numbers as completed."""

    unlimited = True

    def __init__(self, *, has_list: bool = True) -> None:
        self.has_list = has_list
        self.ids: list[str] = []
        self.cancelled: list[str] = []

    def provide(self, state: State) -> Provided:
        self.ids.append(f"run-{len(self.ids)}")
        return Provided(self.ids[-1], may_change=True)

    def get_run(self, run_id: str) -> Response:
        return response("GET", run_id, run_id, "pending")

    def page(self, **query: int) -> dict[str, Any]:
        if not self.has_list:
            raise CheckFailed("500")
        even = [{"id": run_id, "status": "completed"} for run_id in self.ids[::2]]
        return {"items": even, "total": len(even)}

    def cancel(self, run_id: str) -> Response:
        self.cancelled.append(run_id)
        return response("POST", f"{run_id}/cancel", run_id, "cancelled")


def created(tenant: Tenant, retried: RetriedRuns, count: int) -> Runs:
    """The runs of this tenant, of which the kit has created so many."""
    poller = Poller(RealClock(), 1.0)
    api, provisioner = cast("Api", tenant), cast("Provisioner", tenant)
    runs = Runs(provisioner, api, poller, retried, Settling())
    runs.fresh_many(State.SUCCEEDS, None, count)
    return runs


def test_what_the_list_shows_as_finished_is_not_cancelled() -> None:
    """Unless it was retried: the list may lag."""
    tenant, retried = Tenant(), RetriedRuns()
    runs = created(tenant, retried, 8)
    retried.observe(response("POST", "run-2/retry", "run-2", "pending"))
    runs.clean_up()
    assert tenant.cancelled == ["run-1", "run-2", "run-3", "run-5", "run-7"]


@pytest.mark.parametrize(("has_list", "count"), [(False, 8), (True, 3)])
def test_all_are_cancelled_without_a_list(has_list: bool, count: int) -> None:
    """Or if there are few."""
    tenant = Tenant(has_list=has_list)
    created(tenant, RetriedRuns(), count).clean_up()
    assert tenant.cancelled == tenant.ids


def test_an_observation_that_was_used_up_is_made_again() -> None:
    cache, seen = ObservationCache(), list[int]()

    def observe() -> int:
        seen.append(len(seen))
        if len(seen) == 2:
            raise Inconclusive("not now")
        return seen[-1]

    assert (cache.once("run", observe), cache.once("run", observe)) == (0, 0)
    for name in ("run", "none"):
        cache.forget(name)
    for _ in range(2):
        with pytest.raises(Inconclusive):
            cache.once("run", observe)
    cache.forget("run")
    assert cache.once("run", observe) == 2
