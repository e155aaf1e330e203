"""Those who call the Flask backend, and what is expected of any answer."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import jsonschema_rs
from flask_process import PATIENCE, TOP
from plain_yaml import parse_yaml

RUNS = "/api/v1/automation-runs"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FINISHED = {"completed", "failed", "cancelled"}
CALLERS = 8
CONTRACT = parse_yaml((TOP / "openapi.yaml").read_text(encoding="utf-8"))


class Caller:
    """Someone with a credential, and what they do with runs."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE)

    def new(self, automation: str) -> str:
        """The id of a run that was just triggered."""
        answer = self.http.post("/internal/trigger", json={"automation": automation})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as it is now."""
        return dict(self.http.get(f"{RUNS}/{run_id}").raise_for_status().json())

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Its steps as they are now, by key."""
        answer = self.http.get(f"{RUNS}/{run_id}/steps").raise_for_status().json()
        return {step["key"]: step for step in answer["steps"]}

    def cancel(self, run_id: str) -> httpx2.Response:
        """The answer to a cancel."""
        return self.http.post(f"{RUNS}/{run_id}/cancel")

    def retry(self, run_id: str, **body: Any) -> httpx2.Response:
        """The answer to a retry."""
        return self.http.post(f"{RUNS}/{run_id}/retry", json=body)

    def follow(self, run_id: str, after: int = 0) -> Iterator[httpx2.ServerSentEvent]:
        """The run's events behind number `after`, as they come, until the stream closes."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        with self.http.sse(f"{RUNS}/{run_id}/events", headers=headers) as source:
            yield from source

    def until(self, run_id: str, event: str) -> None:
        """Listen to the run until an event of this kind."""
        events = self.follow(run_id)
        try:
            assert any(reported.event == event for reported in events), f"no {event} of {run_id}"
        finally:
            events.close()

    def finished(self, automation: str) -> str:
        """The id of a run that has finished."""
        run_id = self.new(automation)
        self.end(run_id)
        return run_id

    def end(self, run_id: str) -> dict[str, Any]:
        """The run once it has finished."""
        *_, last = self.follow(run_id)
        run = json.loads(last.data)["data"]["run"]
        assert run["completedAt"], f"the stream closed at {last.event}"
        return dict(run)


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
