"""Large work for one world leaves the others in peace: a real mock in a process of its own."""

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx2
import pytest
from processes import PATIENCE, RUNS_MOCK, MockServer, environment

pytestmark = pytest.mark.extended

RUNS = "/api/v1/automation-runs"


def longest_share(url: str, during: Callable[[], None]) -> float:
    """Return the longest read of another world as a share of the duration of the work.

    It is close to 1 where reads wait for the end of the work, whatever the speed of the machine.
    """
    over = threading.Event()
    times = [0.0]

    def read() -> None:
        with httpx2.Client(base_url=url, timeout=PATIENCE, headers={"X-API-Key": "acme"}) as acme:
            while not over.is_set():
                began = time.monotonic()
                assert acme.get(f"{RUNS}?limit=5").status_code == 200
                times.append(time.monotonic() - began)

    subscriber = threading.Thread(target=read)
    subscriber.start()
    started = time.monotonic()
    try:
        during()
    finally:
        took = time.monotonic() - started
        over.set()
        subscriber.join(PATIENCE)
    assert len(times) > 10, "there were no reads meanwhile"
    return max(times) / took


def test_other_worlds_are_answered_while_one_is_at_work() -> None:
    """While a world of ten thousand runs is created, exported, imported and advanced, reads of
    another world take a small part of that time."""
    with (
        MockServer("--port", "0", "--clock", "frozen") as mock,
        httpx2.Client(base_url=mock.url, timeout=PATIENCE) as control,
    ):
        world = {"world": "test-large"}
        state = b""

        def make() -> None:
            command = [RUNS_MOCK, "reset", "--start", "ten-thousand", "--world", world["world"]]
            done = subprocess.run(
                [*command, "--url", mock.url],
                env=environment(),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=True,
            )
            assert "10002 runs" in done.stdout

        def move() -> None:
            nonlocal state
            state = control.get("/_mock/state", params=world).content
            headers = {"Content-Type": "application/json"}
            answer = control.put("/_mock/state", params=world, content=state, headers=headers)
            assert answer.json()["runs"] >= 10_000

        def drive() -> None:
            control.put("/_mock/arrivals", params=world, json={"perMinute": 10})
            answer = control.post("/_mock/clock/advance", params=world, json={"seconds": 36_000})
            assert answer.status_code == 200

        assert longest_share(mock.url, make) < 0.5
        assert longest_share(mock.url, move) < 0.5
        assert longest_share(mock.url, drive) < 0.5


def test_a_mock_that_is_at_work_stops_when_it_is_reported_to() -> None:
    """Ctrl-C does not wait until ten thousand runs are made."""
    with MockServer("--port", "0", "--clock", "frozen") as mock:
        answers: list[httpx2.Response] = []

        def make() -> None:
            with (
                suppress(httpx2.TransportError),
                httpx2.Client(base_url=mock.url, timeout=PATIENCE) as control,
            ):
                answers.append(control.post("/_mock/reset", json={"start": "ten-thousand"}))

        with httpx2.Client(base_url=mock.url, timeout=PATIENCE) as control:
            maker = threading.Thread(target=make)
            maker.start()
            # Answered in between, so it is under way, or has not begun; it would take seconds.
            control.get("/_mock/health")
        mock.interrupt()
        assert mock.wait() == 0
        maker.join(PATIENCE)
        assert [answer.status_code for answer in answers] in ([503], [])
        assert "Traceback" not in mock.errors()
