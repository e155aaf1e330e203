"""The files that a report is written to: they say the same, show no credential, and what came from
elsewhere is text in them and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from support import Judge

import conformance
from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.contract.contract import load
from conformance.contract.yaml_file import Lines
from conformance.harness.run_recording import Snapshot
from conformance.reporters.badge import as_badge
from conformance.reporters.har import as_har
from conformance.reporters.html import as_page
from conformance.reporters.markdown import as_markdown
from conformance.reporters.run_chart import timeline
from conformance.reporters.sarif import as_sarif
from conformance.resources import contract_file
from conformance.results.report import Report, entries_from
from conformance.results.result import Result
from conformance.results.run_history import MAX_STEPS, to_history
from conformance.results.waivers import Waiver
from conformance.vocabulary import FileKind, Level, Operation, Verdict

SECRET = "test-a-long-secret-for-reports"
NASTY = '</script><script>alert(1)</script> | `x` ``` <img src=x onerror="alert(2)"> & [a](b)\0'


@pytest.fixture(scope="module")
def written(
    proxy: str, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> dict[FileKind, str]:
    """Every file of one run against a mutant, by kind."""
    folder = tmp_path_factory.mktemp("reports")
    names = {kind: str(folder / kind.value) for kind in FileKind}
    include = ["GET-0[12]", "LIST-02", "LIFE-0[235]", "EVENTS-04"]
    options = {kind.value: name for kind, name in names.items()}
    judge(f"{proxy}/version-is-text", *include, token=SECRET, **options)
    return {kind: Path(name).read_text(encoding="utf-8") for kind, name in names.items()}


def test_no_file_shows_the_credential(written: dict[FileKind, str]) -> None:
    """Not one of them, though it was sent with every request."""
    assert all(written.values())
    assert [kind for kind, text in written.items() if SECRET in text] == []


def test_the_json_fits_its_schema(written: dict[FileKind, str]) -> None:
    """And has the runs that were observed, with steps, changes and events."""
    report = json.loads(written[FileKind.JSON])
    file = Path(conformance.__file__).parent / "report.schema.json"
    jsonschema_rs.validate(json.loads(file.read_text()), report)
    runs = {run["name"]: run for run in report["runs"]}
    succeeds = runs["run provided for succeeds"]
    assert [c["status"] for c in succeeds["changes"]] == ["pending", "running", "completed"]
    assert {step["status"] for step in succeeds["steps"]} == {"completed"}
    reported = runs["stream of a run that succeeds"]
    assert [reported["events"][0]["kind"], reported["events"][-1]["kind"]] == [
        "run.created",
        "run.completed",
    ]
    assert (len(report["contractDigest"]), report["credentials"]) == (64, ["token"])


def test_all_files_have_the_same_verdict(written: dict[FileKind, str]) -> None:
    """Not conformant, for the same requirements."""
    report = json.loads(written[FileKind.JSON])
    failed = {e["id"] for e in report["requirements"] if e["verdict"] == "violation"}
    assert {"LIST-02", "GET-01"} <= failed
    cases = ElementTree.fromstring(written[FileKind.JUNIT]).findall(".//testcase")
    failing = [case for case in cases if case.find("failure") is not None]
    assert {case.get("name", "").split()[0] for case in failing} == failed
    sarif = json.loads(written[FileKind.SARIF])["runs"][0]
    assert {r["ruleId"] for r in sarif["results"] if r["level"] == "error"} == failed
    assert "## Not conformant" in written[FileKind.MARKDOWN]
    assert "violation LIST-02" in written[FileKind.MARKDOWN]
    assert "Caused by the same fault: GET-01 (violation)" in written[FileKind.MARKDOWN]
    assert "not conformant" in written[FileKind.BADGE]
    page = written[FileKind.HTML]
    marked = re.findall(r'id="([A-Z]+-\d\d)" data-verdict="violation"', page)
    assert set(marked) == failed


def test_sarif_points_into_the_contract(written: dict[FileKind, str]) -> None:
    """At the line of the keyword, with the request; rules and results belong together."""
    document = json.loads(written[FileKind.SARIF])
    (run,) = document["runs"]
    lines = contract_file().read_text(encoding="utf-8").splitlines()
    assert document["version"] == "2.1.0"
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        contract_location = result["locations"][0]["physicalLocation"]
        assert contract_location["artifactLocation"] == {"uri": "openapi.yaml", "index": 0}
        assert 0 < contract_location["region"]["startLine"] <= len(lines)
    (first,) = (result for result in run["results"] if result["ruleId"] == "LIST-02")
    line = first["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert "versionNumber: {type: integer" in lines[line - 1]
    assert first["webRequest"]["headers"]["authorization"] == "Bearer $TOKEN"
    assert first["webResponse"]["statusCode"] == 200
    (invocation,) = run["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (1, True)


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_has_its_line(operation: Operation) -> None:
    """That of its method."""
    text = contract_file().read_text(encoding="utf-8")
    line = Lines(text).of(load().operation_pointer(operation))
    assert text.splitlines()[line - 1].strip() == f"{operation.method.lower()}:"


def made_up(**more: object) -> Report:
    """A report of one violation, one waived and one pass, all of whose words are nasty."""
    requirements = [Requirement(f"X-0{n}", NASTY, Level.DERIVED, NASTY) for n in (1, 2, 3)]
    exchange = Exchange(1, "GET", f"http://x/{NASTY}", {NASTY: NASTY}, NASTY, 200, {}, NASTY)
    results = [
        Result("X-01", NASTY, Verdict.VIOLATION, NASTY, 1.0, (), (exchange,), 1),
        Result("X-02", NASTY, Verdict.DEVIATION, NASTY),
        Result("X-03", "check", Verdict.PASS),
    ]
    seen = {
        "name": NASTY,
        "run": {"id": NASTY, "createdAt": "2026-01-01T00:00:00Z"},
        "changes": [{"at": "2026-01-01T00:00:00Z", "status": NASTY}],
        "steps": [
            {
                "key": NASTY,
                "status": NASTY,
                "startedAt": None,
                "completedAt": NASTY,
                "dependsOn": [],
            }
        ],
        "events": [{"at": None, "kind": NASTY, "step": NASTY}],
    }
    sent = {"number": 1, "at": 0.0, "seconds": 1.0, "method": NASTY, "url": f"http://x/{NASTY}"}
    sent |= {"requestHeaders": {NASTY: NASTY}, "requestBody": NASTY, "responseHeaders": {}}
    sent |= {"status": None, "note": NASTY, "responseBody": NASTY, "responseSize": 1, "cut": True}
    sent |= {"curl": NASTY, "events": [{"at": 9.0, "event": NASTY, "id": NASTY, "data": NASTY}]}
    traffic = {"recordingStarted": "2026-01-01T00:00:00Z", "runs": [], "exchanges": [sent]}
    traffic |= {"exchangesLeftOut": 0, "failedBefore": False}
    results[0] = replace(results[0], runs=(seen,), traffic=traffic)
    waiver = Waiver(("X-02",), NASTY, NASTY, "2099-01-01", "here")
    report = Report(
        base_url="http://x",
        contract="1",
        provisioner="mock",
        states={},
        entries=entries_from(requirements, results, [waiver]),
        strict=False,
        started="2026-01-01T00:00:00Z",
        seconds=1,
        problem=NASTY,
        stale_waivers=(NASTY,),
        notes=("Certificates were not looked at.",),
    )
    return replace(report, **more) if more else report


def test_nothing_from_elsewhere_is_markup() -> None:
    """Whatever an implementation sends or a person writes: it is shown, and does nothing."""
    page, markdown, badge = as_page(made_up()), as_markdown(made_up()), as_badge(made_up())
    for text in (page, badge):
        assert "<img" not in text
        assert "alert(1)</script>" not in text
    assert page.count("<script>") == 1
    assert "\0" not in page
    fenced = re.sub(r"(`{4,})sh\n.*?\n\1", "", markdown, flags=re.DOTALL)
    assert fenced != markdown
    assert "<img" not in fenced
    assert "<script" not in fenced
    ElementTree.fromstring(badge)
    json.loads(as_sarif(made_up()))
    assert "picture exchanges" in page
    json.loads(as_har(made_up()))


def test_what_a_subscriber_must_know_is_everywhere() -> None:
    """What makes a verdict less than it seems stands in every report for people and tools."""
    for render in (as_page, as_markdown, as_sarif):
        assert "Certificates were not looked at." in render(made_up())


def test_a_waived_fault_is_suppressed_in_sarif() -> None:
    """With its reason."""
    (run,) = json.loads(as_sarif(made_up()))["runs"]
    (waived,) = (result for result in run["results"] if result["ruleId"] == "X-02")
    assert waived["suppressions"][0]["justification"].startswith(NASTY)


def test_a_report_of_nothing() -> None:
    """Can be written as well."""
    empty = made_up(entries=(), problem="", stale_waivers=(), notes=())
    for render in (as_page, as_markdown, as_badge, as_sarif):
        assert "no verdict" in render(empty).lower()


def run_of(steps: int, **times: str) -> dict[str, object]:
    """What is published of a run with so many steps."""
    run = {"id": "r", "status": "running", "createdAt": "2026-01-01T00:00:00Z"} | times
    each = [
        {
            "key": f"step-{n}",
            "status": "completed",
            "startedAt": "2026-01-01T00:00:01Z",
            "completedAt": "2026-01-01T00:00:05Z",
            "dependsOn": [f"step-{n - 1}"] if n else [],
        }
        for n in range(steps)
    ]
    published = to_history("run", [Snapshot(run, each)])
    assert published is not None
    return published


def test_the_picture_keeps_within_its_frame() -> None:
    """Every bar, tick and event, however many steps there are; more than sixty are not drawn."""
    picture = timeline(run_of(500, updatedAt="2026-01-01T00:00:00Z"))
    assert picture is not None
    assert len(picture.rows) == 1 + MAX_STEPS
    for row in picture.rows:
        assert all(bar.x >= 0 and bar.x + bar.width <= 100.01 for bar in row.bars)
        assert row.y < picture.height
    assert 2 <= len(picture.ticks) <= 10
    assert all(0 <= tick.x <= 100 for tick in picture.ticks)
    assert len(picture.links) == MAX_STEPS - 1


@pytest.mark.parametrize("created", ["yesterday", "", "2026-13-01T00:00:00Z"])
def test_a_run_without_times_has_no_picture(created: str) -> None:
    """What cannot be read as a time is not a moment."""
    assert timeline(run_of(0, createdAt=created)) is None
