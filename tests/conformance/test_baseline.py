"""`runs-conformance baseline`: what fails today is waived for a while, what is fixed is named."""

from __future__ import annotations

import time
import tomllib
from calendar import timegm
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_reports
from click.testing import CliRunner, Result

from conformance.catalogue.requirements import load
from conformance.cli import baseline, cli
from conformance.config.toml_file import find
from conformance.config.waivers import read_waivers
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.results.baseline import without

OWNED = ("--owner", "platform team", "--reason", 'Before 2.0: "TICKET-1"')
FAILING = {"LIST-01": "pass", "CANCEL-01": "violation", "CANCEL-04": "deviation"}
CONFIG = """\
base_url = "http://127.0.0.1:1"  # kept as it is

[[waivers]]
requirements = ["GET-0[12]"]
reason = "by hand"
owner = "us"
expires = 2999-12-31

[reports]
json = "report.json"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in an empty directory, on a report with these verdicts."""
    monkeypatch.chdir(tmp_path)

    def call(
        verdicts: dict[str, str], *arguments: str, strict: bool = False, given: str = ""
    ) -> Result:
        small_reports.write(Path("report.json"), small_reports.report(verdicts, strict=strict))
        return CliRunner().invoke(cli, ["baseline", "report.json", *arguments], input=given)

    return call


def waivers(file: str = "conformance.toml") -> list[dict[str, Any]]:
    """The waivers in the file."""
    listed: list[dict[str, Any]] = tomllib.loads(Path(file).read_text())["waivers"]
    return listed


def test_what_fails_gets_a_waiver(run: Callable[..., Result]) -> None:
    """One for each requirement, which the kit reads; it expires after ninety days."""
    done = run(FAILING, *OWNED)
    assert done.exit_code == 0
    assert done.stderr == "waived now: CANCEL-01\nwaived before: none\n"
    (waiver,) = waivers()
    assert waiver["requirements"] == ["CANCEL-01"]
    assert waiver["reason"] == 'Before 2.0: "TICKET-1"'
    expires = timegm(time.strptime(str(waiver["expires"]), "%Y-%m-%d"))
    assert 88 <= (expires - timegm(time.gmtime())) / 86_400 <= 90
    text = Path("conformance.toml").read_text(encoding="utf-8")
    assert f"# baseline: {load()['CANCEL-01'].statement}\n[[waivers]]\n" in text
    file, errors = find("conformance.toml", Path()), ErrorCollector()
    assert file is not None
    assert [each.owner for each in read_waivers(file, load(), errors)] == ["platform team"]
    assert errors.count == 0


def test_deviations_are_waived_where_the_report_is_strict(run: Callable[..., Result]) -> None:
    """Else they fail no gate."""
    run(FAILING, *OWNED, strict=True)
    assert [each["requirements"] for each in waivers()] == [["CANCEL-01"], ["CANCEL-04"]]


def test_a_second_baseline_adds_only_what_is_new(run: Callable[..., Result]) -> None:
    """What is waived keeps its waiver and its date."""
    run(FAILING, *OWNED, "--expires", "2999-01-01")
    done = run(FAILING | {"GET-01": "violation"}, *OWNED, "--days", "1")
    assert done.stderr == "waived now: GET-01\nwaived before: CANCEL-01\n"
    first, second = waivers()
    assert str(first["expires"]) == "2999-01-01"
    assert second["requirements"] == ["GET-01"]


def test_what_was_fixed_is_named_and_pruned(run: Callable[..., Result]) -> None:
    """Only waivers that a baseline wrote are removed; the rest of the file stays as it is."""
    Path("conformance.toml").write_text(CONFIG, encoding="utf-8")
    run(FAILING, *OWNED)
    fixed = {"LIST-01": "pass", "CANCEL-01": "pass", "GET-01": "pass", "GET-02": "pass"}
    done = run(fixed)
    assert "fixed: GET-0[12] (us, conformance.toml:3: waivers.1)" in done.stderr
    assert "fixed: CANCEL-01 (platform team, conformance.toml:" in done.stderr
    assert "run with --prune" in done.stderr
    assert len(waivers()) == 2
    run(fixed, "--prune")
    assert Path("conformance.toml").read_text(encoding="utf-8") == CONFIG


def test_nothing_is_written_in_a_dry_run(run: Callable[..., Result]) -> None:
    """What would be appended is printed."""
    done = run(FAILING, *OWNED, "--dry-run")
    assert tomllib.loads(done.stdout)["waivers"][0]["owner"] == "platform team"
    assert not Path("conformance.toml").exists()


def test_a_project_file_has_waivers_in_its_own_table(run: Callable[..., Result]) -> None:
    """`[[tool.runs-conformance.waivers]]` of pyproject.toml."""
    Path("pyproject.toml").write_text("[tool.runs-conformance]\nstrict = true\n")
    run(FAILING, *OWNED, "--config", "pyproject.toml")
    written = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["runs-conformance"]
    assert written["strict"] is True
    assert written["waivers"][0]["requirements"] == ["CANCEL-01"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "--owner: expected a text, got none."),
        (("--owner", " "), "--owner: expected a text, got none."),
        (("--owner", "us"), "--reason: expected a text, got none."),
        ((*OWNED, "--expires", "soon"), "--expires: expected a date, got 'soon'."),
    ],
)
def test_a_waiver_has_an_owner_a_reason_and_a_date(
    run: Callable[..., Result], arguments: tuple[str, ...], complaint: str
) -> None:
    """Without a terminal to ask in, what is missing is an error, and nothing is written."""
    caught = run(FAILING, *arguments).exception
    assert isinstance(caught, ConfigurationError)
    assert caught.message == complaint
    assert not Path("conformance.toml").exists()


def test_ninety_days_are_the_most(run: Callable[..., Result]) -> None:
    """A later date is given on purpose, as --expires."""
    assert run(FAILING, *OWNED, "--days", "91").exit_code == 2
    assert run(FAILING, *OWNED, "--expires", "2999-12-31").exit_code == 0


def test_a_terminal_is_asked(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not given: owner, reason, and how long."""
    monkeypatch.setattr(baseline, "_interactive", lambda: True)
    done = run(FAILING, given="platform team\nBefore 2.0\n91\n7\n")
    assert done.exit_code == 0
    for question in ("Owner of the failures", "Reason to tolerate", "Days until", "1<=x<=90"):
        assert question in done.stderr
    (waiver,) = waivers()
    expires = timegm(time.strptime(str(waiver["expires"]), "%Y-%m-%d"))
    assert 5 <= (expires - timegm(time.gmtime())) / 86_400 <= 7
    assert (waiver["owner"], waiver["reason"]) == ("platform team", "Before 2.0")


def test_where_nothing_fails_nothing_is_asked(run: Callable[..., Result]) -> None:
    """Neither owner nor reason is needed."""
    done = run({"LIST-01": "pass"})
    assert (done.exit_code, done.stderr) == (0, "waived now: none\nwaived before: none\n")
    assert not Path("conformance.toml").exists()


def test_only_marked_entries_are_removed() -> None:
    """A line that is not the beginning of a baseline's waiver removes nothing."""
    text = "a = 1\n\n# baseline: one\n[[waivers]]\nowner = 'x'\n\n[reports]\n"
    assert without(text, [4]) == "a = 1\n\n[reports]\n"
    assert without(text, [1, 7]) == text
    assert without("[[waivers]]\nowner = 'x'\n", [1]) == "[[waivers]]\nowner = 'x'\n"
