"""The catalogue is complete: each requirement has a check, a source and its level's keyword."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from command_line import call_kit

from conformance.catalogue.requirements import Requirement, load
from conformance.contract.evidence import QUESTIONS
from conformance.errors import ConfigurationError

CHECKS = Path(__file__).parents[2] / "conformance" / "checks"


def test_requirements_and_checks_belong_to_each_other() -> None:
    """Every requirement has a check, and every check a requirement."""
    source = "".join(file.read_text() for file in CHECKS.glob("*.py"))
    bound = set(re.findall(r'@requirement\("([A-Z]+-\d+)"', source))
    listed = set(load().requirements)
    assert bound == {name for name in listed if not name.startswith("FUZZ-")}
    assert source.count("\ndef check_") == source.count('@requirement("') + 1


def test_a_module_has_the_checks_of_one_group() -> None:
    """The one it is known by: by that it is loaded or passed over."""
    modules = {file.stem: file.read_text() for file in CHECKS.glob("[a-z]*.py")}
    groups = {
        name: set(re.findall(r'@?requirement\(f?"([A-Z]+)', s)) for name, s in modules.items()
    }
    assert groups == {name: {name.upper()} for name in modules}
    assert {*map(str.upper, modules)} == {each.group for each in load().requirements.values()}


def test_entries_are_well_formed() -> None:
    """A sentence, a source, and an open question that exists if there is one."""
    for requirement in load().requirements.values():
        assert requirement.statement.endswith("."), requirement.id
        assert requirement.source
        assert requirement.question in (None, *QUESTIONS)


@pytest.mark.parametrize("requirement", load().requirements.values(), ids=lambda each: each.id)
def test_the_keyword_fits_the_level(requirement: Requirement) -> None:
    """One sentence: MUST for what is documented or derived, SHOULD for all else (RFC 2119)."""
    keywords = set(re.findall(r"\b(MUST|SHALL|SHOULD|MAY)\b", requirement.statement))
    assert keywords == {"MUST" if requirement.level.gates else "SHOULD"}
    assert not re.search(r"[.!?] [A-Z]", requirement.statement)


def test_a_pattern_without_match_is_refused() -> None:
    """A misspelt pattern would leave out what was meant to be checked."""
    with pytest.raises(ConfigurationError, match="expected a pattern that matches"):
        load().select(("LITS-*",), ())
    assert load().select(("LIST-*",), ("LIST-0?",)) == {f"LIST-{n}" for n in range(10, 21)}


def test_an_entry_that_is_wrong_is_named(tmp_path: Path) -> None:
    """By its id, with the key that is not known."""
    file = tmp_path / "requirements.yaml"
    file.write_text("- {id: LIST-01, statement: s, level: documented, source: s, levle: x}\n")
    with pytest.raises(ConfigurationError, match="LIST-01: unknown key 'levle'"):
        load(file)


def test_the_catalogue_is_shown() -> None:
    """`list` and `explain` name what there is, and near names for what there is not."""
    listed = _run("list", "CANCEL-*")
    assert listed.returncode == 0
    assert "CANCEL-10" in listed.stdout
    assert "LIST-01" not in listed.stdout
    explained = _run("explain", "cancel-05")
    assert "derived: A finished run cannot be stopped" in explained.stdout
    assert "Q02" in explained.stdout
    assert "bad_request: 400; the run does not change." in explained.stdout
    unknown = _run("explain", "CANCLE-05")
    assert unknown.returncode == 2
    assert "Did you mean CANCEL-05" in unknown.stdout


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return call_kit(*words)
