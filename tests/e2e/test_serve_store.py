"""Worlds in a directory, with real processes: killed, stopped, and with a full disk."""

import resource
import threading
from pathlib import Path

import httpx2
import pytest
from processes import MockServer

from mock_server.cli import main

RUNS = "/api/v1/automation-runs"


def mock_on(path: Path, *options: str) -> MockServer:
    return MockServer("--store", f"dir:{path}", "--start", "empty", "--clock", "frozen", *options)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit code of a command of runs-mock, and what it prints."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out + shown.err


def client_of(mock: MockServer) -> httpx2.Client:
    return httpx2.Client(base_url=mock.url, headers={"X-API-Key": "demo"}, verify=False, timeout=60)


def create_until_killed(mock: MockServer, kill_after: int) -> tuple[list[str], int]:
    """Create runs until the mock is killed, soon after ``kill_after`` of them; return the ids of
    those whose creation was acknowledged, and the number of requests."""
    created: list[str] = []
    enough = threading.Event()

    def kill() -> None:
        enough.wait(60)
        mock._process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    requests = 0
    with client_of(mock) as client:
        try:
            while True:
                requests += 1
                response = client.post("/_mock/runs", json={"scenario": "quick-success"})
                created.append(response.json()["id"])
                if len(created) == kill_after:
                    enough.set()
        except httpx2.TransportError:
            enough.set()
    killer.join()
    mock._process.wait(60)
    return created, requests


def ids(mock: MockServer) -> list[str]:
    with client_of(mock) as client:
        return [one["id"] for one in client.get(f"{RUNS}?limit=1000").json()["items"]][::-1]


def test_a_mock_that_is_killed_has_lost_nothing_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At whatever point of a request it is killed; and then it stops as any other, and goes on."""
    with mock_on(tmp_path) as mock:
        created, requests = create_until_killed(mock, 40)
    with mock_on(tmp_path) as mock:
        found = ids(mock)
        assert found[: len(created)] == created
        assert len(found) <= requests
        code, shown = command(capsys, "serve", "--port", "0", "--store", f"dir:{tmp_path}")
        assert code == 2
        assert f"in use by process {mock._process.pid}. Stop that" in shown
        fill_the_disk(mock)
        mock.interrupt()
        assert (mock.wait(), mock.errors()) == (0, ERRORS.format(path=tmp_path))
    code, shown = command(capsys, "worlds", "--store", f"dir:{tmp_path}")
    assert code == 0
    assert shown.splitlines()[1].startswith("demo ")


ERRORS = """\
the store dir:{path} is full, and changes are refused: File too large
the store dir:{path} has room again
"""


def fill_the_disk(mock: MockServer) -> None:
    """Let no file grow any more: changes are refused, reads are not; then let them grow again."""
    pid = mock._process.pid
    assert pid is not None
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    with client_of(mock) as client:
        run = client.post("/_mock/runs", json={"scenario": "quick-success"}).json()["id"]
        # Shorter than the log, longer than what is printed.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (400, limits[1]))
        refused = client.post(f"{RUNS}/{run}/cancel")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "File too large. Nothing was changed" in refused.json()["detail"]
        assert client.get(f"{RUNS}/{run}").json()["status"] == "pending"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        assert client.post(f"{RUNS}/{run}/cancel").json()["status"] == "cancelled"


@pytest.mark.extended
def test_a_mock_that_is_killed_again_and_again_has_lost_nothing(tmp_path: Path) -> None:
    """With snapshots in between, and every policy: a process that ends loses nothing by itself."""
    known: list[str] = []
    for fsync in ("no", "everysec", "always", "no"):
        with mock_on(tmp_path, "--fsync", fsync) as mock:
            found = ids(mock)
            assert found[: len(known)] == known
            created, _ = create_until_killed(mock, 150)
            known = found + created
