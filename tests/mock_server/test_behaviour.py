"""Every answer to every open question, as a client of the mock observes it."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mock_server.engine import behaviour as behaviours
from mock_server.engine.behaviour import QUESTIONS, Behaviour, Unauthenticated
from mock_server.errors import FileError, UsageError
from mock_server.resources import behaviours_dir
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
STREAM_BOUND = httpx2.Timeout(30, read=0.2)
"""How long a stream may be silent on a frozen clock before it counts as staying open."""


class Backend:
    """The mock as an observer meets it."""

    def __init__(self, world: MockWorld) -> None:
        self.world = world
        self.client = world.client

    def finished(self, scenario: str = "quick-success") -> str:
        run_id = self.world.create(scenario)
        self.world.advance(120)
        return run_id

    def running(self) -> str:
        run_id = self.world.create("hang")
        self.world.advance(10)
        return run_id

    def cancel(self, run_id: str) -> httpx2.Response:
        return self.client.post(f"{RUNS}/{run_id}/cancel")

    def retry(self, run_id: str, **body: Any) -> httpx2.Response:
        return self.client.post(f"{RUNS}/{run_id}/retry", json=body)

    def stream(self, run_id: str, during: Callable[[], None] = lambda: None) -> tuple[str, bool]:
        """The text of an event stream, and whether it stayed open after it."""
        text = ""
        path = f"{RUNS}/{run_id}/events"
        with self.client.stream("GET", path, timeout=STREAM_BOUND) as answer:
            pieces = answer.iter_text()
            try:
                text = next(pieces, "")
                during()
                for piece in pieces:
                    text += piece
            except httpx2.ReadTimeout:
                return text, True
        return text, False


def rejection(answer: httpx2.Response) -> str:
    return {409: "conflict", 400: "bad_request", 200: "unchanged"}[answer.status_code]


def q01(backend: Backend) -> str:
    run_id = backend.finished("flaky")
    again = backend.retry(run_id).json()["id"]
    backend.world.advance(120)
    assert backend.world.run(again)["status"] == "completed"
    if again == run_id:
        return "same_run"
    assert backend.world.run(run_id)["status"] == "failed"
    return "new_run"


def q02(backend: Backend) -> str:
    run_id = backend.finished()
    before = backend.world.run(run_id)
    answer = backend.cancel(run_id)
    assert backend.world.run(run_id) == before
    return rejection(answer)


def q03(backend: Backend) -> str:
    run_id = backend.running()
    before = backend.world.run(run_id)
    answer = backend.retry(run_id, mode="full")
    assert backend.world.run(run_id) == before
    return rejection(answer)


def q04(backend: Backend) -> str:
    codes = [backend.retry(backend.finished(), mode=mode).status_code for mode in MODES]
    return {(409, 200): "explicit", (200, 200): "always", (409, 409): "never"}[tuple(codes)]


MODES = ("from_failed", "full")


def q05(backend: Backend) -> str:
    answer = backend.client.get(f"{RUNS}?status=done")
    return {422: "invalid", 200: "empty"}[answer.status_code]


def q06(backend: Backend) -> str:
    answer = backend.client.get(f"{RUNS}?limit=0")
    return {422: "invalid", 200: "empty"}[answer.status_code]


def q07(backend: Backend) -> str:
    answer = backend.client.get(f"{RUNS}?colour=blue")
    if answer.status_code == 422:
        assert answer.json()["detail"][0]["loc"] == ["query", "colour"]
        return "invalid"
    return "ignored"


def q09(backend: Backend) -> str:
    other = MockWorld(backend.world.base_url, f"{backend.world.key}-other", runs=0, live=0)
    theirs = other.create("hang")
    other.close()
    # Worlds of other tests may have the run of the reference.
    unknown = "00000000-0000-4000-8000-000000000000"
    codes = [backend.client.get(f"{RUNS}/{run_id}").status_code for run_id in (unknown, theirs)]
    assert codes[0] == 404
    return {404: "not_found", 403: "forbidden"}[codes[1]]


def q10(backend: Backend) -> str:
    run_id = backend.running()
    shown = backend.cancel(run_id).json()["status"]
    backend.world.advance(5)
    assert backend.world.run(run_id)["status"] == "cancelled"
    return {"cancelled": "at_once", "running": "cooperative"}[shown]


def q11(backend: Backend) -> str:
    first = backend.world.create("quick-success")
    backend.world.advance(1)
    backend.world.create("quick-success")
    items = backend.client.get(RUNS).json()["items"]
    return "oldest_first" if items[0]["id"] == first else "newest_first"


def q12(backend: Backend) -> str:
    text, _ = backend.stream(backend.finished())
    lines = {line.partition(":")[0] for line in text.split("\n") if line}
    return "full" if {"id", "event", "data"} <= lines else "data_only"


def q13(backend: Backend) -> str:
    text, open_ = backend.stream(backend.finished())
    if open_:
        assert "run.completed" in text
        return "stays_open"
    return "replays" if "run.completed" in text else "closes"


def q14(backend: Backend) -> str:
    run_id = backend.world.create("quick-success")
    text, open_ = backend.stream(run_id, lambda: backend.world.advance(60))
    assert "run.completed" in text
    return "stays_open" if open_ else "closes"


def q15(backend: Backend) -> str:
    answer = backend.retry(backend.finished("failure-in-the-middle"), mode="from_step")
    return {422: "invalid", 400: "bad_request", 200: "from_failed"}[answer.status_code]


def q16(backend: Backend) -> str:
    run_id = backend.finished("failure-in-the-middle")
    answer = backend.retry(run_id, mode="from_step", stepKey="nowhere")
    return {404: "not_found", 400: "bad_request", 422: "invalid"}[answer.status_code]


def q17(backend: Backend) -> str:
    run_id = backend.finished("failure-in-the-middle")
    answer = backend.client.post(f"{RUNS}/{run_id}/retry")
    return {200: "defaults", 422: "invalid"}[answer.status_code]


def q18(backend: Backend) -> str:
    run_id = backend.finished("failure-in-the-middle")
    steps = backend.client.get(f"{RUNS}/{run_id}/steps").json()["steps"]
    behind = {step["status"] for step in steps[2:]}
    assert len(behind) == 1
    return str(behind.pop())


def q19(backend: Backend) -> str:
    run_id = backend.world.create("quick-success")
    run = backend.world.run(run_id)
    steps = backend.client.get(f"{RUNS}/{run_id}/steps").json()["steps"]
    shown = {"completedAt" in one for one in [run, *steps]}
    assert len(shown) == 1
    return "null" if shown.pop() else "absent"


def q20(backend: Backend) -> str:
    answer = backend.client.get(f"{RUNS}/{ID}")
    body = answer.json()
    if answer.headers["content-type"] == "application/problem+json":
        assert body["status"] == 404
        assert body["title"] == "Not Found"
        return "problem"
    assert set(body) == {"detail"}
    return "detail"


def q21(backend: Backend) -> str:
    run_id = backend.running()
    first = backend.world.run(run_id)["durationSeconds"]
    backend.world.advance(5)
    second = backend.world.run(run_id)["durationSeconds"]
    if first is None:
        assert second is None
        return "null"
    assert second == first + 5
    return "grows"


def q22(backend: Backend) -> str:
    cancelled = backend.cancel(backend.running()).status_code
    retried = backend.retry(backend.finished("flaky")).status_code
    assert cancelled == retried
    return {200: "ok", 201: "created", 202: "accepted"}[cancelled]


OBSERVERS = {name.upper(): globals()[name] for name in map(str.lower, QUESTIONS) if name != "q08"}
CASES = [
    (question, str(answer))
    for question, decision in zip(QUESTIONS, fields(Behaviour), strict=True)
    for answer in type(decision.default)  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("question", "answer"), [case for case in CASES if case[0] in OBSERVERS])
def test_an_answer_is_what_a_client_observes(
    mock_world: MockWorld, question: str, answer: str
) -> None:
    """The world that is reported one answer gives it, and everything else as in the contract."""
    reported = {"behaviour": {question: answer}, "runs": 0, "live": 0, "scale": 0}
    assert mock_world.client.post("/_mock/reset", json=reported).status_code == 200
    assert OBSERVERS[question](Backend(mock_world)) == answer


@pytest.mark.parametrize("answer", [answer for q, answer in CASES if q == "Q08"])
def test_who_has_no_world_is_answered_as_the_mock_was_started(answer: str) -> None:
    """No or a bad credential: the one question that no world can answer."""
    from mock_server.settings import Settings  # noqa: PLC0415
    from mock_server.testing import serving  # noqa: PLC0415

    settings = Settings(behaviour=Behaviour(unauthenticated=Unauthenticated(answer)), start="empty")
    with serving(settings) as base_url, httpx2.Client(verify=False) as client:
        codes = {
            client.get(f"{base_url}{RUNS}", headers=headers).status_code
            for headers in ({}, {"X-API-Key": "nobody"})
        }
    assert codes == {{"unauthorized": 401, "forbidden": 403}[answer]}


def test_the_questions_in_words_are_the_questions_in_code() -> None:
    """The same numbers, the same answers, the contract's own first."""
    words = behaviours.questions()
    assert list(words) == list(QUESTIONS)
    for question, decision in zip(QUESTIONS, fields(Behaviour), strict=True):
        vocabulary = [str(answer) for answer in type(decision.default)]  # type: ignore[arg-type]
        assert list(words[question].answers) == vocabulary
        assert vocabulary[0] == decision.default


@pytest.mark.parametrize("name", behaviours.names())
def test_a_profile_that_comes_with_the_mock_is_good(mock_world: MockWorld, name: str) -> None:
    """A world lives by it, from list to retry."""
    reported = {"behaviour": name, "scale": 0}
    assert mock_world.client.post("/_mock/reset", json=reported).status_code == 200
    assert mock_world.client.get(f"{RUNS}?limit=1000").json()["total"] > 60
    shown = mock_world.client.get("/_mock/behaviour").json()["answers"]
    assert shown == behaviours.find(name, behaviours_dir()).answers()
    assert (name == "default") == (shown == Behaviour().answers())


def test_every_answer_is_in_some_profile() -> None:
    """Together the profiles show what backends are like."""
    played = {
        case
        for name in behaviours.names()
        for case in behaviours.find(name, behaviours_dir()).answers().items()
    }
    assert set(CASES) - played == set()


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("summary: x\nanswers: {Q10: later}\n", 2, "'at_once' or 'cooperative'"),
        ("summary: x\nanswers:\n  Q1: same_run\n", 3, "known keys: Q01, Q02"),
        ("summary: x\nanswer: {}\n", 2, "did you mean 'answers'?"),
        ("answers: {}\n", 1, "summary: is missing"),
    ],
)
def test_a_broken_profile_is_refused_where_it_is_broken(
    tmp_path: Path, text: str, line: int, part: str
) -> None:
    """File, line, and what was expected."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(FileError) as refused:
        behaviours.find(str(path), behaviours_dir())
    assert str(refused.value).startswith(f"{path}:{line}: ")
    assert part in str(refused.value)


def test_an_unknown_profile_is_refused() -> None:
    """With the names of those there are."""
    with pytest.raises(UsageError, match=r"one of .*cooperative, default"):
        behaviours.find("strict", behaviours_dir())


def test_a_behaviour_may_change_under_way(mock_world: MockWorld) -> None:
    """What was rendered before is rendered again."""
    run_id = mock_world.create("quick-success")
    assert "completedAt" in mock_world.run(run_id)
    reported = {"behaviour": {"Q19": "absent"}}
    mock_world.client.put("/_mock/behaviour", json=reported)
    assert "completedAt" not in mock_world.run(run_id)
    page = json.loads(mock_world.client.get(RUNS).text)
    assert "completedAt" not in page["items"][0]
