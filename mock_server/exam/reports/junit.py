"""The report as JUnit XML."""

import re
from collections import defaultdict
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mock_server.exam.results import ExamResults, Result
from mock_server.exam.verdict import Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(results: ExamResults) -> str:
    """Return a suite for each group of items, a case for each item.

    What fails the exam is a failure; what was not judged, and a SHOULD that does not count, is
    skipped.
    """
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results.results:
        groups[result.group].append(result)
    document = Element("testsuites", _counts("runs-mock exam", results.results, results))
    for group, members in groups.items():
        suite = SubElement(document, "testsuite", _counts(group, members, results))
        for result in members:
            _add_case(suite, result, results)
    indent(document)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(document, "unicode") + "\n"


def _counts(name: str, members: list[Result], results: ExamResults) -> dict[str, str]:
    errors = sum(one.verdict.outcome is Outcome.ERROR for one in members)
    failures = sum(map(results.is_failure, members))
    passed = sum(one.verdict.outcome is Outcome.PASSED for one in members)
    return {
        "name": name,
        "tests": str(len(members)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(len(members) - errors - failures - passed),
        "time": f"{sum(one.seconds for one in members):.3f}",
    }


def _add_case(suite: Element, result: Result, results: ExamResults) -> None:
    case = SubElement(
        suite,
        "testcase",
        name=_visible(f"{result.item.id} {result.item.statement}"),
        classname=f"exam.{result.group}",
        time=f"{result.seconds:.3f}",
    )
    outcome = result.verdict.outcome
    if outcome is Outcome.PASSED:
        return
    kind = "failure" if results.is_failure(result) else "skipped"
    message = _visible(f"{result.item.level} {outcome}: {result.verdict.reason}")
    child = SubElement(
        case, "error" if outcome is Outcome.ERROR else kind, message=message, type=str(outcome)
    )
    if outcome is not Outcome.NOT_JUDGED:
        child.text = _visible(f"{result.item.meets}\n{result.output}".rstrip())


def _visible(text: str) -> str:
    """Return the text with a replacement for each character that XML does not allow."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
