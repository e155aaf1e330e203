"""Two reports next to each other: what got worse, what better, and who changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import call_kit
from support import Judge

Json = dict[str, Any]


@pytest.fixture(scope="module")
def good(mock: str, judge: Judge) -> Json:
    """A report of the mock."""
    return judge(mock, "GET-0[1-3]", "LIST-0[29]", "LIST-07", token="test-diff").to_json()


@pytest.fixture(scope="module")
def bad(proxy: str, judge: Judge) -> Json:
    """One of a mutant, otherwise reported the same."""
    mutant = f"{proxy}/version-is-text"
    return judge(mutant, "GET-0[1-3]", "LIST-0[29]", "LIST-07", token="test-diff").to_json()


def diff(folder: Path, before: Json, after: Json) -> tuple[int, str]:
    """The command on two files."""
    files = folder / "before.json", folder / "after.json"
    for file, report in zip(files, (before, after), strict=True):
        file.write_text(json.dumps(report), encoding="utf-8")
    return command(*map(str, files))


def command(*words: str) -> tuple[int, str]:
    """Exit code and what appeared."""
    done = call_kit("diff", *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_report_and_itself(good: Json, tmp_path: Path) -> None:
    """Nothing changed."""
    code, said = diff(tmp_path, good, good)
    assert (code, said) == (
        0,
        "conformant, then conformant\nNothing changed. Kit and contract are the same.\n",
    )


def test_a_report_of_format_1_is_read(good: Json, bad: Json, tmp_path: Path) -> None:
    """Its keys had other names."""
    old = changed(good, lambda report: report.update(format=1))
    old |= {"trouble": old.pop("problem"), "notReached": old.pop("notRun")}
    for answer in old["observations"].values():
        answer["seen"] = answer.pop("evidence")
        for each in answer["seen"]:
            each["saw"] = each.pop("observed")
    for each in old["requirements"]:
        each |= {"found": each.pop("verdictBeforeWaiver"), "place": each.pop("contractLocation")}
        for check in each["checks"]:
            check["culprit"] = check.pop("failingExchange")
    assert diff(tmp_path, old, good) == diff(tmp_path, good, good)
    assert diff(tmp_path, old, bad) == diff(tmp_path, good, bad)


def test_worse_and_better(good: Json, bad: Json, tmp_path: Path) -> None:
    """What fails that passed is worse, and the exit code says so; the way back is better."""
    code, said = diff(tmp_path, good, bad)
    assert code == 1
    assert "worse\n  LIST-02  pass, then violation\n" in said
    assert "  GET-01  pass, then violation\n" in said
    assert "GET-02" not in said
    assert "conformant, then not conformant" in said
    assert "base URL: " in said
    assert "what changed is the implementation, or how it was run." in said
    code, said = diff(tmp_path, bad, good)
    assert (code, "better\n  LIST-02  violation, then pass\n" in said) == (0, True)


def changed(report: Json, change: Callable[[Json], object]) -> Json:
    """Another report with this changed."""
    other = copy.deepcopy(report)
    change(other)
    return other


def entry(report: Json, name: str) -> Json:
    """One requirement of it."""
    (found,) = (each for each in report["requirements"] if each["id"] == name)
    return dict(found)


def lose(report: Json, *, reached: bool) -> None:
    """Leave a requirement without a verdict."""
    report["requirements"].remove(entry(report, "GET-02"))
    report["notRun"] = [] if reached else ["GET-02"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda r: r.update(contractDigest="x", contract="2.0.0"), 0, "the contract (1.0.0 to 2.0"),
        (lambda r: r.update(catalogueDigest="x"), 0, "the kit ("),
        (lambda r: r.update(strict=True), 0, "strict: no, then yes"),
        (lambda r: r["fuzz"].update(seed=7), 0, "seed none, then cases "),
        (
            lambda r: r["states"].update(fails="no such runs"),
            0,
            "fails: provided, then no such runs",
        ),
        (lambda r: lose(r, reached=True), 0, "only in the first report\n  GET-02"),
        (lambda r: lose(r, reached=False), 1, "not run any more\n  GET-02"),
        (
            lambda r: r["requirements"][0].update(verdict="unsupported", statement="Another."),
            1,
            "pass, then unsupported  (the requirement was changed)",
        ),
        (
            lambda r: r["requirements"][0].update(
                verdict="waived", verdictBeforeWaiver="violation"
            ),
            1,
            "pass, then waived",
        ),
    ],
)
def test_who_changed(
    good: Json, tmp_path: Path, change: Callable[[Json], object], code: int, said: str
) -> None:
    """Contract, kit and circumstances are reported from the implementation."""
    got, shown = diff(tmp_path, good, changed(good, change))
    assert said in shown
    assert got == code


def test_only_in_the_second(good: Json, tmp_path: Path) -> None:
    """What the first run was not about is listed, and is not a change for the worse."""
    code, said = diff(tmp_path, changed(good, lambda r: lose(r, reached=True)), good)
    assert (code, "only in the second report\n  GET-02 pass\n" in said) == (0, True)


def test_answers(good: Json, tmp_path: Path) -> None:
    """A question that both runs saw answered, and otherwise."""
    seen = {"answer": "conflict", "possible": ["conflict"], "contradictory": False}
    sighting = {"requirement": "X", "check": "c", "answers": [], "observed": "s", "exchange": None}
    seen["evidence"] = [sighting]
    first = changed(good, lambda r: r.update(observations={"Q02": seen, "Q03": seen}))
    other = seen | {"answer": None, "possible": []}
    second = changed(good, lambda r: r.update(observations={"Q02": other, "Q04": seen}))
    code, said = diff(tmp_path, first, second)
    assert code == 0
    assert (
        "open questions with another answer\n  Q02  conflict, then none of the known answers\nconf"
        in said
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "expected JSON, got"),
        ("[]", "expected a report of format 2, got a different document: the document"),
        ('{"format": 1}', "is a required property"),
    ],
)
def test_what_is_not_a_report(good: Json, tmp_path: Path, text: str, said: str) -> None:
    """Is reported by name, with exit code 2."""
    (tmp_path / "good.json").write_text(json.dumps(good), encoding="utf-8")
    (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    code, shown = command(str(tmp_path / "good.json"), str(tmp_path / "bad.json"))
    assert (code, "bad.json" in shown, said in shown) == (2, True, True)
    code, shown = command(str(tmp_path / "good.json"), str(tmp_path / "none.json"))
    assert (code, "none.json: No such file" in shown) == (2, True)
