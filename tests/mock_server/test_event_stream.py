"""The event stream, read from a real server."""

import json
from typing import Any

import httpx2
import pytest
import raw_http

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


def frames(text: str) -> list[dict[str, Any]]:
    """Return the events in ``text``: id, event, and data as JSON."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
        fields.pop("retry", None)
        if "data" in fields:
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def history(world: MockWorld, run_id: str, **headers: str) -> list[dict[str, Any]]:
    """Everything in the stream of a run that has finished."""
    answer = world.client.get(f"{RUNS}/{run_id}/events", headers=headers)
    assert answer.status_code == 200
    return frames(answer.text)


@pytest.fixture
def finished(mock_world: MockWorld) -> str:
    run_id = mock_world.create("diamond")
    mock_world.advance(60)
    return run_id


def test_a_finished_run_is_replayed_and_the_stream_ends(
    mock_world: MockWorld, finished: str
) -> None:
    """Every event with its number, name and data, the terminal one last."""
    events = history(mock_world, finished)
    assert [event["id"] for event in events] == [str(n) for n in range(1, 12)]
    assert [event["event"] for event in events] == [event["data"]["event"] for event in events]
    assert events[0]["event"] == "run.created"
    assert events[-1]["event"] == "run.completed"


def test_each_event_shows_run_and_step_as_of_that_event(
    mock_world: MockWorld, finished: str
) -> None:
    """A replay shows the past as it was, and ends with the present."""
    events = history(mock_world, finished)
    assert events[0]["data"]["data"]["run"]["status"] == "pending"
    started = next(event for event in events if event["event"] == "step.started")
    assert started["data"]["data"]["step"]["status"] == "running"
    assert started["data"]["data"]["step"]["completedAt"] is None
    assert events[-1]["data"]["data"]["run"] == mock_world.run(finished)


def test_headers_keep_proxies_from_buffering(mock_world: MockWorld, finished: str) -> None:
    """No cache, no buffer, UTF-8."""
    headers = mock_world.client.get(f"{RUNS}/{finished}/events").headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize("seen", [0, 1, 5, 10])
def test_a_client_continues_where_it_stopped(
    mock_world: MockWorld, finished: str, seen: int
) -> None:
    """``Last-Event-ID`` leaves out what was seen, no more and no less."""
    rest = history(mock_world, finished, **{"Last-Event-ID": str(seen)})
    assert rest == history(mock_world, finished)[seen:]


@pytest.mark.parametrize("seen", ["11", "011", " 11", "11 \t"])
def test_a_client_that_has_seen_the_end_gets_204(
    mock_world: MockWorld, finished: str, seen: str
) -> None:
    """204 keeps a browser from reconnecting forever."""
    lines = [f"Last-Event-ID: {seen}"]
    head, body = raw_http.answer(mock_world, f"{RUNS}/{finished}/events", lines=lines)
    assert head.startswith(b"HTTP/1.1 204 ")
    assert body == b""


@pytest.mark.parametrize("seen", ["3 ", " 3", "3\t", "\t 3 \t"])
def test_white_space_is_not_part_of_an_id(mock_world: MockWorld, finished: str, seen: str) -> None:
    """The stream resumes after the id."""
    lines = [f"Last-Event-ID: {seen}"]
    _, body = raw_http.answer(mock_world, f"{RUNS}/{finished}/events", lines=lines)
    assert b"id: 3\n" not in body
    assert b"id: 4\n" in body


@pytest.mark.parametrize(
    "query",
    [
        "lastEventId=9",
        "lastEventID=9",
        "last-event-id=9",
        "Last-Event-ID=9",
        "last_event_id=9",
        "lastEventId=%209%20",
        "lastEventId=3&lastEventId=9",
        "nonce=1&lastEventId=9",
    ],
)
def test_a_polyfill_resumes_by_the_query(mock_world: MockWorld, finished: str, query: str) -> None:
    """Clients that cannot set the header write it into the URL, in several spellings."""
    answer = mock_world.client.get(f"{RUNS}/{finished}/events?{query}")
    assert [event["id"] for event in frames(answer.text)] == ["10", "11"]


def test_the_header_counts_before_the_query(mock_world: MockWorld, finished: str) -> None:
    """A browser reconnects to the URL it was opened with, and its header is newer."""
    path = f"{RUNS}/{finished}/events?lastEventId=2"
    answer = mock_world.client.get(path, headers={"Last-Event-ID": "9"})
    assert [event["id"] for event in frames(answer.text)] == ["10", "11"]
    answer = mock_world.client.get(path, headers={"Last-Event-ID": ""})
    assert frames(answer.text)[0]["id"] == "3"


def test_a_polyfill_works_where_unknown_parameters_are_errors(mock_world: MockWorld) -> None:
    """The parameter is known on streams, and on no other operation."""
    mock_world.control("reset", runs=0, live=0, behaviour={"Q07": "invalid"})
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    path = f"{RUNS}/{run_id}"
    assert mock_world.client.get(f"{path}/events?lastEventId=1").status_code == 200
    assert mock_world.client.get(f"{path}?lastEventId=1").status_code == 422


def test_the_reconnection_time_is_part_of_the_first_event(
    mock_world: MockWorld, finished: str
) -> None:
    """A block without data makes an empty message in some clients; every block has data."""
    blocks = mock_world.client.get(f"{RUNS}/{finished}/events").text.split("\n\n")
    assert blocks[0].startswith("retry: 1000\nid: 1\n")
    assert blocks.pop() == ""
    assert all("\ndata: " in block for block in blocks)
    assert not any("retry:" in block for block in blocks[1:])


@pytest.mark.parametrize("seen", ["", "x", "-1", "1.5", "٣", "12", "999", "99999999999", "9" * 40])
def test_an_id_that_was_never_given_starts_over(
    mock_world: MockWorld, finished: str, seen: str
) -> None:
    """Better twice than never."""
    answer = mock_world.client.get(
        f"{RUNS}/{finished}/events", headers={"Last-Event-ID": seen.encode()}
    )
    assert len(frames(answer.text)) == 11


def test_a_live_run_is_followed_to_its_end(mock_world: MockWorld) -> None:
    """Events that happen while a client reads arrive in order, without a gap after the replay."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(1.5)
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        text = ""
        for piece in answer.iter_text():
            text += piece
            if text.count("\n\n") == 3:
                mock_world.advance(0.6)
            if "id: 5\n" in text:
                mock_world.advance(60)
    assert frames(text) == history(mock_world, run_id)


def test_a_retried_run_goes_on_in_the_same_stream(mock_world: MockWorld) -> None:
    """The ids continue, and a client that saw the first end can follow to the second."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    first = history(mock_world, run_id)
    mock_world.client.post(f"{RUNS}/{run_id}/retry", json={})
    mock_world.advance(60)
    rest = history(mock_world, run_id, **{"Last-Event-ID": first[-1]["id"]})
    assert rest[0]["event"] == "run.retried"
    assert rest[-1]["event"] == "run.completed"
    assert history(mock_world, run_id) == first + rest


def test_the_real_clock_drives_a_stream_without_anybody_asking(mock_server_url: str) -> None:
    """On a running clock events arrive by themselves: here a minute in every 10 ms."""
    world = MockWorld(mock_server_url, "test-running-clock", scale=6_000, runs=0, live=0)
    run_id = world.create("long-queue")
    assert history(world, run_id)[-1]["event"] == "run.completed"
    world.close()


def test_resuming_a_frozen_clock_wakes_its_streams(mock_world: MockWorld) -> None:
    """A stream opened on a frozen clock goes on when the clock does."""
    run_id = mock_world.create("quick-success")
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_text()
        text = next(pieces)
        mock_world.client.post("/_mock/clock/scale", json={"scale": 10_000})
        mock_world.client.post("/_mock/clock/resume")
        text += "".join(pieces)
    assert frames(text)[-1]["event"] == "run.completed"


def test_a_reset_ends_the_streams_of_the_old_world(mock_world: MockWorld) -> None:
    """No client waits for a run that is gone."""
    run_id = mock_world.create("hang")
    with mock_world.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_text()
        next(pieces)
        mock_world.client.post("/_mock/reset", json={"runs": 0, "live": 0})
        assert "run.completed" not in "".join(pieces)
    answer = mock_world.client.get(f"{RUNS}/{run_id}/events")
    assert answer.status_code == 404


def test_an_unknown_run_is_refused_before_a_stream_starts(mock_world: MockWorld) -> None:
    """The error response is plain JSON."""
    path = f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/events"
    answer = mock_world.client.get(path, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Run not found"}


def test_a_page_on_this_machine_may_follow_with_its_cookie(
    mock_world: MockWorld, finished: str, anonymous: httpx2.Client
) -> None:
    """CORS lets origins of this machine in, with credentials, and no others."""
    for origin, allowed in (
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("https://app.localhost", True),
        ("https://example.com", False),
        ("http://localhost.example.com", False),
    ):
        answer = anonymous.get(
            f"{RUNS}/{finished}/events",
            headers={"Origin": origin, "Cookie": f"vai_token={mock_world.key}"},
        )
        assert (answer.headers.get("access-control-allow-origin") == origin) == allowed
        if allowed:
            assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_page_on_this_machine_may_drive_the_mock(anonymous: httpx2.Client, method: str) -> None:
    """With every method that the control API has."""
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": method}
    answer = anonymous.options("/_mock/faults", headers=headers)
    assert answer.status_code == 200
    assert method in answer.headers["access-control-allow-methods"]


def test_an_id_from_the_future_of_a_run_under_way_starts_over(mock_world: MockWorld) -> None:
    """A client from another mock, or from before a reset, gets all events, and does not wait for
    one that it believes to have seen."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(1.5)
    with mock_world.client.stream(
        "GET", f"{RUNS}/{run_id}/events", headers={"Last-Event-ID": "500"}
    ) as answer:
        pieces = answer.iter_text()
        text = ""
        while "id: 3\n" not in text:
            text += next(pieces)
        mock_world.advance(60)
        text += "".join(pieces)
    assert frames(text) == history(mock_world, run_id)
