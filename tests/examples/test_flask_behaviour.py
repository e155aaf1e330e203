"""The Flask backend: its answers to the contract's open questions, and its command."""

import ast
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import pytest
import yaml
from backend_caller import RUNS, Caller, problem
from flask_process import PATIENCE, TOP, BackendProcess

FOLDER = TOP / "examples" / "flask_backend"
BEHAVIOUR = yaml.safe_load((FOLDER / "behaviour.yaml").read_text(encoding="utf-8"))


class TestQuestions:
    """What the contract leaves open, and how this backend answers it."""

    def test_it_answers_as_it_says(self, acme: Caller, globex: Caller, anonymous: Caller) -> None:
        """Every line of behaviour.yaml is what is observed."""
        observed = dict(sorted(observe(acme, globex, anonymous)))
        assert observed == BEHAVIOUR["answers"]

    def test_the_mock_can_play_it(self) -> None:
        """What behaviour.yaml says is a profile that the mock takes."""
        done = command("runs-mock", "behaviours", str(FOLDER / "behaviour.yaml"))
        assert done.returncode == 0, done.stderr
        assert "new_run" in done.stdout


class TestCommand:
    """Starting it."""

    @pytest.mark.parametrize(
        ("options", "value"),
        [
            (["--port", "70000"], "70000"),
            (["--port", "http"], "http"),
            (["--speed", "0"], "0"),
            (["--speed", "nan"], "nan"),
            (["--heartbeat", "soon"], "soon"),
        ],
    )
    def test_a_bad_option_is_refused(self, options: list[str], value: str) -> None:
        """With its value and what would be right, and exit code 2."""
        done = start(*options)
        assert done.returncode == 2
        assert f"{options[0]}: {value!r} " in done.stderr
        assert "give a number" in done.stderr

    def test_a_port_in_use_is_reported(self, backend: BackendProcess) -> None:
        """And the exit code is not 0."""
        port = backend.url.rpartition(":")[2]
        done = start("--port", port)
        assert done.returncode != 0
        assert f"Port {port} is in use" in done.stderr

    def test_it_stands_on_flask_alone(self) -> None:
        """Of all that is installed next to it, nothing but Flask and what serves it is imported."""
        imported = set()
        for file in FOLDER.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(node.module.partition(".")[0])
        assert imported - sys.stdlib_module_names == {"flask", "werkzeug"}


# What a status reports, in the words of a behaviour profile.
WORDS = {
    200: "ok",
    201: "created",
    202: "accepted",
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "invalid",
}


def word(*answers: httpx2.Response) -> str:
    """What all these answers have in common."""
    (status,) = {answer.status_code for answer in answers}
    return WORDS[status]


def observe(acme: Caller, globex: Caller, anonymous: Caller) -> Iterator[tuple[str, str]]:
    """The answer to each question, seen from outside."""
    failed, done, pending = acme.finished("fails"), acme.finished("succeeds"), acme.new("pending")
    running = acme.new("running_long")
    acme.until(running, "step.started")

    first, second = acme.run(running), acme.run(running)
    yield "Q21", "grows" if first["durationSeconds"] < second["durationSeconds"] else "null"
    yield "Q03", word(acme.retry(pending), acme.retry(running))
    cancelled = acme.cancel(running)
    yield "Q10", "cooperative" if cancelled.json()["status"] == "running" else "at_once"
    assert acme.end(running)["status"] == "cancelled"
    before, answer = acme.run(done), acme.cancel(done)
    yield "Q02", "unchanged" if answer.json() == before == acme.run(done) else word(answer)
    refused = [acme.retry(r, mode=m) for r in (done, running) for m in ("full", "from_failed")]
    yield "Q04", "never" if word(*refused) == "bad_request" else "always"

    yield "Q15", word(acme.retry(failed, mode="from_step"))
    yield "Q16", word(acme.retry(failed, mode="from_step", stepKey="x"))
    bare = acme.http.post(f"{RUNS}/{failed}/retry")
    yield "Q01", "same_run" if bare.json()["id"] == failed else "new_run"
    acme.end(bare.json()["id"])
    empty = acme.retry(failed)
    yield "Q17", "defaults" if word(bare) == word(empty) else word(bare)
    yield "Q22", word(cancelled, empty)
    yield "Q18", acme.steps(failed)["notify"]["status"]

    yield "Q05", word(acme.http.get(RUNS, params={"status": "x"}))
    yield "Q06", word(*(acme.http.get(RUNS, params={"limit": limit}) for limit in (0, -1)))
    listed = acme.http.get(RUNS, params={"unknown": "x"})
    yield "Q07", "ignored" if listed.status_code == 200 else word(listed)
    moments = [run["createdAt"] for run in listed.json()["items"]]
    yield "Q11", "oldest_first" if moments == sorted(moments) else "newest_first"
    yield "Q08", word(anonymous.http.get(RUNS))
    foreign = globex.http.get(f"{RUNS}/{done}")
    yield "Q09", word(foreign)
    yield "Q20", "problem" if problem(foreign) else "detail"
    yield "Q19", "null" if acme.run(pending)["error"] is None else "absent"

    frames = acme.http.get(f"{RUNS}/{done}/events").text.split("\n\n")
    assert frames.pop() == ""
    (lines,) = {tuple(line.partition(":")[0] for line in f.splitlines()) for f in frames}
    yield "Q12", {("id", "event", "data"): "full", ("data",): "data_only"}[lines]
    yield "Q13", "replays" if "run.created" in frames[0] else "closes"
    yield "Q14", "closes" if "run.completed" in frames[-1] else "stays_open"


class TestWorkflow:
    """The workflow that gates it."""

    def test_its_settings_are_the_kits(self, backend: BackendProcess, tmp_path: Path) -> None:
        """With them and the configuration file the kit gets runs from the trigger, of both tenants,
        and believes what it sees."""
        path = FOLDER / ".github" / "workflows" / "conformance.yml"
        job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["conformance"]
        (said,) = (s["run"] for s in job["steps"] if "runs-conformance run" in s.get("run", ""))
        some = [f"--include={name}" for name in ("LIST-06", "CANCEL-02", "AUTH-0[2346]")]
        files = [f"--{kind}={tmp_path / kind}" for kind in ("json", "junit")]
        words = [*said.split(), "--base-url", backend.url, *some, *files]
        done = command(*words, environment=job["env"])
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / "json").stat().st_size
        assert "6 of 6 requirements tested" in done.stdout


def start(*options: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a backend that should not start."""
    return run([sys.executable, "-m", "examples.flask_backend", *options])


def command(
    name: str, *options: str, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """What one of the project's commands does, with this added to the environment."""
    return run([Path(sysconfig.get_path("scripts"), name), *options], environment)


def run(
    words: list[Any], environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """A process that ends by itself, at the top of the checkout."""
    return subprocess.run(
        words,
        cwd=TOP,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
