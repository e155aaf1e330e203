"""What a check's end means, what a requirement gets of its checks, and what the command exits
with."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from conformance.catalogue.open_questions import Observation
from conformance.catalogue.requirements import Requirement
from conformance.client.recorder import Exchange
from conformance.errors import CheckFailed, DeadlineExceeded, Inconclusive, SetupError, Unsupported
from conformance.reporters.terminal import TerminalReporter
from conformance.results.events import RunFinished
from conformance.results.report import Report, entries_from
from conformance.results.result import Result, judge
from conformance.vocabulary import Level, Verdict

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
