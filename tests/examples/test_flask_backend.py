"""The Flask backend over HTTP, as a process of its own, in real time."""

import ast
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import yaml
from backend_process import PATIENCE, RUNS, TOP, BackendProcess, Caller

FOLDER = TOP / "examples" / "flask_backend"
CONTRACT = yaml.safe_load((TOP / "openapi.yaml").read_text(encoding="utf-8"))
BEHAVIOUR = yaml.safe_load((FOLDER / "behaviour.yaml").read_text(encoding="utf-8"))
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FINISHED = {"completed", "failed", "cancelled"}
CALLERS = 8


def modern(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the terms of JSON Schema."""
    if isinstance(node, list):
        return [modern(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: modern(value) for key, value in node.items()}
    if schema.pop("nullable", False):
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


SCHEMAS = modern(CONTRACT["components"]["schemas"])


def fits(name: str, value: Any) -> Any:
    """The value, which is what the contract says of this name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(value)
    return value


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """What the calls give, made at the same time."""
    with ThreadPoolExecutor(CALLERS) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(call) for call in calls]]


def after(moment: str, seconds: float) -> datetime:
    """The moment that comes so much later."""
    return datetime.fromisoformat(moment) + timedelta(seconds=seconds)


class TestLife:
    """What becomes of a run."""

    def test_a_run_whose_steps_succeed_completes(self, acme: Caller) -> None:
        """It goes pending, running, completed; list, run, steps and events say the same."""
        run_id = acme.new("succeeds")
        told = list(acme.follow(run_id))
        assert [event.event for event in told if event.event.startswith("run.")] == [
            "run.created",
            "run.started",
            "run.completed",
        ]
        assert [int(event.id) for event in told] == list(range(1, len(told) + 1))
        for event in told:
            assert fits("RunEvent", json.loads(event.data))["event"] == event.event
        run = fits("Run", acme.run(run_id))
        assert run == json.loads(told[-1].data)["data"]["run"]
        assert run in fits("RunPage", acme.http.get(RUNS, params={"limit": 1000}).json())["items"]
        last = {e["key"]: e for e in (json.loads(t.data)["data"].get("step") for t in told) if e}
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
        events = [json.loads(told.data)["data"] for told in acme.follow(acme.new("diamond"))]
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

    def test_of_retries_at_once_one_creates_a_run(self, acme: Caller) -> None:
        """The others are told of it; once it has finished, the old run can be retried again."""
        old_id = acme.finished("fails")
        total = acme.http.get(RUNS).json()["total"]
        answers = at_once([partial(acme.retry, old_id)] * CALLERS)
        assert sorted(answer.status_code for answer in answers) == [202] + [400] * (CALLERS - 1)
        (new_id,) = (answer.json()["id"] for answer in answers if answer.status_code == 202)
        refusals = [answer.json()["detail"] for answer in answers if answer.status_code == 400]
        assert all(new_id in refusal for refusal in refusals)
        assert acme.http.get(RUNS).json()["total"] == total + 1
        acme.end(new_id)
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
        """It is told once."""
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
            told = answer.json()
            moment = after(told["startedAt"], told["durationSeconds"])
            starts = [step["startedAt"] for step in acme.steps(run_id).values()]
            assert all(datetime.fromisoformat(start) <= moment for start in starts if start)

        at_once(partial(race, delay) for delay in range(CALLERS))


class TestStream:
    """Following a run."""

    def test_two_readers_hear_the_same(self, acme: Caller) -> None:
        """Whenever they come, and though a third has left in between."""
        run_id = acme.new("diamond")

        def hear() -> list[tuple[str, str, str]]:
            return [(event.id, event.event, event.data) for event in acme.follow(run_id)]

        def leave() -> None:
            acme.until(run_id, "run.started")

        first, second, _ = at_once([hear, hear, leave])
        assert first == second == hear()

    @pytest.mark.parametrize("automation", ["succeeds", "running_long"])
    def test_it_goes_on_where_a_reader_stopped(self, acme: Caller, automation: str) -> None:
        """No event is lost and none comes twice."""
        run_id = acme.new(automation)
        acme.until(run_id, "step.started")
        if automation == "running_long":
            acme.cancel(run_id)
        numbers = [int(event.id) for event in acme.follow(run_id, after=2)]
        assert numbers == list(range(3, len(numbers) + 3))

    def test_a_reader_that_has_heard_the_end_is_told_to_stop(self, acme: Caller) -> None:
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


class TestCallers:
    """Who may do what."""

    @pytest.mark.parametrize(
        "credential",
        [
            {"authorization": "Bearer acme-key"},
            {"authorization": "bearer  acme-key"},
            {"x-api-key": "acme-key"},
            {"cookie": "theme=dark; vai_token=acme-key"},
        ],
    )
    def test_each_credential_is_enough(
        self, acme: Caller, stranger: Caller, credential: dict[str, str]
    ) -> None:
        """In any of the three places."""
        run_id = acme.new("pending")
        answer = stranger.http.get(f"{RUNS}/{run_id}", headers=credential)
        assert answer.json()["tenantId"] == "acme"

    @pytest.mark.parametrize(
        "credential",
        [
            {},
            {"authorization": "Bearer nobody"},
            {"authorization": "Basic acme-key"},
            {"authorization": "acme-key"},
            {"authorization": "", "x-api-key": "acme-key"},
            {"x-api-key": "nobody"},
            {"cookie": "vai_token=nobody"},
        ],
    )
    def test_a_stranger_learns_and_changes_nothing(
        self, acme: Caller, stranger: Caller, credential: dict[str, str]
    ) -> None:
        """401 everywhere, whatever else is wrong, and the run goes on."""
        run_id = acme.new("pending")
        before = acme.run(run_id)
        for method, path in operations(run_id) + operations("no-uuid") + operations(UNKNOWN):
            answer = stranger.http.request(method, path, headers=credential, content=b"{")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["detail"] == "A valid credential is needed."
        assert acme.run(run_id) == before

    def test_tenants_do_not_meet(self, acme: Caller, globex: Caller) -> None:
        """One neither sees nor changes what the other has."""
        run_id = acme.new("pending")
        before = acme.run(run_id)
        for method, path in operations(run_id)[1:]:
            assert globex.http.request(method, path).status_code == 403
        globex.new("pending")
        page = globex.http.get(RUNS, params={"limit": 1000}).json()
        assert {run["tenantId"] for run in page["items"]} == {"globex"}
        assert acme.run(run_id) == before


class TestRequests:
    """What is asked for badly is told, as it is documented; nothing is a server error."""

    def test_pages_join_up_to_the_list(self, acme: Caller) -> None:
        """Whatever their size, and `total` is that of all pages, or of one status."""
        for automation in ("pending", "succeeds", "running_long"):
            acme.new(automation)
        whole = acme.http.get(RUNS, params={"limit": 1000}).json()
        total = whole["total"]
        pages = [
            acme.http.get(RUNS, params={"limit": 2, "offset": offset}).json()
            for offset in range(0, total + 2, 2)
        ]
        assert {page["total"] for page in pages} == {total}
        ids = [run["id"] for run in whole["items"]]
        assert [run["id"] for page in pages for run in page["items"]] == ids
        assert len(set(ids)) == total
        cancelled = acme.http.get(RUNS, params={"status": "cancelled", "limit": 1}).json()
        assert cancelled["total"] == [r["status"] for r in whole["items"]].count("cancelled")

    @pytest.mark.parametrize(
        ("query", "faulty"),
        [
            ("limit=1001", ["limit"]),
            ("limit=0", ["limit"]),
            ("limit=&offset=-1&status=", ["status", "limit", "offset"]),
            ("limit=1_0", ["limit"]),
            ("limit=%207", ["limit"]),
            ("limit=NaN", ["limit"]),
            ("limit=%D9%A3", ["limit"]),
            ("limit=" + "9" * 5000, ["limit"]),
            ("limit=1&limit=x", ["limit"]),
            ("offset=1.5", ["offset"]),
            ("status=%FF", ["status"]),
            ("limit=1000&offset=0&status=failed&unknown=%00", []),
            ("offset=9223372036854775808", []),
            ("status=x&status=failed", []),
        ],
    )
    def test_what_is_wrong_with_a_query(self, acme: Caller, query: str, faulty: list[str]) -> None:
        """Every parameter that is wrong is named."""
        answer = acme.http.get(f"{RUNS}?{query}")
        assert answer.status_code == (422 if faulty else 200)
        if faulty:
            detail = fits("ValidationError", answer.json())["detail"]
            assert [fault["loc"] for fault in detail] == [["query", name] for name in faulty]

    @pytest.mark.parametrize(
        ("body", "faulty"),
        [
            (b"null", ["body"]),
            (b"[]", ["body"]),
            (b'{"mode": "full"', ["body"]),
            (b"\xff\xfe{}", ["body"]),
            (b"\xef\xbb\xbf{}", ["body"]),
            ("{}".encode("utf-16"), ["body"]),
            (b"[" * 60_000, ["body"]),
            (b"1" * 5000, ["body"]),
            (b'{"mode": NaN}', ["body"]),
            (b'{"mode": null, "stepKey": 5}', ["body.mode", "body.stepKey"]),
            (b'{"mode": ["full"]}', ["body.mode"]),
            (b'{"mode": "\\ud800"}', ["body.mode"]),
            (b'{"mode": "from_step"}', ["body.stepKey"]),
            (b'{"mode": "from_step", "stepKey": "\\ud800"}', ["body.stepKey"]),
        ],
    )
    @pytest.mark.parametrize("chunked", [False, True])
    def test_what_is_wrong_with_a_body(
        self, acme: Caller, body: bytes, faulty: list[str], chunked: bool
    ) -> None:
        """Every part that is wrong is named, and no run comes of it."""
        run_id = acme.new("pending")
        total = acme.http.get(RUNS).json()["total"]
        answer = acme.http.post(
            f"{RUNS}/{run_id}/retry",
            content=iter([body[:1], body[1:]]) if chunked else body,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 422
        detail = fits("ValidationError", answer.json())["detail"]
        assert [".".join(fault["loc"]) for fault in detail] == faulty
        assert acme.http.get(RUNS).json()["total"] == total

    @pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", ";;;"])
    def test_a_body_that_is_not_called_json_is_refused(self, acme: Caller, kind: str) -> None:
        """Although it is."""
        path = f"{RUNS}/{acme.new('pending')}/retry"
        answer = acme.http.post(path, content=b"{}", headers={"content-type": kind})
        assert answer.json()["detail"][0]["loc"] == ["header", "content-type"]

    @pytest.mark.parametrize("run_id", ["x", "%00", "%FF", UNKNOWN.replace("-", ""), f"{UNKNOWN}0"])
    def test_an_id_that_is_no_uuid_is_refused(self, acme: Caller, run_id: str) -> None:
        """By every operation that takes one."""
        for method, path in operations(run_id)[1:]:
            answer = acme.http.request(method, path)
            assert answer.status_code == 422
            assert fits("ValidationError", answer.json())["detail"][0]["loc"] == ["path", "run_id"]

    def test_an_id_is_the_same_in_capitals(self, acme: Caller) -> None:
        """A UUID has no case."""
        run_id = acme.new("pending")
        assert acme.run(run_id.upper())["id"] == run_id

    def test_what_is_not_there_is_not_found(self, acme: Caller) -> None:
        """A run, or a path; the problem is told in JSON."""
        paths = [path for method, path in operations(UNKNOWN)[1:] if method == "GET"]
        for path in [*paths, "/", f"{RUNS}/", f"{RUNS}//steps", f"{RUNS}/{UNKNOWN}/nothing"]:
            assert problem(acme.http.get(path)) == 404
        assert problem(acme.cancel(UNKNOWN)) == 404
        assert problem(acme.retry(UNKNOWN)) == 404

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
    def test_other_methods_are_not_allowed(self, acme: Caller, method: str) -> None:
        """And the answer says which are."""
        for allowed, path in operations(acme.new("pending")):
            answer = acme.http.request(method, path)
            assert problem(answer) == 405
            assert allowed in answer.headers["allow"].split(", ")

    @pytest.mark.parametrize(
        "said",
        [
            b"\x00\xff garbage\r\n\r\n",
            b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: [\xff\r\nCookie: ;=\xff\r\n\r\n",
            b"POST {retry}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
            b"POST {retry}Content-Length: -5\r\n\r\n{}",
            b"POST {retry}Content-Length: 99999999999\r\n\r\n{}",
            b"POST {retry}Content-Length: 70000\r\n\r\n" + b" " * 70_000,
            b"POST {retry}Content-Length: 10\r\n\r\n{}",
        ],
    )
    def test_what_is_hardly_http_is_a_client_error(
        self, backend: BackendProcess, acme: Caller, said: bytes
    ) -> None:
        """In JSON, and the service goes on."""
        run_id = acme.new("pending")
        retry = (
            f"{RUNS}/{run_id}/retry HTTP/1.1\r\nHost: x\r\nX-API-Key: acme-key\r\n"
            "Content-Type: application/json\r\n"
        )
        head, _, body = heard(backend.url, said.replace(b"{retry}", retry.encode()))
        assert head.startswith(b"HTTP/1.1 4"), head
        assert json.loads(body)["detail"]
        assert acme.run(run_id)["status"] == "pending"


class TestQuestions:
    """What the contract leaves open, and how this backend answers it."""

    def test_it_answers_as_it_says(self, acme: Caller, globex: Caller, stranger: Caller) -> None:
        """Every line of behaviour.yaml is what is observed."""
        observed = dict(sorted(observe(acme, globex, stranger)))
        assert observed == BEHAVIOUR

    def test_the_readme_tells_the_same(self) -> None:
        """The table is the file."""
        readme = (FOLDER / "README.md").read_text(encoding="utf-8")
        rows = [row.strip("| ").split(" | ") for row in readme.splitlines() if row[:3] == "| Q"]
        assert {row[0]: row[2] for row in rows} == BEHAVIOUR


class TestCommand:
    """Starting it."""

    @pytest.mark.parametrize(
        ("options", "value"),
        [
            (["--port", "70000"], "70000"),
            (["--port", "http"], "http"),
            (["--speed", "0"], "0"),
            (["--speed", "nan"], "nan"),
            (["--heartbeat", "soon"], "soon"),
        ],
    )
    def test_a_bad_option_is_refused(self, options: list[str], value: str) -> None:
        """With its value and what would be right, and exit code 2."""
        done = start(*options)
        assert done.returncode == 2
        assert f"{options[0]}: {value!r} " in done.stderr
        assert "give a number" in done.stderr

    def test_a_port_in_use_is_told(self, backend: BackendProcess) -> None:
        """And the exit code is not 0."""
        port = backend.url.rpartition(":")[2]
        done = start("--port", port)
        assert done.returncode != 0
        assert f"Port {port} is in use" in done.stderr

    def test_it_stands_on_flask_alone(self) -> None:
        """Of all that is installed beside it, nothing but Flask and what serves it is imported."""
        imported = set()
        for file in FOLDER.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(node.module.partition(".")[0])
        assert imported - sys.stdlib_module_names == {"flask", "werkzeug"}


def start(*options: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a backend that should not start."""
    command = [sys.executable, "-m", "examples.flask_backend", *options]
    return subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def observe(acme: Caller, globex: Caller, stranger: Caller) -> Iterator[tuple[str, str]]:
    """The answer to each question, seen from outside."""
    failed, done, pending = acme.finished("fails"), acme.finished("succeeds"), acme.new("pending")
    running = acme.new("running_long")
    acme.until(running, "step.started")

    before, after = acme.run(running), acme.run(running)
    yield "Q21", "grows" if before["durationSeconds"] < after["durationSeconds"] else "null"
    yield "Q03", same({acme.retry(run_id).status_code for run_id in (pending, running)})
    cancelled = acme.cancel(running)
    yield "Q10", "cooperative" if cancelled.json()["status"] == "running" else "at once"
    assert acme.end(running)["status"] == "cancelled"
    code = acme.cancel(done).status_code
    yield "Q02", f"{code}, unchanged" if acme.run(done)["status"] == "completed" else "changed"
    yield "Q04", same({acme.retry(r, mode="full").status_code for r in (done, running)})

    yield "Q15", same({acme.retry(failed, mode="from_step").status_code})
    yield "Q16", same({acme.retry(failed, mode="from_step", stepKey="x").status_code})
    again = acme.http.post(f"{RUNS}/{failed}/retry")
    another = again.json()["id"] != failed
    yield "Q01", "creates another run" if another else "continues it"
    acme.end(again.json()["id"])
    empty = acme.retry(failed)
    yield "Q17", "same as {}" if again.status_code == empty.status_code else "refused"
    yield "Q22", same({cancelled.status_code, empty.status_code})
    yield "Q18", acme.steps(failed)["notify"]["status"]

    yield "Q05", same({acme.http.get(RUNS, params={"status": "x"}).status_code})
    yield "Q06", same({acme.http.get(RUNS, params={"limit": n}).status_code for n in (0, -1)})
    known = acme.http.get(RUNS, params={"unknown": "x"}).status_code
    yield "Q07", "ignored" if known == 200 else str(known)
    moments = [run["createdAt"] for run in acme.http.get(RUNS).json()["items"]]
    yield "Q11", "ascending" if moments == sorted(moments) else "descending"
    yield "Q08", same({stranger.http.get(RUNS).status_code})
    foreign = globex.http.get(f"{RUNS}/{done}")
    yield "Q09", same({foreign.status_code})
    yield "Q20", "problem details" if problem(foreign) else "detail"
    yield "Q19", "null" if acme.run(pending)["error"] is None else "absent"

    frames = acme.http.get(f"{RUNS}/{done}/events").text.split("\n\n")
    assert frames.pop() == ""
    lines = {", ".join(line.partition(":")[0] for line in f.splitlines()) for f in frames}
    yield "Q12", lines.pop()
    assert not lines
    yield "Q13", "replayed" if "run.created" in frames[0] else "closed"
    yield "Q14", "closes" if "run.completed" in frames[-1] else "stays open"


def same(codes: set[int]) -> str:
    """The one status that all these answers have."""
    (code,) = codes
    return str(code)


def operations(run_id: str) -> list[tuple[str, str]]:
    """Method and path of all six, the list first."""
    run = f"{RUNS}/{run_id}"
    return [
        ("GET", RUNS),
        ("GET", run),
        ("GET", f"{run}/steps"),
        ("GET", f"{run}/events"),
        ("POST", f"{run}/cancel"),
        ("POST", f"{run}/retry"),
    ]


def problem(answer: httpx2.Response) -> int:
    """The status of an answer that has problem details, which agree with it."""
    assert answer.headers["content-type"] == "application/problem+json"
    details = answer.json()
    assert details.keys() == {"type", "title", "status", "detail"}
    assert details["status"] == answer.status_code
    return answer.status_code


def heard(url: str, said: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, separator and body of what the service says to these bytes and nothing more."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        # It may answer, and close, before it has heard all.
        with contextlib.suppress(ConnectionError):
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
    return answer.partition(b"\r\n\r\n")
