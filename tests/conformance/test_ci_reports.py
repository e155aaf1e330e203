"""Reports for CI systems, and what a run says to do next."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from test_reports import made_up

from conformance.config.settings import read
from conformance.errors import ConfigurationError
from conformance.reporters.codequality import as_codequality
from conformance.reporters.ctrf import as_ctrf
from conformance.reporters.github import GithubReporter, commands
from conformance.results.events import RunFinished
from conformance.results.next_steps import next_steps
from conformance.results.report import Report
from conformance.vocabulary import Verdict


def report_of(message: str, **more: object) -> Report:
    """A report whose first entry is a violation with this message."""
    report = made_up(**more)
    first, *others = report.entries
    worst = replace(first.results[0], message=message)
    return replace(report, entries=(replace(first, results=(worst,)), *others))


def test_annotations_for_github() -> None:
    """A line for each failure and each problem; text of a target ends none of them."""
    report = report_of("50% of\n::error::x\r\x1b[0m", problem="", stale_waivers=())
    written: list[str] = []
    GithubReporter(written.append).on(RunFinished(report))
    assert written == list(commands(report))
    (line,) = written
    assert line.startswith("::error title=X-01 violation::50%25 of%0A::error::x")
    assert re.search(r"[\n\r\x1b]", line) is None


def test_code_quality_for_gitlab() -> None:
    """An issue for each failure that is not waived, with a fingerprint that its message does not
    change."""
    (issue,) = json.loads(as_codequality(report_of("a")))
    (other,) = json.loads(as_codequality(report_of("b")))
    assert issue["fingerprint"] == other["fingerprint"]
    assert issue["severity"] == "critical"
    assert issue["location"]["lines"]["begin"] > 0
    assert issue["description"].endswith(" a")


def test_ctrf() -> None:
    """A test for each requirement; the summary counts them."""
    results = json.loads(as_ctrf(report_of("a")))["results"]
    summary = results["summary"]
    assert [test["status"] for test in results["tests"]] == ["failed", "skipped", "passed"]
    assert (summary["tests"], summary["failed"], summary["passed"]) == (3, 1, 1)
    assert summary["stop"] - summary["start"] == 1000


def test_a_failing_run_says_what_to_do_next() -> None:
    """How to read about the failure, and how to test it again."""
    steps = " ".join(next_steps(report_of("a", problem="")))
    assert "runs-conformance explain X-01" in steps
    assert "--include X-01" in steps


def test_a_run_that_tests_little_says_how_to_test_more() -> None:
    """Where runs are only found, and not created; a complete run says nothing."""
    entries = made_up().entries
    passing = replace(entries[2], requirement=replace(entries[2].requirement, id="X-03"))
    nothing = replace(made_up(problem="", stale_waivers=()), entries=(passing,))
    assert next_steps(nothing) == []
    found = replace(nothing, provisioner="discover", not_run=("X-09",))
    (text,) = [step for step in next_steps(found) if "--trigger" in step]
    assert "Only 1 of 2 requirements were tested" in text
    assert "runs-conformance init" in text
    assert passing.verdict is Verdict.PASS


def test_isolation_that_is_not_tested_is_a_step() -> None:
    """It needs a credential of another tenant."""
    entry = made_up().entries[2]
    message = "no run that is 'other_tenant': no credential of another tenant is configured"
    untested = replace(entry.results[0], verdict=Verdict.UNSUPPORTED, message=message)
    report = replace(
        made_up(problem="", stale_waivers=()), entries=(replace(entry, results=(untested,)),)
    )
    assert any("--other-token" in step for step in next_steps(report))


@pytest.mark.parametrize("key", ["command", "clock"])
def test_no_command_of_a_strange_file_is_run(key: str) -> None:
    """It is an error, which names the command; a request is none."""
    given = {"base_url": "http://x", "token": "test-x", "no_commands": True}
    command = "./advance {seconds}" if key == "clock" else "./make"
    with pytest.raises(ConfigurationError, match=r"expected no command with --no-commands"):
        read(given | {key: command}, environment={})
    read(given | {"clock": "POST /clock?by={seconds}"}, environment={})
