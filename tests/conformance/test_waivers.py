"""Waivers as they are met: what they turn into `waived`, and what becomes of those that are out of
date or needed no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import call_kit

from conformance.catalogue.requirements import Requirement
from conformance.results.report import Entry, entries_from, find_stale
from conformance.results.result import Result
from conformance.results.waivers import Waiver
from conformance.vocabulary import Level, Verdict

TODAY = "2026-06-15"
IDS = ("X-01", "X-02", "X-03")


def waiver(*patterns: str, expires: str = "2026-06-15") -> Waiver:
    """One that is written well."""
    return Waiver(patterns, "known", "us", expires, "conformance.toml:9: waivers.1")


def entries(*verdicts: Verdict, waivers: tuple[Waiver, ...] = ()) -> tuple[Entry, ...]:
    """X-01, X-02 and so on with these verdicts."""
    pairs = list(zip(IDS, verdicts, strict=False))
    requirements = [Requirement(name, "s", Level.DERIVED, "s") for name, _ in pairs]
    return entries_from(requirements, [Result(n, "check", v) for n, v in pairs], waivers)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Verdict.VIOLATION, Verdict.WAIVED),
        (Verdict.DEVIATION, Verdict.WAIVED),
        (Verdict.INCONCLUSIVE, Verdict.WAIVED),
        (Verdict.ERROR, Verdict.WAIVED),
        (Verdict.UNSUPPORTED, Verdict.UNSUPPORTED),
        (Verdict.PASS, Verdict.PASS),
    ],
)
def test_what_is_waived(found: Verdict, verdict: Verdict) -> None:
    """Whatever fails, and nothing else; what was found is kept."""
    (entry,) = entries(found, waivers=(waiver("x-0*"),))
    assert (entry.verdict, entry.verdict_before_waiver) == (verdict, found)
    assert (entry.to_json()["waiver"] is not None) is (verdict is Verdict.WAIVED)


@pytest.mark.parametrize(
    ("verdicts", "given", "said"),
    [
        ([Verdict.VIOLATION, Verdict.PASS], waiver("X-0[12]"), ""),
        (
            [Verdict.PASS, Verdict.PASS, Verdict.PASS],
            waiver("X-*"),
            "everything that it covers passes",
        ),
        ([Verdict.PASS, Verdict.VIOLATION], waiver("X-01"), "everything that it covers passes"),
        ([Verdict.VIOLATION], waiver("X-*", expires="2026-06-14"), "expired on 2026-06-14"),
        ([Verdict.PASS, Verdict.UNSUPPORTED], waiver("X-0[12]"), ""),
        ([Verdict.PASS, Verdict.PASS], waiver("X-0*"), ""),
    ],
)
def test_a_waiver_that_is_in_the_way(verdicts: list[Verdict], given: Waiver, said: str) -> None:
    """Its last day is past, or all that it covers was tested and passed: what was not
    tried may still need it."""
    lines = find_stale([given], entries(*verdicts, waivers=(given,)), IDS, TODAY)
    assert bool(lines) is bool(said)
    assert all("conformance.toml:9: waivers.1" in line and said in line for line in lines)


def gated(proxy: str, folder: Path, *words: str, **waived: str) -> tuple[int, str, dict[str, Any]]:
    """The kit on a mutant, with a waiver in conformance.toml: exit code, what was shown, report."""
    keys = {"reason": "known since 2.3", "owner": "team blue", "expires": "2999-01-01"} | waived
    text = "[[waivers]]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    (folder / "conformance.toml").write_text(text, encoding="utf-8")
    given = ["--base-url", f"{proxy}/version-is-text", "--token", "test-waivers", *words]
    done = call_kit("run", "--json", "report.json", *given, folder=folder)
    return done.returncode, done.stdout, json.loads((folder / "report.json").read_text())


def test_a_waived_violation_does_not_gate(proxy: str, tmp_path: Path) -> None:
    """It is shown with its reason and owner, and what it was."""
    include = ["--include", "GET-0[12]"]
    code, shown, report = gated(proxy, tmp_path, *include, requirements="GET-01")
    assert code == 0, shown
    assert "waived GET-01" in shown
    assert "violation, waived until 2999-01-01 by team blue: known since 2.3" in shown
    assert (report["counts"]["waived"], report["conclusion"]) == (1, "conformant")
    (entry,) = (each for each in report["requirements"] if each["id"] == "GET-01")
    assert (entry["verdict"], entry["verdictBeforeWaiver"]) == ("waived", "violation")
    assert entry["waiver"]["owner"] == "team blue"
    assert "2 of 2 requirements tested" in shown


def test_waived_in_a_run_of_pytest(proxy: str, tmp_path: Path) -> None:
    """It is skipped there, and for the reason that is given."""
    text = '[[waivers]]\nrequirements = "GET-01"\nreason = "known"\nowner = "us"\n'
    (tmp_path / "conformance.toml").write_text(text + "expires = 2999-01-01\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "conformance.plugin", "-p", "no:cacheprovider"]
    command += ["--pyargs", "conformance", "-q", "-rs", "--runs-include", "GET-0[12]"]
    command += ["--runs-base-url", f"{proxy}/version-is-text", "--runs-token", "test-waivers"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "waived by us, known: violation: " in done.stdout
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.parametrize(
    ("waived", "code", "said"),
    [
        ({"requirements": "GET-02"}, 1, "waivers.1 (GET-02, team blue) is unused"),
        ({"requirements": "GET-01", "expires": "2020-01-01"}, 1, "expired on 2020-01-01"),
        ({"requirements": "GET-0[34]"}, 1, ""),
    ],
)
def test_a_waiver_does_not_hide(
    proxy: str, tmp_path: Path, waived: dict[str, str], code: int, said: str
) -> None:
    """What it is not about, or no longer: the violation gates, and the waiver is reported."""
    got, shown, report = gated(proxy, tmp_path, "--include", "GET-0[12]", **waived)
    assert got == code, shown
    assert said in shown
    assert bool(report["staleWaivers"]) is bool(said)


def test_an_unused_waiver_is_an_error(proxy: str, tmp_path: Path) -> None:
    """With nothing else wrong, the exit code is 2."""
    code, shown, _ = gated(proxy, tmp_path, "--include", "GET-02", requirements="GET-02")
    assert code == 2, shown
    assert (
        "conformance.toml:1: waivers.1 (GET-02, team blue) is unused, everything that it" in shown
    )
