"""Text from a target is visible and harmless wherever the kit shows it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import call_kit
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from test_reports import made_up

from conformance.redaction import harmless, visible
from conformance.reporters.html import as_page
from conformance.reporters.json import as_json
from conformance.reporters.junit import as_junit
from conformance.reporters.markdown import as_markdown
from conformance.reporters.sarif import as_sarif
from conformance.vocabulary import FileKind

ODD = {
    "surrogate": "\ud800",
    "command": "\n::error title=x::y\u001b]0;z\u0007",
    "old-command": "##[error]x\n  ::add-mask::a\r\n##vso[task.complete]",
    "terminal": "\u009b31m\u202e\u2028\u0000\ufffe",
    "markup": "<img src=x> @octocat #12 https://evil.example www.evil.example [a](b)",
}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff\ufffe]")
COMMAND = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)


async def be_odd(request: Request, forward: Forward, memory: Json) -> Response:
    """Put all the odd text into a run."""
    reply = await forward(request)
    if request.operation == "get" and reply.status == 200:
        text = " ".join(ODD.values())
        body = json.dumps(reply.json() | {"createdAt": text})
        return Response(200, {"content-type": "application/json"}, body.encode())
    return reply


def test_every_report_of_odd_text(mock: str, tmp_path: Path) -> None:
    """The run has findings and all its files, each valid, none with a character or a line that acts
    on what shows it; what the target sent can be recognised."""
    files = {kind: tmp_path / kind.value for kind in FileKind}
    command = ["run", "--token", "test-odd", "--verbose"]
    command += ["--provision", "discover", "--include", "GET-01", "--include", "HTTP-03"]
    for kind, file in files.items():
        command += [f"--{kind}", str(file)]
    with serving(Proxy(mock, [Mutant("odd", (), be_odd)])) as address:
        command += ["--base-url", f"{address}/odd"]
        done = call_kit(*command)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    texts = {kind: file.read_text(encoding="utf-8") for kind, file in files.items()}
    for kind, text in {**texts, "terminal": output}.items():
        assert CONTROL.search(text) is None, kind
    assert COMMAND.search(output) is None
    ElementTree.fromstring(texts[FileKind.JUNIT])
    report = json.loads(texts[FileKind.JSON])
    found = [e for e in report["requirements"] if e["verdict"] == "violation"]
    assert found
    json.loads(texts[FileKind.SARIF])
    assert "octocat" in texts[FileKind.MARKDOWN]
    again = call_kit("diff", *[str(files[FileKind.JSON])] * 2)
    assert again.returncode == 0


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_output_is_not_a_command(text: str) -> None:
    """For no terminal and no CI system, and it stays recognisable."""
    shown = harmless(text)
    assert CONTROL.search(shown) is None
    assert COMMAND.search(shown) is None
    assert len(shown) >= len(text) - 1
    assert harmless(shown) == shown


def test_plain_text_is_left_alone() -> None:
    """Line feeds, tabs, and letters and signs of any language."""
    text = "GET /a::b\n\t{'ü': '日本語', 'e': '😀'} # one"
    assert harmless(text) == text == visible(text)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_renderers_by_themselves(text: str) -> None:
    """Each accepts a report in which every text is odd, and what it returns can be written."""
    report = made_up()
    first, *others = report.entries
    worst = replace(first.results[0], message=text)
    exchange = replace(worst.exchanges[0], url=text, response_body=text, request_body=text)
    worst = replace(worst, exchanges=(exchange,))
    report = replace(report, entries=(replace(first, results=(worst,)), *others), problem=text)
    for render in (as_json, as_junit, as_markdown, as_page, as_sarif):
        written = render(report)
        assert CONTROL.search(written) is None, render
        written.encode()
    ElementTree.fromstring(as_junit(report))
    json.loads(as_json(report))
    json.loads(as_sarif(report))


def test_markdown_links_nothing() -> None:
    """Neither a mention, nor a reference, nor an address in a message becomes a link."""
    report = made_up(problem=ODD["markup"])
    line = next(each for each in as_markdown(report).splitlines() if "octocat" in each)
    for mark in ("@octocat", "#12", "://", "www.", "<img", "[a](b)"):
        assert mark not in line


def test_the_page_decodes_nothing() -> None:
    """A body is indented as it is spelled: an escape may hide a secret."""
    body = r'{"a":"x\u002By\/z","b":[1,{}, []],"c":{"d":"e,{[\""}}'
    report = made_up()
    first, *others = report.entries
    exchange = replace(first.worst.exchanges[0], response_body=body)
    worst = replace(first.worst, exchanges=(exchange,))
    page = as_page(replace(report, entries=(replace(first, results=(worst,)), *others)))
    assert r"x\u002By\/z" in page
    assert "x+y" not in page
    assert "{\n  &#34;a&#34;: &#34;x" in page
    assert r"&#34;e,{[\&#34;&#34;" in page
