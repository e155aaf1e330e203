"""A backend's answers to the open questions are observed, written down, and played by the mock."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from command_line import call_kit
from mock_process import DEFAULTS, behave
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving

from conformance.catalogue.open_questions import (
    Observation,
    Question,
    RecordedObservation,
    observed_answers,
)
from mock_server.engine.behaviour import read

QUESTION = Question("Q04", "?", {"explicit": "a", "always": "b", "never": "c"})


def profile(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`runs-conformance profile`."""
    return call_kit("profile", *words, folder=folder)


def test_what_is_observed_is_written_down(mock: str, tmp_path: Path) -> None:
    """For the tenant that asks: with each answer which check saw what, in a file that the mock
    plays; a profile is not a report of the gate, though a configuration file names one."""
    turned = {"Q02": "unchanged", "Q11": "oldest_first", "Q19": "absent"}
    behave(mock, "test-turned", turned)
    (tmp_path / "conformance.toml").write_text('[reports]\njson = "report.json"\n')
    words = ["--base-url", mock, "--token", "test-turned", "--quiet", "--out", "new/theirs.yaml"]
    done = profile(*words, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["conformance.toml", "new"]
    written = tmp_path / "new" / "theirs.yaml"
    assert read(written).answers() == DEFAULTS | turned
    said = "# - CANCEL-05: POST automation-runs/{run_id}/cancel returned 200"
    assert said in written.read_text(encoding="utf-8")


async def teapot(request: Request, forward: Forward, memory: Json) -> Response:
    """Answers a cancel of what has finished in a way of its own, and a retry of what has not
    finished now in one way, now in another."""
    reply = await forward(request)
    if request.operation == "cancel" and reply.status == 409:
        reply.status = 418
    if request.operation == "retry" and reply.status == 409:
        run = (await forward(request.to("get"))).json()
        reply.status = 400 if run["status"] == "running" else 409
    return reply


@pytest.fixture(scope="module")
def odd(mock: str) -> Iterator[str]:
    """The mock with that before it."""
    with serving(Proxy(mock, [Mutant("teapot", (), teapot)])) as address:
        yield f"{address}/teapot"


@pytest.mark.extended
def test_what_no_profile_can_say_is_reported(odd: str) -> None:
    """In the file and on the terminal; the contract's own answer stands there as a comment, and the
    file is one that the mock takes."""
    done = profile("--base-url", odd, "--token", "test-odd")
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load(done.stdout)["answers"]
    assert answers == {q: a for q, a in DEFAULTS.items() if q not in ("Q02", "Q03")}
    assert "Q02: Answered in a way that no profile knows" in done.stderr
    assert "Q03: Answered in different ways" in done.stderr
    assert "# - CANCEL-05: POST automation-runs/{run_id}/cancel returned 418" in done.stdout
    assert "# - conflict: RETRY-11: POST" in done.stdout
    assert "# - bad_request: RETRY-11: POST" in done.stdout
    assert "  # Q02: conflict  (the contract's own)" in done.stdout


def test_without_changing_anything(mock: str) -> None:
    """Reading alone answers some of the questions; of the others the reason is given."""
    world = "test-reading"
    with httpx2.Client(base_url=mock, headers={"X-API-Key": world}, verify=False) as client:
        client.post("/_mock/clock/freeze").raise_for_status()
        for scenario in ("quick-success", "failure-in-the-middle", "diamond", "hang"):
            client.post("/_mock/runs", json={"scenario": scenario}).raise_for_status()
        client.post("/_mock/clock/advance", json={"seconds": 600}).raise_for_status()
        client.post("/_mock/runs", json={"scenario": "long-queue"}).raise_for_status()
    done = profile("--base-url", mock, "--token", world, "--read-only")
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load(done.stdout)["answers"]
    assert answers.items() <= DEFAULTS.items()
    assert {"Q05", "Q06", "Q07", "Q08", "Q11", "Q12", "Q13", "Q19", "Q20"} <= set(answers)
    assert "Q02" not in answers
    assert "# Not observed:" in done.stdout
    assert "CANCEL-05 is unsupported: it needs a run that may be changed" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--base-url", "http://127.0.0.1:1", "--token", "x"], "is not reachable"),
        (["--base-url", "http://127.0.0.1:1"], "No credential is given"),
        (
            ["--out", "/dev/null/theirs.yaml"],
            "--out: /dev/null/theirs.yaml: expected a file that can be written",
        ),
        (["--out", "/"], "--out: /: expected a file that can be written, got a directory"),
        (["--out", "/", "--token", "x", "--budget", "soon"], "--budget: expected a duration"),
    ],
)
def test_no_profile_is_not_a_file(words: list[str], said: str) -> None:
    """What is wrong is reported where the profile is not, and the exit code is 2."""
    done = profile(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def seen(*observations: tuple[str, ...]) -> tuple[str | None, bool, int]:
    """What observations of one question come to: the answer, whether they contradict each other,
    and how many are of something unknown."""
    records = [
        RecordedObservation("X-01", str(n), Observation("Q04", o, ""))
        for n, o in enumerate(observations)
    ]
    found = observed_answers({"Q04": QUESTION}, records)["Q04"]
    return found.answer, found.contradictory, len(found.unknown)


def test_parts_of_an_answer_add_up() -> None:
    """A question of several parts is answered when one answer is left."""
    assert seen(("explicit", "always")) == (None, False, 0)
    assert seen(("explicit", "always"), ("explicit", "never")) == ("explicit", False, 0)
    assert seen(("always",), ("explicit", "never")) == (None, True, 0)
    assert seen(("always",), ()) == (None, False, 1)
