"""What a check's end means, what a requirement gets of its checks, and what the command exits
with."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from conformance.catalogue.open_questions import Observation
from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.config.settings import STRICT, read
from conformance.errors import (
    CheckFailed,
    ConfigurationError,
    DeadlineExceeded,
    Inconclusive,
    SetupError,
    Unsupported,
)
from conformance.reporters.terminal import TerminalReporter
from conformance.results.events import RunFinished
from conformance.results.report import Report, entries_from
from conformance.results.result import Result, judge
from conformance.results.waivers import Waiver
from conformance.vocabulary import Level, Untested, Verdict

EXCHANGE = Exchange(3, "GET", "http://x/y", {"authorization": "Bearer $TOKEN"}, None, 200)


@pytest.mark.parametrize(
    ("fault", "level", "verdict"),
    [
        (None, Level.DOCUMENTED, Verdict.PASS),
        (CheckFailed("x"), Level.DOCUMENTED, Verdict.VIOLATION),
        (CheckFailed("x"), Level.DERIVED, Verdict.VIOLATION),
        (CheckFailed("x"), Level.ANALOGUE, Verdict.DEVIATION),
        (CheckFailed("x"), Level.INFERRED, Verdict.DEVIATION),
        (CheckFailed("x", level=Level.INFERRED), Level.DOCUMENTED, Verdict.DEVIATION),
        (CheckFailed("x", level=Level.DOCUMENTED), Level.ANALOGUE, Verdict.DEVIATION),
        (Inconclusive("x"), Level.DOCUMENTED, Verdict.INCONCLUSIVE),
        (DeadlineExceeded("x"), Level.DOCUMENTED, Verdict.INCONCLUSIVE),
        (Unsupported("x"), Level.DOCUMENTED, Verdict.UNSUPPORTED),
        (SetupError("x"), Level.DOCUMENTED, Verdict.ERROR),
        (KeyError("x"), Level.DOCUMENTED, Verdict.ERROR),
    ],
)
def test_a_check_is_judged(fault: BaseException | None, level: Level, verdict: Verdict) -> None:
    """Only findings are held against the implementation, and only as strongly as the weakest
    evidence behind them."""
    assert judge(fault, Requirement("X-01", "s", level, "s"), [EXCHANGE]).verdict is verdict


@pytest.mark.parametrize(
    ("verdicts", "strict", "problem", "code"),
    [
        ([Verdict.PASS], False, "", 0),
        ([Verdict.PASS, Verdict.DEVIATION], False, "", 0),
        ([Verdict.PASS, Verdict.DEVIATION], True, "", 1),
        ([Verdict.PASS, Verdict.VIOLATION], False, "", 1),
        ([Verdict.VIOLATION, Verdict.ERROR], False, "late", 1),
        ([Verdict.PASS, Verdict.ERROR], False, "", 2),
        ([Verdict.PASS], False, "the budget was spent", 2),
        ([Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED], False, "", 2),
        ([], False, "", 2),
    ],
)
def test_the_exit_code(verdicts: list[Verdict], strict: bool, problem: str, code: int) -> None:
    """Nothing exercised is never green, and a violation outweighs every trouble."""
    requirements = [Requirement(f"X-{n}", "s", Level.DERIVED, "s") for n in range(len(verdicts))]
    results = [
        Result(r.id, "check", verdict) for r, verdict in zip(requirements, verdicts, strict=True)
    ]
    report = Report(
        base_url="http://x",
        contract="1",
        provisioner="mock",
        states={},
        entries=entries_from(requirements, results),
        strict=strict,
        started="",
        seconds=1,
        problem=problem,
    )
    assert report.exit_code == code


def made_report(results: list[Result], fail_on: frozenset[Verdict], **more: Any) -> Report:
    """A report of these results."""
    requirements = [Requirement(r.requirement, "s", Level.DERIVED, "s") for r in results]
    waivers = more.pop("waivers", ())
    return Report(
        base_url="http://x",
        contract="1",
        provisioner="mock",
        states={},
        entries=entries_from(requirements, results, waivers),
        strict=Verdict.DEVIATION in fail_on,
        fail_on=fail_on,
        started="",
        seconds=1,
        **more,
    )


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Untested.PRECONDITION, 2),
        (Untested.UNSTABLE, 2),
        (Untested.BUDGET, 2),
        (Untested.RATE_LIMIT, 2),
        (Untested.OUT_OF_REACH, 0),
    ],
)
def test_untested_requirements_count_unless_out_of_reach(reason: Untested, code: int) -> None:
    """With --fail-on inconclusive; without it they only show in the coverage."""
    passed = Result("X-01", "check", Verdict.PASS)
    open_ = Result("X-02", "check", Verdict.INCONCLUSIVE, "why", reason=reason)
    strict = made_report([passed, open_], STRICT)
    assert strict.exit_code == code
    assert ("1 not tested" in strict.headline) is (code == 2)
    lenient = made_report([passed, open_], frozenset({Verdict.VIOLATION}))
    assert lenient.exit_code == 0
    assert lenient.coverage == f"1 of 2 requirements tested; not tested: 1 {reason.value}"


def test_unsupported_requirements_never_count() -> None:
    """What is declared unsupported does not fail a strict run."""
    unsupported = Result("X-02", "check", Verdict.UNSUPPORTED, "declared")
    report = made_report([Result("X-01", "check", Verdict.PASS), unsupported], STRICT)
    assert report.exit_code == 0
    assert report.untested == {Untested.UNSUPPORTED: ("X-02",)}


def test_what_follows_from_a_waived_failure_does_not_count() -> None:
    """Otherwise the waiver would not help."""
    root = Result("X-01", "check", Verdict.VIOLATION, "broken")
    follows = Result("X-02", "check", Verdict.INCONCLUSIVE, "why", caused_by="X-01")
    waiver = Waiver(("X-01",), "reason", "owner", "2999-12-31", "here")
    passed = Result("X-03", "check", Verdict.PASS)
    assert made_report([root, follows, passed], STRICT, waivers=[waiver]).exit_code == 0
    assert made_report([root, follows, passed], STRICT).exit_code == 1


def test_a_lost_connection_gives_no_verdict_unless_a_failure_stands() -> None:
    """What was lost is said, and is not held against the implementation."""
    passed = Result("X-01", "check", Verdict.PASS)
    lost = Result("X-02", "check", Verdict.INCONCLUSIVE, "reset", reason=Untested.LOST)
    lenient = frozenset({Verdict.VIOLATION})
    assert made_report([passed, lost], lenient).conclusion == "no verdict"
    broken = Result("X-03", "check", Verdict.VIOLATION, "broken")
    assert made_report([passed, lost, broken], lenient).conclusion == "not conformant"


def test_what_was_not_reached_is_counted() -> None:
    """A run that was interrupted does not look whole."""
    requirement = Requirement("X-01", "s", Level.DERIVED, "s")
    report = Report(
        base_url="http://x",
        contract="1",
        provisioner="mock",
        states={},
        entries=entries_from([requirement], [Result("X-01", "check", Verdict.PASS)]),
        strict=False,
        started="",
        seconds=1,
        interrupted=True,
        not_run=("X-02", "X-03"),
    )
    said = io.StringIO()
    TerminalReporter(Console(file=said, width=100)).on(RunFinished(report))
    assert (report.tested, report.selected) == (1, 3)
    assert "1 of 3 requirements tested" in said.getvalue()
    assert "not run: X-02, X-03" in said.getvalue()


def test_the_worst_check_decides() -> None:
    """A requirement that several checks decide has the worst of their verdicts."""
    requirement = Requirement("X-01", "s", Level.DERIVED, "s")
    results = [Result("X-01", str(v), v) for v in (Verdict.PASS, Verdict.VIOLATION, Verdict.ERROR)]
    (entry,) = entries_from([requirement], results)
    assert entry.verdict is Verdict.VIOLATION


def test_a_result_survives_the_way_between_processes() -> None:
    """Workers send results as JSON."""
    result = Result(
        "X-01",
        "c",
        Verdict.VIOLATION,
        "m",
        0.1,
        (Observation("Q01", ("same_run",), "s", 3),),
        (EXCHANGE,),
        3,
    )
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert result.curl == 'curl -i -H "authorization: Bearer $TOKEN" http://x/y'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {Verdict.VIOLATION}),
        ({"fail_on": "inconclusive"}, {Verdict.VIOLATION, Verdict.INCONCLUSIVE}),
        ({"fail_on": "violation, deviation"}, {Verdict.VIOLATION, Verdict.DEVIATION}),
        ({"strict": True}, STRICT),
    ],
)
def test_the_verdicts_that_fail_a_run_are_chosen(
    given: dict[str, Any], expected: set[Verdict]
) -> None:
    """Violations always count, and --strict counts all three."""
    assert read({"base_url": "http://x", "token": "t"} | given, {}).fail_on == expected


def test_an_unknown_verdict_to_fail_on_is_an_error() -> None:
    """With the nearest word."""
    with pytest.raises(ConfigurationError, match="--fail-on: expected violation, deviation"):
        read({"base_url": "http://x", "token": "t", "fail_on": "inconclusiv"}, {})
