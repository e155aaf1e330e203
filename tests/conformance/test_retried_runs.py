"""What a service may do with the history of a run that it retries, and what it may not."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mock_process import DEFAULTS, behave
from mutants.events import forgets
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.checks.support.retry import (
    check_rerun,
    failed_step,
    first_step,
    steps_at,
)
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.vocabulary import Verdict

SEVEN = {"a": "", "b": "a", "c": "a", "d": "b c", "e": "a", "f": "d e", "g": "f"}


def test_ids_may_show_that_the_first_attempt_is_left_out(mock: str, judge: Judge) -> None:
    """A subscriber that resumes is not misled: no id of the first attempt comes again."""
    variant = Mutant("continued", (), forgets("continued", 1000))
    with serving(Proxy(mock, [variant])) as address:
        report = judge(f"{address}/continued", "EVENTS-17", token="test-continued")
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS]


def test_the_step_with_the_most_others_comes_first() -> None:
    """One with as many steps as possible that must be kept, or none that must."""
    steps = [{"key": key, "dependsOn": needs.split()} for key, needs in SEVEN.items()]
    assert steps_at(steps, "first") == ["a"]
    assert steps_at(steps, "middle")[0] == "e"
    assert set(steps_at(steps, "middle")) == {"b", "c", "d", "e", "f"}
    assert steps_at(steps, "last") == ["g"]


@pytest.mark.parametrize(
    ("status", "kept"),
    [("completed", True), ("failed", True), ("cancelled", False), ("skipped", False)],
)
def test_only_an_outcome_is_kept(status: str, kept: bool) -> None:
    """A failure may cancel the steps that run in parallel: these run again with the one that
    failed."""

    def step(key: str, status: str, start: str) -> dict[str, Any]:
        return {"key": key, "status": status, "startedAt": start}

    before = [
        step("a", "failed", "2026-03-02T08:15:01Z"),
        step("b", status, "2026-03-02T08:15:02Z"),
    ]
    after = [step(key, "completed", "2026-03-02T08:15:09Z") for key in ("a", "b")]
    poller = SimpleNamespace(wait_for_status=lambda *_: None)
    context = SimpleNamespace(poller=poller, api=None, steps=lambda _: after)
    with pytest.raises(CheckFailed) if kept else nullcontext():
        check_rerun(cast("CheckContext", context), "r", before, "r", {"a"})


def test_a_run_without_the_step_to_begin_with_is_the_matter_of_others() -> None:
    """A failed run that shows no failed step is not an error of the kit."""
    steps = [{"key": "a", "dependsOn": [], "status": "completed"}]
    assert first_step(steps) == "a"
    assert failed_step([*steps, {"key": "b", "dependsOn": ["a"], "status": "failed"}]) == "b"
    with pytest.raises(Inconclusive) as caught:
        failed_step(steps)
    assert caught.value.caused_by == "LIFE-03"
    with pytest.raises(Inconclusive) as caught:
        first_step([{"key": "a", "dependsOn": ["a"], "status": "completed"}])
    assert caught.value.caused_by == "STEPS-05"


@pytest.mark.parametrize(("ignored", "verdict"), [(2, Verdict.PASS), (3, Verdict.UNSUPPORTED)])
def test_a_run_may_complete_before_it_is_cancelled(
    ignored: int, verdict: Verdict, mock: str, judge: Judge
) -> None:
    """After responses to the cancel that promised nothing: others are tried, but not for ever."""
    left = ignored

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        nonlocal left
        if request.operation == "cancel" and left:
            left -= 1
            return await forward(request.to("get"))
        return await forward(request)

    with serving(Proxy(mock, [Mutant("late", (), mutate)])) as address:
        report = judge(f"{address}/late", "RETRY-22", token=f"test-late-{ignored}")
    verdicts = {result.check: result.verdict for result in report.entries[0].results}
    assert verdicts["check_late_results_do_not_count"] is verdict, report.entries[0].message


def test_runs_of_earlier_retries_may_be_listed_late(mock: str, judge: Judge) -> None:
    """Where a retry makes a run and the list lags, no other client is taken to have made it."""
    hidden: dict[str, int] = {}

    async def mutate(request: Request, forward: Forward, memory: Json) -> Response:
        reply = await forward(request)
        if request.operation == "retry" and reply.status < 300:
            hidden[reply.json()["id"]] = 2
        elif request.operation == "list" and reply.status == 200:
            page = reply.json()
            shown = [run for run in page["items"] if not hidden.get(run["id"])]
            for run in page["items"]:
                hidden[run["id"]] = max(0, hidden.get(run["id"], 0) - 1)
            total = page["total"] - len(page["items"]) + len(shown)
            return reply.put(page | {"items": shown, "total": total})
        return reply

    behave(mock, "test-listed-late", DEFAULTS | {"Q01": "new_run"})
    with serving(Proxy(mock, [Mutant("late", (), mutate)])) as address:
        report = judge(f"{address}/late", "RETRY-13", "RETRY-15", token="test-listed-late")
    assert hidden
    assert [entry.verdict for entry in report.entries] == [Verdict.PASS] * 2, [
        entry.message for entry in report.entries
    ]
