"""Large work for one world leaves the others in peace: a real mock in a process of its own."""

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx2
from processes import PATIENCE, RUNS_MOCK, MockServer, environment

RUNS = "/api/v1/automation-runs"
BLINK = 1.0
"""Real seconds; each of these works takes several times as long, and a machine may be busy."""


def longest_read(url: str, during: Callable[[], None]) -> float:
    """Real seconds of the longest read of another world while that is done."""
    over = threading.Event()
    times = [0.0]

    def read() -> None:
        with httpx2.Client(base_url=url, timeout=PATIENCE, headers={"X-API-Key": "acme"}) as acme:
            while not over.is_set():
                began = time.monotonic()
                assert acme.get(f"{RUNS}?limit=5").status_code == 200
                times.append(time.monotonic() - began)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        during()
    finally:
        over.set()
        reader.join(PATIENCE)
    assert len(times) > 10, "nobody read anything meanwhile"
    return max(times)


def test_other_worlds_are_answered_while_one_is_at_work() -> None:
    """A world of ten thousand runs is made, written down, read back and driven a day forward; those
    who read another world hardly notice, and who waits for it is told what for."""
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
            assert "the fresh world is being made" in done.stderr

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

        assert longest_read(mock.url, make) < BLINK
        assert longest_read(mock.url, move) < BLINK
        assert longest_read(mock.url, drive) < BLINK


def test_a_mock_that_is_at_work_stops_when_it_is_told_to() -> None:
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
