"""A world is the same for any number of workers: its responses, journal, coverage and export."""

import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served_command import serve, worlds_of

from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")

WORKERS = 3
WORLDS = worlds_of(WORKERS)
START = {
    "seed": 7,
    "now": "2026-03-02T08:15:00Z",
    "scale": 0,
    "runs": 3,
    "live": 1,
    "start": "demo",
}

STEPS: dict[str, tuple[str, str, Any]] = {
    "list": ("GET", f"{RUNS}?limit=2&offset={{n}}", None),
    "list wrongly": ("GET", f"{RUNS}?limit=-{{n}}&status=nothing", None),
    "get": ("GET", f"{RUNS}/{{run}}", None),
    "steps": ("GET", f"{RUNS}/{{run}}/steps", None),
    "cancel": ("POST", f"{RUNS}/{{run}}/cancel", None),
    "retry": ("POST", f"{RUNS}/{{run}}/retry", {"mode": "full"}),
    "create": ("POST", "/_mock/runs", {"scenario": "flaky"}),
    "advance": ("POST", "/_mock/clock/advance", {"seconds": 20}),
    "fault": ("POST", "/_mock/faults", {"status": {"code": 503}, "count": 1, "probability": 0.5}),
    "behave": ("PUT", "/_mock/behaviour", {"behaviour": "default"}),
    "lose the way": ("GET", "/api/v1/automation-run/{n}", None),
}


@pytest.fixture(scope="module")
def mocks(mock_server_url: str) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Clients of a mock that is one process, and of one with several workers."""
    with (
        serve("--workers", str(WORKERS)) as several,
        httpx2.Client(base_url=mock_server_url, timeout=60) as one,
        httpx2.Client(base_url=several.base_url, timeout=60) as other,
    ):
        yield one, other


def play(client: httpx2.Client, steps: list[tuple[int, str, int, bool]]) -> list[Any]:
    """What a client sees of those steps, and then of each world."""
    seen: list[Any] = []
    runs: dict[str, list[str]] = {}
    for world in WORLDS:
        client.post(f"/_mock/reset?world={world}", json=START).raise_for_status()
        items = client.get(f"{RUNS}?limit=100", headers={"X-API-Key": world}).json()["items"]
        runs[world] = sorted(item["id"] for item in items)
    for index, name, number, fresh in steps:
        world = WORLDS[index]
        method, path, body = STEPS[name]
        known = runs[world]
        url = path.format(n=number, run=known[number % len(known)])
        headers = {"X-API-Key": world} | ({"Connection": "close"} if fresh else {})
        response = client.request(method, url, json=body, headers=headers)
        if name == "create":
            known.append(response.json()["id"])
        different = ("x-mock-request", "date")
        kept = {k: v for k, v in response.headers.items() if k not in different}
        seen.append((name, response.status_code, response.content, kept))
    for world in WORLDS:
        seen.append(client.get(f"/_mock/state?world={world}").content)
        seen.append(client.get(f"/_mock/coverage?world={world}").json())
        entries = client.get(f"/_mock/requests?world={world}").json()["items"]
        for entry in entries:
            seen.append(entry | {"number": None, "durationMs": None})
    return seen


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, WORKERS - 1),
            st.sampled_from(sorted(STEPS)),
            st.integers(0, 5),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_a_world_does_not_depend_on_the_number_of_workers(
    mocks: tuple[httpx2.Client, httpx2.Client], steps: list[tuple[int, str, int, bool]]
) -> None:
    one, several = mocks
    assert play(several, steps) == play(one, steps)
