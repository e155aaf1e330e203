"""The live feed of the control API: what changes in a world, as it changes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from mock_server.settings import MAX_FEEDS, Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
ALL = ["runs", "requests", "clock", "faults", "worlds"]


class Feed:
    """An open feed; ``last_id`` is the id of the event that was read last."""

    def __init__(self, response: httpx2.Response) -> None:
        self._events = iter(httpx2.EventSource(response))
        self.last_id = ""
        self.hello = self.next("hello")

    def next(self, *names: str) -> Any:
        """Return the data of the next event, which must have one of these names."""
        event = self.event()
        assert event.event in names, (event.event, event.data)
        return json.loads(event.data)

    def until(self, name: str) -> Any:
        """Return the data of the next event of that name."""
        while True:
            event = self.event()
            if event.event == name:
                return json.loads(event.data)

    def event(self) -> httpx2.ServerSentEvent:
        event = next(one for one in self._events if one.data)
        self.last_id = event.id
        return event

    def ended(self) -> bool:
        """Return whether the stream ends without a further event."""
        return not [one for one in self._events if one.data]


@contextmanager
def following(
    world: MockWorld, topics: str | None = None, last_id: str | None = None, whose: str = "world"
) -> Iterator[Feed]:
    query = {"world": world.key, "whose": whose}
    query |= {} if topics is None else {"topics": topics}
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with world.client.stream("GET", "/_mock/events", params=query, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Feed(response)


def test_hello_is_first(mock_world: MockWorld) -> None:
    """It names the process, the world and the topics; all of them without a selection."""
    with following(mock_world) as feed:
        assert feed.hello.keys() == {"process", "world", "topics"}
        assert feed.hello["world"] == mock_world.key
        assert feed.hello["topics"] == ALL
        assert feed.last_id.startswith(feed.hello["process"] + "-")


def test_a_run_is_sent_in_its_newest_state(mock_world: MockWorld) -> None:
    """As the API shows it, with its steps, once for all the events of an advance."""
    with following(mock_world, "runs") as feed:
        run_id = mock_world.create("diamond")
        assert feed.next("runs")["runs"] == [mock_world.run(run_id)]
        mock_world.advance("1h")
        sent = feed.next("runs")
        assert sent["runs"] == [mock_world.run(run_id)]
        assert sent["runs"][0]["status"] == "completed"
        assert sent["steps"] == {run_id: mock_world.steps(run_id)}
        assert sent["total"] == mock_world.client.get(RUNS).json()["total"]


def test_a_followed_world_goes_on_by_itself(mock_world: MockWorld) -> None:
    """Without a request, as soon as something is due."""
    mock_world.control("clock/scale", scale=1000)
    run_id = mock_world.create("quick-success")
    with following(mock_world, "runs") as feed:
        mock_world.control("clock/resume")
        statuses = []
        while "completed" not in statuses:
            statuses += [run["status"] for run in feed.next("runs")["runs"] if run["id"] == run_id]


def test_requests_are_sent_as_the_journal_shows_them(mock_world: MockWorld) -> None:
    """Explained, and complete."""
    with following(mock_world, "requests") as feed:
        number = int(mock_world.client.get(f"{RUNS}/nonsense").headers["x-mock-request"])
        [entry] = feed.next("requests")["requests"]
        assert entry == mock_world.control(f"requests/{number}", "GET")
        assert (entry["status"], entry["operation"]) == (422, "getRun")


def test_an_open_stream_is_sent_again_when_it_ends(mock_world: MockWorld) -> None:
    """Also one that was open before the feed."""
    run_id = mock_world.create("diamond")
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as response:
        assert response.status_code == 200
        with following(mock_world, "requests") as feed:
            mock_world.advance("1h")
            response.read()
            [entry] = feed.next("requests")["requests"]
    assert (entry["stream"], entry["operation"]) == ("ended", "streamRunEvents")


def test_the_clock_is_sent_when_it_changes(mock_world: MockWorld) -> None:
    """Moved, rescaled, or with another next due event."""
    with following(mock_world, "clock") as feed:
        mock_world.advance(5)
        shown = feed.next("clock")
        assert shown == mock_world.control("clock", "GET")
        mock_world.control("clock/scale", scale=60)
        assert feed.next("clock")["scale"] == 60
        mock_world.create("diamond")
        assert feed.next("clock")["nextDueAt"] > shown["now"]


def test_faults_are_sent_with_their_counters(mock_world: MockWorld) -> None:
    """When one is added, applies, or ends, by its count or by its time."""
    with following(mock_world, "faults") as feed:
        mock_world.control("faults", status={"code": 503}, count=1)
        assert [one["applied"] for one in feed.next("faults")["items"]] == [0]
        assert mock_world.client.get(RUNS).status_code == 503
        assert feed.next("faults") == {"items": []}
        mock_world.control("faults", status={"code": 503}, lasts="5s")
        assert len(feed.next("faults")["items"]) == 1
        mock_world.control("clock/scale", scale=1000)
        mock_world.control("clock/resume")
        assert feed.next("faults") == {"items": []}


def test_a_world_that_is_opened_is_sent(mock_world: MockWorld, mock_server_url: str) -> None:
    """To the clients of every world."""
    with following(mock_world, "worlds") as feed:
        with MockWorld(mock_server_url, f"{mock_world.key}-b", scale=0):
            names = [one["name"] for one in feed.next("worlds")["items"]]
        assert f"{mock_world.key}-b" in names


@pytest.mark.parametrize("change", ["reset", "import", "behaviour", "requests"])
def test_a_world_that_is_replaced_is_read_again(mock_world: MockWorld, change: str) -> None:
    """And followed further."""
    state = mock_world.client.get("/_mock/state").content
    with following(mock_world, "runs,requests") as feed:
        match change:
            case "reset":
                mock_world.control("reset", scale=0, start="empty")
            case "import":
                mock_world.client.put("/_mock/state", content=state, headers=JSON)
            case "behaviour":
                mock_world.control("behaviour", "PUT", behaviour={"Q19": "absent"})
            case _:
                mock_world.client.delete("/_mock/requests")
        assert feed.next("resync") == {}
        run_id = mock_world.create("diamond")
        assert [run["id"] for run in feed.next("runs")["runs"]] == [run_id]


JSON = {"Content-Type": "application/json"}


# Resumption.


def test_a_client_that_comes_back_gets_what_it_missed(mock_world: MockWorld) -> None:
    """Each run once, by the header or the query parameter."""
    with following(mock_world, "runs") as feed:
        mock_world.create("diamond")
        feed.next("runs")
        last_id = feed.last_id
    missed = {mock_world.create("diamond"), mock_world.create("diamond")}
    mock_world.advance(2)
    with following(mock_world, "runs", last_id) as feed:
        found = {run["id"]: run["status"] for run in feed.next("runs")["runs"]}
    assert found.keys() >= missed
    assert set(found.values()) == {"running"}
    query = {"lastEventId": last_id, "topics": "runs"}
    with mock_world.client.stream("GET", "/_mock/events", params=query) as response:
        assert Feed(response).next("runs")["total"] == 3


@pytest.mark.parametrize("last_id", ["nonsense", "elsewhere-1", "-", "9" * 5_000])
def test_an_unknown_id_is_a_resync(mock_world: MockWorld, last_id: str) -> None:
    """Hello has no id then, so that the client keeps asking until it has the resync."""
    with following(mock_world, "runs", last_id) as feed:
        assert feed.last_id == ""
        assert feed.next("resync") == {}
        assert feed.last_id


def test_an_id_of_the_future_or_of_before_is_a_resync(mock_world: MockWorld) -> None:
    """No channel knows it."""
    with following(mock_world, "runs") as feed:
        process, _, number = feed.last_id.partition("-")
    for other in (int(number) + 10_000, 0):
        with following(mock_world, "runs", f"{process}-{other}") as feed:
            assert feed.next("resync", "runs") == {}


# Bounds.


def test_too_many_feeds_are_rejected() -> None:
    """With the number of seconds to wait; those that end make room."""
    with serving(Settings(start="empty")) as url:
        streams = []
        with httpx2.Client(
            base_url=url, timeout=30, limits=httpx2.Limits(max_connections=None)
        ) as client:
            for _ in range(MAX_FEEDS):
                streams.append(
                    client.send(client.build_request("GET", "/_mock/events"), stream=True)
                )
            refused = client.get("/_mock/events")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
            assert client.get("/_mock/health").json()["status"] == "ok"
            assert client.head("/_mock/events").status_code == 429
            for stream in streams:
                stream.close()


@pytest.mark.parametrize(
    "topics", ["", "run", "runs,", ",", "runs,nothing", "runs runs", ",".join(["runs"] * 60)]
)
def test_wrong_topics_are_a_validation_error(mock_world: MockWorld, topics: str) -> None:
    """As the document declares."""
    response = mock_world.client.get("/_mock/events", params={"topics": topics})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "topics"]


def test_a_topic_that_is_named_twice_is_one(mock_world: MockWorld) -> None:
    """In the order of the request."""
    with following(mock_world, "clock,runs,clock") as feed:
        assert feed.hello["topics"] == ["clock", "runs"]


def test_a_head_request_opens_nothing(mock_world: MockWorld) -> None:
    """It has the headers of the stream."""
    response = mock_world.client.head("/_mock/events")
    assert response.headers["content-type"].startswith("text/event-stream")


def test_the_end_of_the_mock_ends_the_feed() -> None:
    """In good order, so that a browser reconnects."""
    server = serving(Settings(start="empty"))
    url = server.__enter__()
    with httpx2.stream("GET", f"{url}/_mock/events", timeout=30) as response:
        feed = Feed(response)
        server.__exit__(None, None, None)
        assert feed.ended()


def test_requests_of_no_world_or_of_all(mock_world: MockWorld, mock_server_url: str) -> None:
    """As `whose` says, as in the journal; also of a world that is opened meanwhile."""
    anonymous = httpx2.Client(base_url=mock_server_url, verify=False)
    with (
        anonymous,
        following(mock_world, "requests", whose="none") as none,
        following(mock_world, "requests", whose="all") as every,
        MockWorld(mock_server_url, f"{mock_world.key}-c", scale=0) as other,
    ):
        numbers = [
            int(client.get(RUNS).headers["x-mock-request"])
            for client in (mock_world.client, other.client, anonymous)
        ]
        assert numbers[2] in [entry["number"] for entry in none.next("requests")["requests"]]
        found: set[int] = set()
        while not found.issuperset(numbers):
            found |= {entry["number"] for entry in every.next("requests")["requests"]}


def test_two_feeds_of_one_world_are_independent(mock_world: MockWorld) -> None:
    """The end of one does not end the other, and neither waits for the other."""
    with following(mock_world, "runs,clock") as feed:
        with following(mock_world, "runs", whose="all") as other:
            run_id = mock_world.create("diamond")
            assert other.next("runs")["runs"][0]["id"] == run_id
        feed.until("clock")
        mock_world.advance(2)
        assert feed.until("runs")["runs"][0]["status"] == "running"
