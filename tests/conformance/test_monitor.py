"""What is held against runs and steps by themselves wherever they pass by, and what is let pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from conformance.assertions.invariants import dependencies_acyclic, duration_matches_times
from conformance.assertions.list_order import TiedRuns
from conformance.assertions.monitor import InvariantMonitor
from conformance.assertions.response_rules import RuleMonitor
from conformance.client.response import Response
from conformance.vocabulary import ROOT, Level

Json = dict[str, Any]
ALL = {"GET-05", "GET-06", "GET-07", "GET-08", "GET-09"}
ALL |= {"STEPS-03", "STEPS-04", "STEPS-05", "STEPS-06", "STEPS-07"}
STILL: Json = {"completedAt": None, "durationSeconds": None}


def at(seconds: float) -> str:
    """A moment of one day."""
    return f"2026-03-02T08:15:{seconds:06.3f}Z"


def a_run(**changed: object) -> Json:
    """A completed run, with other values in it."""
    times = {"createdAt": at(1.25), "startedAt": at(2.125), "completedAt": at(4.375)}
    reported = {"id": "r1", "status": "completed", "error": None, "durationSeconds": 2.25}
    return {**times, "updatedAt": at(4.375), **reported, **changed}


def a_step(key: str, start: float, *after: str, **changed: object) -> Json:
    """A step that took a second, with other values in it."""
    times = {"startedAt": at(start), "completedAt": at(start + 1), "durationSeconds": 1.0}
    return {"key": key, "status": "completed", "dependsOn": list(after)} | times | changed


def at_work(key: str, start: float, *after: str, **changed: object) -> Json:
    """A step that is not over."""
    return a_step(key, start, *after, **({"status": "running"} | STILL | changed))


def of(*steps: Json, **changed: object) -> Json:
    """The steps of a run, with their counts."""
    counts = {
        f"{word}Count": sum(step["status"] == word for step in steps)
        for word in ("completed", "failed", "pending", "running")
    }
    return {"automationRunId": "r1", "steps": list(steps)} | counts | changed


def response(path: str, body: Any, method: str = "GET", status: int = 200) -> Response:
    """JSON, or frames of a stream as bytes."""
    kind = "text/event-stream" if isinstance(body, bytes) else "application/json"
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(method, f"http://h{ROOT}{path}", status, {"content-type": kind}, raw, 0.0, 7)


def seen(given: Response) -> set[str]:
    """The requirements that are found broken in passing."""
    watch = RuleMonitor({}, ALL)
    InvariantMonitor(watch).observe(given)
    found = watch.take()
    assert {finding.exchange for finding in found.values()} <= {7}
    return set(found)


def event(run: Json, step: Json | None = None) -> bytes:
    """A frame that shows them."""
    data = {"run": run} | ({"step": step} if step else {})
    return f"data: {json.dumps({'event': 'x', 'data': data})}\n\n".encode()


SHOWN: Mapping[str, Callable[[Json], Response]] = {
    "run": lambda run: response("/r1", run),
    "page": lambda run: response("", {"items": [a_run(), run], "total": 2}),
    "cancel": lambda run: response("/r1/cancel", run, "POST"),
    "retry": lambda run: response("/r1/retry", run, "POST", 202),
    "event": lambda run: response("/r1/events", event(run)),
}


@pytest.mark.parametrize("where", SHOWN)
@pytest.mark.parametrize(
    ("wrong", "changed"),
    [
        ("GET-05", {"createdAt": "2026-03-02 08:15"}),
        ("GET-06", {"updatedAt": at(3)}),
        ("GET-07", {"durationSeconds": 0.038}),
        ("GET-07", {"durationSeconds": None}),
        ("GET-08", {"status": "cancelled", "completedAt": None}),
        ("GET-08", {"status": "running"}),
        ("GET-08", {"status": "pending"}),
        ("GET-09", {"error": {"code": "x"}}),
        ("GET-09", {"status": "failed"}),
    ],
)
def test_a_run_that_contradicts_itself_is_seen(where: str, wrong: str, changed: Json) -> None:
    """In every answer that shows it."""
    assert wrong in seen(SHOWN[where](a_run(**changed)))


@pytest.mark.parametrize(
    ("wrong", "body"),
    [
        ("STEPS-03", of(a_step("a", 3), completedCount=0)),
        ("STEPS-04", of(a_step("a", 3), a_step("a", 3))),
        ("STEPS-05", of(a_step("a", 3, "b"))),
        ("STEPS-05", of(a_step("a", 3, "a"))),
        ("STEPS-05", of(a_step("a", 3, "b"), a_step("b", 3, "a"))),
        ("STEPS-06", of(at_work("a", 3), at_work("b", 3.5, "a"))),
        ("STEPS-06", of(a_step("a", 3), at_work("b", 3.5, "a"))),
        ("STEPS-07", of(a_step("a", 3, completedAt=at(2)))),
        ("STEPS-07", of(a_step("a", 3, completedAt=None))),
        ("STEPS-07", of(a_step("a", 3.125, completedAt=at(4.375), durationSeconds=1.75))),
    ],
)
def test_steps_that_contradict_each_other_are_seen(wrong: str, body: Json) -> None:
    """In any answer that shows steps."""
    assert wrong in seen(response("/r1/steps", body))


def test_steps_in_events_are_looked_at() -> None:
    """Each by itself; the body of an event is not documented, so the level is inferred."""
    watch = RuleMonitor({}, ALL)
    run = a_run(**STILL, status="running")
    frames = event(run) + event(run, a_step("a", 3, completedAt=at(2)))
    InvariantMonitor(watch).observe(response("/r1/events", frames))
    (name, finding), *others = watch.take().items()
    assert (name, finding.level, others) == ("STEPS-07", Level.INFERRED, [])


@pytest.mark.parametrize(
    "given",
    [
        response("/r1", a_run()),
        response("/r1", a_run(error={"code": "x"}, status="failed")),
        # Absent is as good as null.
        response("/r1", {n: v for n, v in a_run().items() if v is not None}),
        # It waits again, and its first attempt has begun once.
        response(
            "/r1/retry", a_run(status="pending", completedAt=None, durationSeconds=None), "POST"
        ),
        # At work, its duration may grow.
        response("/r1", a_run(status="running", completedAt=None, durationSeconds=71.5)),
        # Zones and whole seconds.
        response("/r1", a_run(createdAt="2026-03-02T10:15:01+02:00")),
        response("/r1/steps", of()),
        response("/r1/steps", of(a_step("a", 3), at_work("b", 4, "a"))),
        # What comes again is not yet set back, or was kept from another run.
        response("/r1/steps", of(at_work("a", 9), a_step("b", 5, "a"))),
        # A branch that was not taken, and unknown statuses.
        response("/r1/steps", of(at_work("a", 3, "b"), {**at_work("b", 1), "status": "skipped"})),
        response("/r1/steps", of(at_work("a", 3, "b"), {**at_work("b", 1), "status": "passed on"})),
        # Broken in ways that are the business of others.
        response("/r1/steps", {"steps": [{"key": 1}, None]}),
        response("/r1/steps", of() | {"steps": [a_step("a", 3) | {"dependsOn": [{}]}]}),
        response("/r1", a_run(status=["completed"])),
        response("", {"items": [None, 7, {"status": "failed"}]}),
        response("", []),
        response("/r1/events", event({"id": "r1", "status": "completed"}, {"status": "failed"})),
        response("/r1/events", b"data: none\n\ndata: [1]\n\n"),
        response("/r1", a_run(durationSeconds=None), status=404),
        response("/r1", a_run(durationSeconds=None), "PUT"),
    ],
)
def test_what_is_let_pass(given: Response) -> None:
    """Whatever is legitimate in some backend, and whatever cannot be judged."""
    assert seen(given) == set()


def test_only_what_is_wanted_is_noted() -> None:
    """And each requirement once at a time, a few times at the most."""
    watch = RuleMonitor({}, {"STEPS-03"})
    agreement = InvariantMonitor(watch)
    taken = []
    for _ in range(5):
        agreement.observe(response("/r1", a_run(error={"code": "x"})))
        agreement.observe(response("/r1/steps", of(a_step("a", 3), a_step("a", 3), failedCount=4)))
        taken.append(sorted(watch.take()))
    assert taken == [["STEPS-03"]] * 3 + [[]] * 2


@pytest.mark.parametrize(
    ("start", "end", "reported", "fits"),
    [
        (at(2.125), at(3.025), 0.9, True),
        (at(2.125), at(3.025), 0.951, True),
        (at(2.125), at(3.025), 0.015, False),
        (at(2.125), at(3.025), 1.151, False),
        (at(2.125), at(3.025), -0.1, False),
        (at(2.125), at(3.025), True, False),
        (at(2.125), at(3.025), 10**400, False),
        (at(2.125), at(3.025), 1e999, False),
        # Rounded to whole seconds, either of them.
        (at(2.125), at(3.025), 1, True),
        (at(2.125), at(3.025), 0, True),
        (at(2.125), at(3.025), 1.0, True),
        (at(2.125), at(3.025), 2, False),
        ("2026-03-02T08:15:02Z", "2026-03-02T10:15:03+02:00", 1.989, True),
        ("2026-03-02T08:15:02.000Z", "2026-03-02T08:15:03.000Z", 0.011, True),
        ("2026-03-02T08:15:02Z", "2026-03-02T08:15:03Z", 2.1, False),
        # To tenths.
        ("2026-03-02T08:15:02.1Z", "2026-03-02T08:15:03.9Z", 1.98, True),
        ("2026-03-02T08:15:02.1Z", "2026-03-02T08:15:03.9Z", 2.11, False),
        # A twentieth, and never more than a second.
        (at(2.125), at(12.025), 10.3, True),
        (at(2.125), at(12.025), 10.699, False),
        ("2026-03-02T08:15:02.125Z", "2026-03-02T09:15:02.025Z", 3600.777, True),
        ("2026-03-02T08:15:02.125Z", "2026-03-02T09:15:02.025Z", 3600.999, False),
    ],
)
def test_a_duration_is_as_exact_as_it_is_reported(
    start: str, end: str, reported: object, fits: bool
) -> None:
    """What rounding explains, and a little that measuring twice does."""
    why = duration_matches_times(
        {"startedAt": start, "completedAt": end, "durationSeconds": reported}
    )
    assert (why is None) is fits, why


def test_many_steps_are_not_burden() -> None:
    """A chain of thousands is followed to its end, and found to be one or a circle."""
    chain = [a_step(str(n), 3, *([str(n - 1)] if n else [])) for n in range(5000)]
    assert dependencies_acyclic(chain) is None
    chain[0]["dependsOn"] = ["4999"]
    assert "in a circle" in str(dependencies_acyclic(chain))


@pytest.mark.parametrize(
    ("pages", "fault"),
    [
        (["abc", "abc"], False),
        (["abc", "ac"], False),  # One has another status now, and the page has a filter.
        (["abc", "xacb"], True),
        (["ab", "dc", "dbca"], True),
        (["bc", "abcd"], False),  # Others come in at both ends.
        (["abc", "aabc"], False),  # A run that is listed twice is another fault.
        (["abc", "b", "cb"], True),
    ],
)
def test_runs_of_one_moment_stay_in_order(pages: list[str], fault: bool) -> None:
    """However many pages come between."""
    tied = TiedRuns()
    runs = [[a_run(id=name) for name in page] for page in pages]
    assert any(tied.changed(page) is not None for page in runs) is fault


def test_runs_of_several_moments_may_change_their_order() -> None:
    """That is another requirement."""
    tied, moments = TiedRuns(), {"a": at(1), "b": at(2)}
    for page in ("ab", "ba"):
        assert tied.changed([a_run(id=name, createdAt=moments[name]) for name in page]) is None
