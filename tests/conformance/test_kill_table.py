"""The page on who catches which mutant reports of all of them, and of no other."""

from __future__ import annotations

import re

import kill_table
import pytest
from mutants.backend import BACKENDS
from support import MUTANTS


def test_the_page_lists_the_mutants_that_there_are() -> None:
    """Each with the requirements it is named for; when this fails, `make kill-table` mends it."""
    page = kill_table.DOC.read_text(encoding="utf-8").partition("| --- | --- | --- | --- |")[2]
    rows = re.findall(r"^\| ([a-z-]+) \| ([^|]*) \|", page, re.M)
    reported = {
        name: set(re.findall(r"[A-Z]+(?:-[A-Z]+)*-(?:\d+|[A-Z]+)", by)) for name, by in rows
    }
    assert reported == {mutant.name: set(mutant.requirements) for mutant in (*MUTANTS, *BACKENDS)}


def test_no_mutant_of_the_page_survived() -> None:
    """Each that was tested was killed by every requirement that it is named for."""
    page = kill_table.DOC.read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if "~~" in line] == []


@pytest.mark.parametrize(
    ("found", "row"),
    [
        ({"kit": ["LIST-01", "X-1"], "schemathesis": ["a at GET /"]}, "LIST-01 | X-1 | a at GET /"),
        ({"kit": [], "schemathesis": ["noise at GET /"]}, "~~LIST-01~~ | - | -"),
        (None, "LIST-01: not tested yet | |"),
    ],
)
def test_a_row(found: kill_table.Found | None, row: str) -> None:
    """A failure of the unchanged server too does not count, and a survivor is struck out."""
    jobs = [kill_table.Job("mock", ()), kill_table.Job("mutant", ("LIST-01",))]
    done = {"mock": {"kit": [], "tried": 1, "schemathesis": ["noise at GET /"]}}
    text = kill_table.table(jobs, done | ({"mutant": found} if found else {}), whole=True)
    assert f"| mutant | {row} |" in text
    assert "| the mock | 1 requirements tested, 0 false alarms | 1 false alarms: noise" in text
