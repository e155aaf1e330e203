"""Files that change while the mock runs are loaded, as a person at an editor sees it."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from processes import PATIENCE, RUNS_MOCK, MockServer, environment

RUNS = "/api/v1/automation-runs"
MINE = """
summary: {summary}
automation: {{name: Mine}}
steps:
  - {{key: {key}, takes: 10m}}
"""


def write(path: Path, text: str) -> None:
    """As editors do: another file takes the place of the old one."""
    other = path.with_name(f".{path.name}.swp")
    other.write_text(text, encoding="utf-8")
    os.replace(other, path)


def until(seen: Callable[[], bool], what: Callable[[], str]) -> None:
    """Ask until it is so; the deadline is a failure bound."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def client(mock: MockServer) -> httpx2.Client:
    headers = {"X-API-Key": "test-reload"}
    return httpx2.Client(base_url=mock.url, headers=headers, timeout=30, verify=False)


def summaries(api: httpx2.Client) -> dict[str, str]:
    items = api.get("/_mock/scenarios").json()["items"]
    return {item["name"]: item["summary"] for item in items}


def create(api: httpx2.Client) -> str:
    run_id: str = api.post("/_mock/runs", json={"scenario": "mine"}).json()["id"]
    return run_id


def keys(api: httpx2.Client, run_id: str) -> list[str]:
    steps: list[dict[str, Any]] = api.get(f"{RUNS}/{run_id}/steps").json()["steps"]
    return [step["key"] for step in steps]


def test_a_changed_scenario_is_for_new_runs(tmp_path: Path) -> None:
    """Runs under way keep the one they began with, and nothing else is lost; a broken file changes
    nothing and is reported once, with its line; a file that is gone is not a longer listed."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINE.format(summary="First", key="one"), encoding="utf-8")
    with MockServer("--scenarios", str(tmp_path), "--start", "empty") as mock, client(mock) as api:
        first = create(api)
        write(mine, MINE.format(summary="Second", key="two"))
        until(lambda: summaries(api)["mine"] == "Second", mock.errors)
        second = create(api)
        assert (keys(api, first), keys(api, second)) == (["one"], ["two"])

        write(mine, MINE.format(summary="Third", key="three") + "  - {key: four, tkaes: 2s}\n")
        until(lambda: "mine.yaml:6" in mock.errors(), mock.errors)
        (line,) = mock.errors().splitlines()
        assert "did you mean 'takes'?" in line
        assert line.endswith("what was in use stays in use")
        assert summaries(api)["mine"] == "Second"

        write(tmp_path / "other.yaml", MINE.format(summary="Another", key="x"))
        until(lambda: "other" in summaries(api), mock.errors)
        mine.unlink()
        until(lambda: "mine" not in summaries(api), mock.errors)
        assert keys(api, first) == ["one"]


def test_a_changed_behaviour_is_for_every_world_that_had_it(tmp_path: Path) -> None:
    """Its runs stay; a world that was given another behaviour keeps that, and a broken file changes
    nothing."""
    profile = tmp_path / "mine.yaml"
    profile.write_text("summary: Mine\nanswers: {Q02: conflict}\n", encoding="utf-8")
    with MockServer("--behaviour", str(profile), "--clock", "frozen") as mock, client(mock) as api:
        other = {"X-API-Key": "test-other"}
        api.put("/_mock/behaviour", json={"behaviour": "cooperative"}, headers=other)
        page = api.get(RUNS).json()

        def q02(headers: dict[str, str] | None = None) -> str:
            answers = api.get("/_mock/behaviour", headers=headers).json()["answers"]
            return str(answers["Q02"])

        write(profile, "summary: Mine\nanswers: {Q02: bad_request}\n")
        until(lambda: q02() == "bad_request", mock.errors)
        assert q02(other) == "unchanged"
        assert q02({"X-API-Key": "test-fresh"}) == "bad_request"
        assert api.get(RUNS).json() == page
        write(profile, "summary: Mine\nanswers: {Q02: perhaps}\n")
        until(lambda: "mine.yaml:2" in mock.errors(), mock.errors)
        assert q02() == "bad_request"


def test_a_directory_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    """Moved away and created again, it is the one that counts; so is a file in it."""
    directory = tmp_path / "scenarios"
    directory.mkdir()
    (directory / "mine.yaml").write_text(MINE.format(summary="First", key="one"))
    with MockServer("--scenarios", str(directory), "--start", "empty") as mock, client(mock) as api:
        directory.rename(tmp_path / "old")
        until(lambda: "is gone" in mock.errors(), mock.errors)
        assert summaries(api)["mine"] == "First"
        directory.mkdir()
        write(directory / "mine.yml", MINE.format(summary="Second", key="two"))
        until(lambda: summaries(api).get("mine") == "Second", mock.errors)
        write(directory / "mine.yml", MINE.format(summary="Third", key="three"))
        until(lambda: summaries(api)["mine"] == "Third", mock.errors)
        assert api.get(RUNS).status_code == 200


def test_files_are_left_alone_when_reported_so(tmp_path: Path) -> None:
    """With --no-reload the mock keeps what it was started with. The other mock shows when a change
    would have been seen."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(MINE.format(summary="First", key="one"), encoding="utf-8")
    options = ("--scenarios", str(tmp_path), "--start", "empty")
    with (
        MockServer(*options, "--no-reload") as still,
        MockServer(*options) as mock,
        client(mock) as api,
        client(still) as unmoved,
    ):
        write(mine, MINE.format(summary="Second", key="two"))
        until(lambda: summaries(api)["mine"] == "Second", mock.errors)
        assert summaries(unmoved)["mine"] == "First"


def test_nothing_to_watch_is_a_mistake() -> None:
    """One line that says what to name; exit code 2."""
    done = subprocess.run(
        [RUNS_MOCK, "serve", "--port", "0", "--reload"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "--scenarios or --behaviour" in done.stderr
    assert len(done.stderr.splitlines()) == 1
