"""Several processes side by side: the same verdicts as one after the other, and a worker that is
lost is reported."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import MUTANTS, BackgroundRun, Judge

from conformance.catalogue.requirements import load
from conformance.errors import KitError
from conformance.vocabulary import ExitCode, Verdict

# Of each kind: counting, racing, watching from early on, several on one observation, in passing.
SOME = ("LIST-0*", "LIST-1*", "RETRY-13", "CANCEL-0*", "EVENTS-0*", "LIFE-*", "STEPS-0*", "HTTP-1*")


@pytest.mark.extended
def test_two_workers_say_what_one_says(mock: str, judge: Judge, reference: BackgroundRun) -> None:
    """Verdicts, checks and observations, each in a world of its own."""
    both = judge(mock, *SOME, token="test-both", workers="2")
    assert both.not_run == ()
    assert {entry.verdict for entry in both.entries} == {Verdict.PASS}
    alone = reference.report()
    selected = {entry.requirement.id for entry in both.entries}
    checks = {
        (requirement["id"], check["name"], check["verdict"])
        for requirement in alone["requirements"]
        for check in requirement["checks"]
        if requirement["id"] in selected
    }
    assert {
        (entry.requirement.id, result.check, result.verdict.value)
        for entry in both.entries
        for result in entry.results
    } == checks
    # Of all that the other has observed, what these checks can observe.
    answers = {
        number: seen["answer"]
        for number, seen in alone["observations"].items()
        if selected & {record["requirement"] for record in seen["evidence"]}
    }
    assert both.observations.keys() == answers.keys()
    for number, seen in both.observations.items():
        assert answers[number] in seen.possible, seen.to_json()


@pytest.mark.parametrize(
    "name",
    ["pages-overlap", pytest.param("nul-reaches-the-database", marks=pytest.mark.extended)],
)
def test_two_workers_find_what_one_finds(name: str, proxy: str, judge: Judge) -> None:
    """With the command that shows it, in whichever worker it was found."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    report = judge(f"{proxy}/{name}", *mutant.requirements, token=f"test-{name}", workers="2")
    assert report.exit_code is ExitCode.NOT_CONFORMANT
    (entry,) = report.entries
    assert entry.worst.curl


@pytest.mark.extended
def test_worlds_that_cannot_be_reported_apart(mock: str, judge: Judge) -> None:
    """A mock's clock is one for a world: workers with one world would move each other's time."""
    with pytest.raises(KitError, match="worker needs a world") as refused:
        judge(mock, "LIST-01", token="demo", workers="2")
    assert "test-ci" in refused.value.hint


@pytest.mark.extended
def test_runs_named_one_by_one(mock: str, judge: Judge) -> None:
    """Each is for one check, and so for one worker."""
    with pytest.raises(KitError, match="contradict each other"):
        judge(mock, "LIST-01", token="demo", workers="2", state=("completed=x",))


async def leisurely(request: Request, forward: Forward, memory: Json) -> Response:
    """No mutant, but far too slow for a short run."""
    await asyncio.sleep(0.5)
    return await forward(request)


@pytest.mark.extended
def test_the_budget_holds_for_all(mock: str, judge: Judge) -> None:
    """It is spent since the run began, not since a worker did."""
    with serving(Proxy(mock, [Mutant("leisurely", (), leisurely)])) as address:
        base = f"{address}/leisurely"
        # Clean-up may take as long again as one answer may.
        given = {"budget": "4s", "timeout": "3s", "workers": "2"}
        try:
            report = judge(base, "LIST-*", token="test-late", **given)
        except KitError as fault:
            # On a busy machine the workers have not started by then.
            if fault.message != "the budget was spent before the first check":
                raise
            return
    assert report.exit_code is ExitCode.NO_VERDICT
    assert "budget" in report.problem
    assert report.seconds < 30


def test_a_worker_that_dies_is_an_error_with_a_report(mock: str, tmp_path: Path) -> None:
    """Another takes its place, and the report has all but what died with it, and says so."""
    lost, passed = threading.Event(), count()

    async def held(request: Request, forward: Forward, memory: Json) -> Response:
        # No run is over before it has lost a worker.
        if next(passed) > 30:
            await asyncio.to_thread(lost.wait, 60)
        return await forward(request)

    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "conformance", "run", "--token", "test-deadly"]
    command += ["--workers", "2", "--json", str(file), "--timeout", "60s"]
    command += ["--include", "LIST-*", "--include", "GET-*", "--verbose", "--base-url"]
    with (
        serving(Proxy(mock, [Mutant("deadly", (), held)])) as address,
        subprocess.Popen([*command, f"{address}/deadly"], stdout=subprocess.PIPE, text=True) as kit,
    ):
        assert kit.stdout is not None
        for line in kit.stdout:
            if "LIST-" in line:
                break
        os.kill(_children(kit.pid)[0], signal.SIGKILL)
        lost.set()
        said, _ = kit.communicate(timeout=60)
    assert kit.returncode == ExitCode.NO_VERDICT, said
    assert "died" in said
    report = json.loads(file.read_text())
    assert "died" in report["problem"]
    selected = load().select(("LIST-*", "GET-*"), ())
    assert len(report["requirements"]) + len(report["notRun"]) == len(selected)
    assert len(report["notRun"]) <= 1
    assert {entry["verdict"] for entry in report["requirements"]} == {"pass"}


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()]
