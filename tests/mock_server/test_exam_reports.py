"""The reports of an exam, and the lines that a client reports, with text of others in them."""

import json
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from mock_server import pytest_plugin
from mock_server.exam.catalogue import CONTRACT, catalogue
from mock_server.exam.report_line import MAX_LINE, read_line
from mock_server.exam.reports import html, junit, markdown
from mock_server.exam.reports import json as json_report
from mock_server.exam.results import ExamResults, Result
from mock_server.exam.verdict import Verdict, failed, not_judged, passed

HOSTILE = "\x1b[31m\x00]]><script>alert(1)</script> | `a` *b* {{ 7 * 7 }} \ud800"


def results(*verdicts: tuple[str, Verdict], strict: bool = False) -> ExamResults:
    """The results of a client whose name and output are hostile."""
    found = ExamResults(HOSTILE, strict=strict)
    for item, verdict in verdicts:
        found.add(Result(catalogue()[item], verdict, output=HOSTILE))
    found.conclude(list(catalogue().values()), 1.0)
    return found


def test_hostile_text_stays_text() -> None:
    """In every format."""
    hostile = results(("STREAM-01", failed(HOSTILE)))
    page = html.render(hostile)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    document = ElementTree.fromstring(junit.render(hostile))
    [failure] = document.iter("failure")
    assert "<script>alert(1)</script>" in failure.attrib["message"]
    [row] = [line for line in markdown.render(hostile).splitlines() if "STREAM-01" in line]
    assert "\\<script\\>" in row
    assert row.replace("\\|", "").count("|") == 5
    assert json.loads(json_report.render(hostile))["items"][0]["reason"] == HOSTILE


@pytest.mark.parametrize(
    ("verdicts", "strict", "code"),
    [
        ([], False, 2),
        ([("STREAM-01", not_judged("no"))], False, 2),
        ([("STREAM-01", passed("yes"))], False, 0),
        ([("STREAM-01", failed("no"))], False, 1),
        ([("WAIT-04", failed("no"))], False, 0),
        ([("WAIT-04", failed("no"))], True, 1),
        ([("STREAM-01", passed("yes")), ("WAIT-04", not_judged("no"))], True, 1),
    ],
)
def test_the_exit_code(verdicts: Any, strict: bool, code: int) -> None:
    """A MUST that fails counts, a SHOULD only in a strict exam; nothing judged is never green."""
    assert results(*verdicts, strict=strict).exit_code == code


def test_a_request_that_the_contract_does_not_allow_fails_its_item() -> None:
    """In whatever situation it was sent."""
    found = ExamResults("client")
    found.add(Result(catalogue()["STREAM-01"], passed("yes"), contract="request 7: no"))
    found.add(Result(catalogue()[CONTRACT], passed("yes")))
    found.conclude(list(catalogue().values()), 1.0)
    assert found.exit_code == 1
    assert found.results[1].verdict.reason == "in the situation of STREAM-01: request 7: no"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"shown": broken', "expected JSON"),
        (b'{"shown": "event"}', "event: Field required"),
        (b'{"shown": "run", "status": "x", "more": 1}', "more: Extra inputs"),
        (b'{"shown": ["event"]}', "shown: "),
    ],
)
def test_a_report_that_is_not_valid(line: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_line(line)


@pytest.mark.parametrize(
    "line", [b"", b"\xff\xfe", b"[1]", b'{"level": "info"}', b"{", b"{" * MAX_LINE * 2]
)
def test_other_lines_are_ignored(line: bytes) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        (pytest.mark.exam("STREAM-01"), "expected only="),
        (pytest.mark.exam(sede=7), "expected only="),
        (pytest.mark.exam(only=["STREM-*"]), "item: expected one of STREAM-01, .* got 'STREM-"),
    ],
)
def test_a_marker_with_a_mistake(mark: pytest.MarkDecorator, problem: str) -> None:
    """It ends the session with one line."""
    definition = SimpleNamespace(get_closest_marker=lambda _: mark.mark)
    metafunc: Any = SimpleNamespace(fixturenames=["exam_sitting"], definition=definition)
    with pytest.raises(pytest.UsageError, match=problem):
        pytest_plugin.pytest_generate_tests(metafunc)
