"""How workers end, and what then comes back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from served_command import COMMAND, Served, serve, until, worker_of, worlds_of

from mock_server.cluster import supervisor
from mock_server.cluster.request_numbers import SharedNumbers
from mock_server.errors import UsageError
from mock_server.testing import RUNS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")

WORLDS = worlds_of(2)
OPTIONS = ("--workers", "2", "--start", "empty", "--clock", "frozen")


def create(client: httpx2.Client) -> str:
    response = client.post("/_mock/runs", json={"scenario": "quick-success"})
    assert response.status_code == 201, response.text
    run: str = response.json()["id"]
    return run


def listed(served: Served, world: str) -> list[str]:
    with served.client(world) as client:
        while True:
            try:
                response = client.get(RUNS)
            except httpx2.TransportError:
                continue  # The worker ended after it had accepted the connection.
            if response.status_code != 503:
                return [run["id"] for run in response.json()["items"]]


def kill_owner(served: Served, world: str) -> None:
    """Kill the worker that owns the world, and wait until there is another."""
    workers = served.workers()
    os.kill(workers[worker_of(world, 2)], signal.SIGKILL)
    until(lambda: "started again" in served.errors and len(served.workers()) == 2)


@pytest.mark.parametrize("stored", [pytest.param(False, marks=pytest.mark.extended), True])
def test_a_worker_that_is_killed_is_started_again(stored: bool, tmp_path: Path) -> None:
    """With its worlds, if they are stored; the worlds of the other one are as before."""
    options = ("--store", f"dir:{tmp_path / 'store'}") if stored else ()
    with serve(*OPTIONS, *options) as served:
        runs = {}
        for world in WORLDS:
            with served.client(world) as client:
                runs[world] = create(client)
                number = int(client.get(RUNS).headers["x-mock-request"])
        kill_owner(served, WORLDS[0])
        assert listed(served, WORLDS[0]) == ([runs[WORLDS[0]]] if stored else [])
        assert listed(served, WORLDS[1]) == [runs[WORLDS[1]]]
        with served.client(WORLDS[0]) as client:
            assert int(client.get(RUNS).headers["x-mock-request"]) > number
        then = "come back from the store" if stored else "begin as at the start"
        index = worker_of(WORLDS[0], 2) + 1
        assert served.errors == (
            f"runs-mock: worker {index} has ended (signal 9) and is started again; "
            f"its worlds {then}\n"
        )
        processes = served.workers()
        assert served.end() == -signal.SIGTERM
        assert [one for one in processes if Path(f"/proc/{one}").exists()] == []


IMPATIENT = """
from mock_server.cli import main
from mock_server.cluster import supervisor

supervisor._LOOK = 0.3
main()
"""


def test_a_worker_that_hangs_is_started_again() -> None:
    """Requests that wait for it end with its connections, and the next ones work."""
    with serve(*OPTIONS, command=(sys.executable, "-c", IMPATIENT)) as served:
        owner = served.workers()[worker_of(WORLDS[0], 2)]
        os.kill(owner, signal.SIGSTOP)
        assert listed(served, WORLDS[0]) == []
        assert owner not in served.workers()
        index = worker_of(WORLDS[0], 2) + 1
        assert f"runs-mock: worker {index} hangs, and is killed; its worlds" in served.errors
        assert f"worker {index} has ended (signal 9) and is started again" in served.errors


def test_it_goes_on_when_what_read_its_output_has_ended() -> None:
    """Also when a worker has ended, which it would print."""
    command = [COMMAND, "serve", "--port", "0", *OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"Ctrl-C" not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()
        process.stderr.close()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        before = children.read_text().split()
        os.kill(int(before[0]), signal.SIGKILL)
        until(
            lambda: (
                process.poll() is not None
                or (len(now := children.read_text().split()) == 2 and now != before)
            )
        )
        process.terminate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.extended
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_as_one_process_does(number: int, tmp_path: Path) -> None:
    """With open streams and at any signal, and nothing is left."""
    codes = []
    for workers in ("1", "2"):
        with serve(
            "--workers", workers, "--clock", "frozen", "--start", "empty", TMPDIR=str(tmp_path)
        ) as served:
            processes = served.workers()
            with served.client(WORLDS[0]) as client:
                run = create(client)
                with client.stream("GET", f"{RUNS}/{run}/events") as response:
                    lines = response.iter_lines()
                    next(lines)
                    codes.append(served.end(number))
                    for _ in lines:
                        pass
            assert served.errors == ""
            assert [one for one in processes if Path(f"/proc/{one}").exists()] == []
    assert codes[0] == codes[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.extended
def test_workers_end_when_what_started_them_was_killed(tmp_path: Path) -> None:
    with serve(*OPTIONS, TMPDIR=str(tmp_path)) as served:
        processes = [Path(f"/proc/{one}/cmdline") for one in served.workers()]
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        # A process that nothing has waited for is there without a command.
        until(lambda: not any(one.exists() and one.read_bytes() for one in processes))
        until(lambda: not list(tmp_path.iterdir()))


@pytest.mark.extended
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_without_stdout(workers: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    options = ["--port", "0", "--workers", workers, "--store", f"dir:{store}"]
    command = ["sh", "-c", 'exec "$0" "$@" >&-', COMMAND, "serve", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until(lambda: (store / "worlds").exists() or process.poll() is not None)
        process.terminate()
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == -signal.SIGTERM


@pytest.mark.extended
def test_changed_files_reach_every_worker_and_are_reported_once(tmp_path: Path) -> None:

    def post(client: httpx2.Client) -> httpx2.Response:
        return client.post("/_mock/runs", json={"scenario": "mine"})

    text = (Path(__file__).parents[2] / "fixtures/scenarios/quick-success.yaml").read_text("utf-8")
    (tmp_path / "other.yaml").write_text(text, encoding="utf-8")
    with serve(*OPTIONS, "--scenarios", str(tmp_path)) as served:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        for world in WORLDS:
            with served.client(world) as client:
                until(lambda: post(client).is_success)
        until(lambda: "taken up" in served.output)
        served.end()
        assert served.output.count("taken up") == 1


def test_a_directory_for_the_sockets_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose path is too long for a socket."""
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(UsageError, match=r"--workers: expected .* Set TMPDIR to another one"):
        supervisor.open_seats(2)
    assert list(deep.iterdir()) == []


def test_a_system_that_cannot_share_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_server.cluster.supervisor.sys.platform", "win32")
    with pytest.raises(UsageError, match="--workers: expected 1 on this system"):
        supervisor.check_platform()


def test_numbers_grow_over_all_workers_and_say_whose_they_are() -> None:
    numbers = SharedNumbers(3)
    taken = []
    for index in (0, 0, 2, 1, 1, 0, 2, 2):
        numbers.index = index
        taken.append(next(iter(numbers)))
        assert numbers.worker_of(taken[-1]) == index
    assert taken == sorted(set(taken))
    assert taken[0] == 3  # The first is more than zero.
