"""The kit passes a conforming server and kills each mutant by the requirements it is named for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from _pytest.mark import ParameterSet
from backend_process import CONFIG, KEYS, serving_backend
from mutating_proxy import Mutant
from support import GROUPS, MUTANTS, SLOW, SLOW_MUTANTS, BackgroundRun, Judge

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import load
from conformance.results.report import Report
from conformance.vocabulary import ExitCode, Verdict

PROFILE = Path(__file__).parents[2] / "examples" / "flask_backend" / "behaviour.yaml"
CAUGHT = (Verdict.VIOLATION, Verdict.DEVIATION)


def test_every_requirement_has_a_mutant() -> None:
    """What no mutant breaks might never be noticed."""
    named = {requirement for mutant in MUTANTS for requirement in mutant.requirements}
    assert named == set(load().requirements)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def groups() -> Iterator[ParameterSet]:
    """Each group but the slow one. It is an extended test if each of its requirements has a mutant
    before it, or if Schemathesis has to catch it: `make test` proves that every check of the kit's
    own catches one, CI that all are caught."""
    caught: set[str] = set()
    for group in GROUPS:
        broken = {requirement for mutant in group for requirement in mutant.requirements}
        generated = any(requirement.startswith("FUZZ-") for requirement in broken)
        marks = [pytest.mark.extended] if generated or broken <= caught else []
        caught |= broken
        if SLOW not in broken:
            yield pytest.param(group, id="+".join(mutant.name for mutant in group), marks=marks)


@pytest.mark.parametrize("group", list(groups()))
def test_a_mutant_is_caught(group: list[Mutant], proxy: str, judge: Judge) -> None:
    """By the requirement it is named for, with a command that shows it; the run is not conformant
    where the contract says so, and under --strict in any case."""
    # The mock's list does not lag; a mutant's is not waited for.
    options = {"settle": "0.1s"} | group[0].given
    options[options.pop("by", "token")] = f"test-{group[0].name}"
    name = "+".join(mutant.name for mutant in group)
    broken = [requirement for mutant in group for requirement in mutant.requirements]
    report = judge(f"{proxy}/{name}", *broken, **options)
    found = {entry.requirement.id for entry in report.entries if entry.verdict in CAUGHT}
    assert found == set(broken), reported(report)
    assert all(entry.worst.curl for entry in report.entries)
    violated = any(entry.verdict is Verdict.VIOLATION for entry in report.entries)
    assert report.exit_code is (ExitCode.NOT_CONFORMANT if violated else ExitCode.CONFORMANT)
    for entry in report.entries:
        if entry.verdict is Verdict.VIOLATION:
            assert entry.requirement.level.gates


def test_the_slow_mutant_is_caught(slow_mutant: BackgroundRun) -> None:
    """A stream without a heartbeat is noticed when half a minute has passed, and not later."""
    report = slow_mutant.report()
    assert report["exitCode"] == ExitCode.CONFORMANT
    (entry,) = report["requirements"]
    assert (entry["id"], entry["verdict"]) == (SLOW, Verdict.DEVIATION)


def test_a_slow_run_reports_how_far_it_has_come(slow_mutant: BackgroundRun) -> None:
    """Also where its output is not a terminal, as in CI: a plain line every ten seconds."""
    output = slow_mutant.output()
    assert len(re.findall(r"^ +\d+ s  0 of 3  ", output, re.MULTILINE)) > 1, output


@pytest.mark.extended
def test_silence_of_each_kind_is_caught(proxy: str, judge: Judge) -> None:
    """Of the stream of a run that waits, and of a subscriber that has resumed; at the same time."""
    name = "+".join(mutant.name for mutant in SLOW_MUTANTS[1:])
    (entry,) = judge(f"{proxy}/{name}", SLOW, token="test-silent").entries
    kinds = {result.check: result.verdict for result in entry.results}
    assert sorted(kinds.values()) == [Verdict.DEVIATION, Verdict.DEVIATION, Verdict.PASS], kinds


def test_the_good_server_is_believed(reference: BackgroundRun) -> None:
    """All of the catalogue against the mock: every requirement passes, and it answers the open
    questions as the contract does."""
    report = reference.report()
    assert report["exitCode"] == ExitCode.CONFORMANT
    others = {r["id"]: r["message"] for r in report["requirements"] if r["verdict"] != Verdict.PASS}
    assert others == {}
    assert {r["id"] for r in report["requirements"]} == set(load().requirements)
    answers = {number: seen["answer"] for number, seen in report["observations"].items()}
    assert answers == {
        number: question.default for number, question in open_questions.load().items()
    }


def test_an_independent_backend_is_believed(backend: BackgroundRun) -> None:
    """One in real time that shares no code with the mock and answers half of the open questions
    otherwise: every requirement passes, and its answers are seen. It knows no rate limits. The
    extended tests let Schemathesis try it, too."""
    report = backend.report()
    assert report["exitCode"] == ExitCode.CONFORMANT
    others = [r for r in report["requirements"] if r["verdict"] != Verdict.PASS]
    assert [(r["id"], r["verdict"]) for r in others] == [("HTTP-08", Verdict.UNSUPPORTED)]
    answers = {number: seen["answer"] for number, seen in report["observations"].items()}
    assert answers == yaml.safe_load(PROFILE.read_text(encoding="utf-8"))["answers"]


def test_a_gate_takes_no_more_requests_than_it_says(backend: BackgroundRun) -> None:
    """Apart from generated tests. Each request has to prove something: a service may limit them."""
    taken = {
        entry["id"]: sum(check["requests"] for check in entry["checks"])
        for entry in backend.report()["requirements"]
    }
    total = sum(count for name, count in taken.items() if not name.startswith("FUZZ"))
    assert total <= 1200, sorted(taken.items(), key=lambda pair: -pair[1])[:20]


@pytest.mark.extended
def test_generated_tests_believe_an_independent_backend(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With time for all of them, however slow the machine is."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving_backend() as address:
        report = judge(address, "FUZZ-*", config=str(CONFIG), budget="30m")
    assert {entry.verdict for entry in report.entries} == {Verdict.PASS}, reported(report)


def test_the_page_of_an_ordinary_run_is_small(backend: BackgroundRun) -> None:
    """It can be attached to a message or a build."""
    backend.report()
    assert backend.file.with_suffix(".html").stat().st_size < 1_000_000


def reported(report: Report) -> str:
    """What the kit said of each requirement that did not pass."""
    return "\n".join(
        f"{e.requirement.id} {e.verdict}: {e.worst.message}"
        for e in report.entries
        if e.verdict is not Verdict.PASS
    )
