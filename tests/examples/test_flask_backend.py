"""The Flask backend: what becomes of runs, over HTTP and in real time."""

import contextlib
import json
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from backend_caller import CALLERS, FINISHED, RUNS, Caller, at_once, fits
from flask_process import BackendProcess


class TestLife:
    """What becomes of a run."""

    def test_a_run_whose_steps_succeed_completes(self, acme: Caller) -> None:
        """It goes pending, running, completed; list, run, steps and events say the same."""
        run_id = acme.new("succeeds")
        reported = list(acme.follow(run_id))
        assert [event.event for event in reported if event.event.startswith("run.")] == [
            "run.created",
            "run.started",
            "run.completed",
        ]
        assert [int(event.id) for event in reported] == list(range(1, len(reported) + 1))
        for event in reported:
            assert fits("RunEvent", json.loads(event.data))["event"] == event.event
        run = fits("Run", acme.run(run_id))
        assert run == json.loads(reported[-1].data)["data"]["run"]
        assert run in fits("RunPage", acme.http.get(RUNS, params={"limit": 1000}).json())["items"]
        last = {
            e["key"]: e for e in (json.loads(t.data)["data"].get("step") for t in reported) if e
        }
        assert last == acme.steps(run_id)
        assert {step["status"] for step in last.values()} == {"completed"}

    def test_a_step_that_fails_ends_the_run(self, acme: Caller) -> None:
        """Both have the error, and nothing behind the step runs."""
        run_id = acme.finished("fails")
        run, steps = fits("Run", acme.run(run_id)), acme.steps(run_id)
        assert run["status"] == "failed"
        assert run["error"] == steps["load"]["error"] | {"stepKey": "load"}
        assert steps["notify"]["status"] == "cancelled"
        assert steps["notify"]["startedAt"] is None

    def test_steps_start_once_all_they_depend_on_have_completed(self, acme: Caller) -> None:
        """And those that do not depend on each other run side by side, within the run's times."""
        run_id = acme.finished("diamond")
        run, steps = acme.run(run_id), acme.steps(run_id)
        for step in steps.values():
            assert run["startedAt"] <= step["startedAt"] <= step["completedAt"]
            assert step["completedAt"] <= run["completedAt"]
            assert all(steps[key]["completedAt"] <= step["startedAt"] for key in step["dependsOn"])
        assert steps["prices"]["startedAt"] == steps["stock"]["startedAt"]
        assert steps["report"]["dependsOn"] == ["prices", "stock"]

    def test_counts_are_those_of_the_steps(self, acme: Caller) -> None:
        """Whatever the run is doing."""
        for automation in ("pending", "running_long", "succeeds", "fails"):
            run_id = acme.new(automation)
            if automation == "running_long":
                acme.until(run_id, "step.started")
            elif automation != "pending":
                acme.end(run_id)
            answer = fits("RunSteps", acme.http.get(f"{RUNS}/{run_id}/steps").json())
            states = [step["status"] for step in answer["steps"]]
            for status in ("pending", "running", "completed", "failed"):
                assert answer[f"{status}Count"] == states.count(status)

    def test_updated_at_goes_forward_only(self, acme: Caller) -> None:
        """From event to event."""
        events = [
            json.loads(reported.data)["data"] for reported in acme.follow(acme.new("diamond"))
        ]
        moments = [event["run"]["updatedAt"] for event in events]
        assert all(earlier <= later for earlier, later in pairwise(moments))


class TestRetry:
    """Another run that does again what is asked for."""

    @pytest.mark.parametrize(
        ("body", "again"),
        [
            ({}, {"load", "notify"}),
            ({"mode": "from_failed", "stepKey": None}, {"load", "notify"}),
            (
                {"mode": "from_step", "stepKey": "extract"},
                {"extract", "transform", "load", "notify"},
            ),
            ({"mode": "from_step", "stepKey": "transform"}, {"transform", "load", "notify"}),
            ({"mode": "from_step", "stepKey": "notify"}, {"load", "notify"}),
            ({"mode": "full"}, {"extract", "transform", "load", "notify"}),
        ],
    )
    def test_what_is_not_done_again_is_kept(
        self, acme: Caller, body: dict[str, Any], again: set[str]
    ) -> None:
        """What has not completed, what was chosen and all behind it runs; the old run stays."""
        old_id = acme.finished("fails_once")
        old, before = acme.run(old_id), acme.steps(old_id)
        answer = acme.retry(old_id, **body)
        new_id = fits("Run", answer.json())["id"]
        assert answer.headers["location"] == f"{RUNS}/{new_id}"
        assert acme.end(new_id)["status"] == "completed"
        after = acme.steps(new_id)
        for key, step in after.items():
            assert step["status"] == "completed"
            assert (step == before[key]) == (key not in again)
        assert acme.run(old_id) == old
        assert acme.steps(old_id) == before

    def test_of_retries_at_once_no_two_runs_overlap(self, acme: Caller) -> None:
        """One is accepted, the others name it; only once its run has finished may another
        be, which on a slow machine can happen while the callers are still at it."""
        old_id = acme.finished("fails")
        total = acme.http.get(RUNS).json()["total"]
        answers = at_once([partial(acme.retry, old_id)] * CALLERS)
        assert {answer.status_code for answer in answers} <= {202, 400}
        new_ids = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        assert acme.http.get(RUNS).json()["total"] == total + len(new_ids)
        runs = sorted((acme.end(new_id) for new_id in new_ids), key=lambda run: run["createdAt"])
        assert runs
        for earlier, later in pairwise(runs):
            assert earlier["completedAt"] <= later["createdAt"]
        rejections = [answer.json()["detail"] for answer in answers if answer.status_code == 400]
        assert all(any(new_id in rejection for new_id in new_ids) for rejection in rejections)
        assert acme.retry(old_id).status_code == 202


class TestCancel:
    """What stops."""

    def test_nothing_runs_after_it(self, acme: Caller) -> None:
        """The running step ends when it has tidied up, and no other starts."""
        run_id = acme.new("running_long")
        acme.until(run_id, "step.started")
        acme.cancel(run_id)
        run, steps = acme.end(run_id), acme.steps(run_id)
        assert run["status"] == "cancelled"
        assert run["error"] is None
        assert [step["status"] for step in steps.values()] == ["cancelled"] * 4
        assert [key for key, step in steps.items() if step["startedAt"]] == ["extract"]

    @pytest.mark.parametrize("automation", ["pending", "running_long"])
    def test_cancels_at_once_have_one_outcome(self, acme: Caller, automation: str) -> None:
        """It is reported once."""
        run_id = acme.new(automation)
        if automation == "running_long":
            acme.until(run_id, "step.started")
        answers = at_once([partial(acme.cancel, run_id)] * CALLERS)
        assert {answer.status_code for answer in answers} <= {200, 202}
        acme.end(run_id)
        ends = [e.event for e in acme.follow(run_id) if e.event.removeprefix("run.") in FINISHED]
        assert ends == ["run.cancelled"]

    @pytest.mark.parametrize("key", ["extract", "notify"])
    def test_a_cancel_against_completion_has_one_winner(self, acme: Caller, key: str) -> None:
        """202 is kept: no step starts and the run is cancelled. 200 says that it had completed."""

        def race(delay: int) -> None:
            run_id = acme.new("succeeds")
            answer = None
            kinds = []
            for event in acme.follow(run_id):
                kinds.append(event.event)
                if answer is None and f'"key": "{key}"' in event.data:
                    for _ in range(delay):
                        acme.run(run_id)
                    answer = acme.cancel(run_id)
            expected = {200: "completed", 202: "cancelled"}[answer.status_code]
            assert [kind for kind in kinds if kind.removeprefix("run.") in FINISHED] == [
                f"run.{expected}"
            ]
            assert acme.run(run_id)["status"] == expected
            assert [event.event for event in acme.follow(run_id)] == kinds
            reported = answer.json()
            moment = after(reported["startedAt"], reported["durationSeconds"])
            starts = [step["startedAt"] for step in acme.steps(run_id).values()]
            assert all(datetime.fromisoformat(start) <= moment for start in starts if start)

        at_once(partial(race, delay) for delay in range(CALLERS))


class TestStream:
    """Following a run."""

    def test_two_subscribers_hear_the_same(self, acme: Caller) -> None:
        """Whenever they come, and though a third has left in between."""
        run_id = acme.new("diamond")

        def hear() -> list[tuple[str, str, str]]:
            return [(event.id, event.event, event.data) for event in acme.follow(run_id)]

        def leave() -> None:
            acme.until(run_id, "run.started")

        first, second, _ = at_once([hear, hear, leave])
        assert first == second == hear()

    @pytest.mark.parametrize("automation", ["succeeds", "running_long"])
    def test_it_goes_on_where_a_subscriber_stopped(self, acme: Caller, automation: str) -> None:
        """No event is lost and none comes twice."""
        run_id = acme.new(automation)
        acme.until(run_id, "step.started")
        if automation == "running_long":
            acme.cancel(run_id)
        numbers = [int(event.id) for event in acme.follow(run_id, after=2)]
        assert numbers == list(range(3, len(numbers) + 3))

    def test_a_subscriber_that_has_heard_the_end_is_reported_to_stop(self, acme: Caller) -> None:
        """204 ends an EventSource; a number that never was starts from the beginning."""
        run_id = acme.finished("succeeds")
        *_, last = acme.follow(run_id)
        past = {"Last-Event-ID": last.id}
        assert acme.http.get(f"{RUNS}/{run_id}/events", headers=past).status_code == 204
        for odd in ("999", "-1", "x", "9" * 400):
            answer = acme.http.get(f"{RUNS}/{run_id}/events", headers={"Last-Event-ID": odd})
            assert answer.text.startswith("id: 1\n")

    def test_it_is_never_silent_for_long(self, acme: Caller) -> None:
        """Nothing happens to a pending run, and still there are comments."""
        run_id = acme.new("pending")
        with acme.http.stream("GET", f"{RUNS}/{run_id}/events") as stream:
            assert stream.headers["cache-control"] == "no-cache"
            comments = (line for line in stream.iter_lines() if line.startswith(":"))
            assert next(comments) == next(comments)

    def test_ctrl_c_ends_it_and_the_service(self) -> None:
        """The stream is closed as it should be, and the process says nothing."""
        with (
            BackendProcess() as process,
            contextlib.closing(Caller(process.url, authorization="Bearer acme-key").http) as http,
        ):
            run_id = http.post("/internal/trigger", json={"automation": "pending"}).json()["id"]
            with http.stream("GET", f"{RUNS}/{run_id}/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "id: 1"
                assert process.interrupt() == 0
                assert not any(line.startswith("id:") for line in lines)
            assert process.errors() == ""


def after(moment: str, seconds: float) -> datetime:
    """The moment that comes so much later."""
    return datetime.fromisoformat(moment) + timedelta(seconds=seconds)
