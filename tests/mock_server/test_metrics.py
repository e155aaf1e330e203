"""The counters, as Prometheus reads them."""

from collections.abc import Iterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"

Labels = frozenset[tuple[str, str]]


@pytest.fixture
def own_mock() -> Iterator[MockWorld]:
    """A world of a mock that no other test uses."""
    with serving(Settings(start="empty", declared=("demo",))) as base_url:
        world = MockWorld(base_url, "demo", scale=0)
        yield world
        world.close()


def scrape(client: httpx2.Client) -> dict[str, dict[Labels, float]]:
    """Every sample by name and labels, read by Prometheus' own parser."""
    answer = client.get("/_mock/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in series
            series[labels] = sample.value
    return found


def of(**labels: str) -> Labels:
    return frozenset(labels.items())


def test_requests_are_counted_by_operation_and_status(own_mock: MockWorld) -> None:
    """Those of the contract; calls of the control API are not."""
    client = own_mock.client
    client.get(RUNS)
    client.get(RUNS)
    client.get(f"{RUNS}/{ID}")
    client.get("/api/v1/nothing")
    client.get(RUNS, headers={"X-API-Key": "nobody"})
    counted = scrape(client)["runs_mock_requests_total"]
    assert counted == {
        of(operation="listRuns", status="200"): 2,
        of(operation="getRun", status="404"): 1,
        of(operation="none", status="404"): 1,
        of(operation="listRuns", status="401"): 1,
    }


def test_durations_are_a_histogram(own_mock: MockWorld) -> None:
    """Buckets grow, the last holds all, and the sum is of real seconds."""
    for _ in range(5):
        own_mock.client.get(RUNS)
    found = scrape(own_mock.client)
    name = "runs_mock_request_duration_seconds"
    labels = of(operation="listRuns", status="200")
    assert found[f"{name}_count"][labels] == 5
    assert 0 < found[f"{name}_sum"][labels] < 60
    buckets = sorted(
        (float(dict(bucket)["le"]), count) for bucket, count in found[f"{name}_bucket"].items()
    )
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == (float("inf"), 5)


def test_what_there_is_is_a_gauge(own_mock: MockWorld) -> None:
    """Worlds, runs by status, open streams."""
    run_id = own_mock.create("hang")
    own_mock.create("quick-success")
    own_mock.client.get(RUNS, headers={"X-API-Key": "test-other"})
    before = scrape(own_mock.client)
    with own_mock.client.stream("GET", f"{RUNS}/{run_id}/events") as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        during = scrape(own_mock.client)
    assert before["runs_mock_worlds"] == {of(): 2}
    assert before["runs_mock_runs"][of(status="pending")] == 2
    assert before["runs_mock_runs"][of(status="failed")] == 0
    assert (before["runs_mock_streams"], during["runs_mock_streams"]) == ({of(): 0}, {of(): 1})


def test_sent_events_are_counted(own_mock: MockWorld) -> None:
    """Each time that one is sent."""
    run_id = own_mock.create("quick-success")
    own_mock.advance(60)
    for _ in range(2):
        text = own_mock.client.get(f"{RUNS}/{run_id}/events").text
    assert scrape(own_mock.client)["runs_mock_events_sent_total"] == {
        of(): 2 * text.count("\nevent: ")
    }
