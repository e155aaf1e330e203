"""The commands that follow the live feed: watch, requests --follow."""

import json
import re
import signal
import subprocess
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from driver import UUID, Driver, call
from processes import PATIENCE, RUNS_MOCK, environment

from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"


class Following:
    """A command that runs until it is interrupted; its output, line by line."""

    def __init__(self, url: str, world: str, *arguments: str, **variables: str) -> None:
        variables |= {"RUNS_MOCK_URL": url, "RUNS_MOCK_WORLD": world}
        self._process = subprocess.Popen(
            [RUNS_MOCK, *arguments],
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def line(self) -> str:
        """Return the next line of its output."""
        return self._process.stdout.readline().rstrip("\n")

    def note(self) -> str:
        """Return the next line that it writes to stderr."""
        return self._process.stderr.readline().rstrip("\n")

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(PATIENCE)


def following(world: MockWorld, *arguments: str) -> Following:
    return Following(world.base_url, world.key, *arguments)


def test_runs_are_printed_as_they_change(mock_world: MockWorld) -> None:
    """A line each: time of the world, id, status, steps; nothing twice."""
    with following(mock_world, "watch") as watch:
        assert f"watching runs of {mock_world.key}" in watch.note()
        assert "is frozen" in watch.note()
        run_id = mock_world.create("diamond", report={"outcome": "fails"})
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d\.\d\d\d  {UUID}  pending    0 of 4", line := watch.line()
        ), line
        mock_world.advance(1)
        assert watch.line().split("  ", 1)[1].startswith(f"{run_id}  running    0 of 4  ")
        mock_world.advance("1h")
        end = watch.line()
        assert f"{run_id}  failed     3 of 4  report failed: " in end
        other = mock_world.create("approval")
        assert other in watch.line()
        mock_world.advance("1h")
        assert "awaits a decision" in watch.line()
        assert watch.interrupt() == 130


def test_other_topics_are_printed_too(mock_world: MockWorld) -> None:
    """The clock, faults, requests and worlds, and that everything is another world."""
    topics = "clock,requests,faults,worlds"
    with following(mock_world, "watch", "--topics", topics) as watch:
        assert f"watching {topics} of" in watch.note()
        mock_world.control("clock/scale", scale=60)
        assert watch.line().startswith(f"clock  {mock_world.key}  ")
        mock_world.control("faults", status={"code": 503})
        assert watch.line() == "faults  1: status, applied 0 times"
        number = mock_world.client.get(RUNS).headers["x-mock-request"]
        assert watch.line().startswith(f"request  {number}  GET {RUNS}  503  ")
        assert watch.line() == "faults  1: status, applied 1 times"
        mock_world.control("reset", scale=0)
        assert watch.line().startswith("resync  ")


def test_events_are_printed_as_lines_of_json(mock_world: MockWorld) -> None:
    """Each is one object; hello is first."""
    with following(mock_world, "watch", "--json", "--topics", "runs , runs") as watch:
        hello = json.loads(watch.line())
        assert (hello["event"], hello["data"]["topics"]) == ("hello", ["runs"])
        run_id = mock_world.create("diamond")
        event = json.loads(watch.line())
        assert event.keys() == {"event", "id", "data"}
        assert event["data"]["runs"] == [mock_world.run(run_id)]


def test_a_watch_outlives_the_mock() -> None:
    """It says that the mock is gone and that it is back, and goes on with the new one."""
    settings = Settings(start="empty", scale=0)
    with serving(settings) as url:
        watch = Following(url, "demo", "watch")
        assert "watching" in watch.note()
        assert "frozen" in watch.note()
    with watch:
        assert watch.note() == f"runs-mock: no connection to {url}; trying again until Ctrl-C"
        with serving(settings, port=urlsplit(url).port):
            assert watch.note() == f"runs-mock: connected to {url} again"
            assert "watching" in watch.note()
            assert "frozen" in watch.note()
            assert watch.line().startswith("resync  ")
            run = httpx2.post(f"{url}/_mock/runs?world=demo", json={"scenario": "diamond"}).json()
            assert run["id"] in watch.line()
        assert watch.interrupt() == 130


def test_requests_are_followed(mock_world: MockWorld) -> None:
    """The newest first, then each as it ends, once; a stream when it opens and when it ends."""
    numbers = [mock_world.client.get(RUNS).headers["x-mock-request"] for _ in range(3)]
    run_id = mock_world.create("diamond")
    with following(mock_world, "requests", "--follow", "--limit", "2") as follow:
        assert [follow.line().split()[0] for _ in range(2)] == numbers[1:]
        bad = mock_world.client.get(f"{RUNS}/x").headers["x-mock-request"]
        assert follow.line().startswith(f"{bad}  GET {RUNS}/x  422  ")
        with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as response:
            number = response.headers["x-mock-request"]
            assert re.match(rf"{number}  .*  200  .* open$", line := follow.line()), line
            mock_world.advance("1h")
            response.read()
        assert re.match(
            rf"{number}  .*  200  \d+\.\d ms  {mock_world.key}$", line := follow.line()
        ), line
        assert follow.interrupt() == 130


def test_followed_requests_are_filtered(mock_world: MockWorld) -> None:
    """By operation, status and world."""
    filters = ["--operation", "getRun", "--status", "4xx"]
    with following(mock_world, "requests", "-f", *filters) as follow:
        first = mock_world.client.get(f"{RUNS}/x").headers["x-mock-request"]
        assert follow.line().startswith(first)
        mock_world.client.get(f"{RUNS}?limit=x")
        mock_world.client.get(f"{RUNS}/{mock_world.create('diamond')}")
        last = mock_world.client.get(f"{RUNS}/y").headers["x-mock-request"]
        assert follow.line().startswith(last)
    with following(mock_world, "requests", "-f", "--whose", "all", "--limit", "1") as follow:
        assert follow.line()
        unknown = mock_world.client.get(RUNS, headers={"X-API-Key": f"not-{mock_world.key}"})
        while not follow.line().startswith(unknown.headers["x-mock-request"]):
            pass


def test_wrong_options_are_explained(drive: Driver) -> None:
    """In one line, before anything is followed."""
    assert "expected some of runs, requests" in drive.refused("watch", "--topics", "runs,nothing")
    assert "--whose only" in drive.refused("requests", "--clear", "--follow")


def test_a_watch_needs_the_token() -> None:
    """As every command does."""
    with serving(Settings(start="empty", access=Access(token="word"))) as url:
        refused = call("watch", code=2, RUNS_MOCK_URL=url)
        assert "asks for its token" in refused.stderr
        with Following(url, "demo", "watch", "--json", RUNS_MOCK_CONTROL_TOKEN="word") as watch:
            shown: dict[str, Any] = json.loads(watch.line())
            assert shown["event"] == "hello"
