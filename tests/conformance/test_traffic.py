"""Recorded traffic: what HAR files of browsers, logs of the proxy and journals of the mock have and
lack, and files that are broken."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import call_kit

from conformance.errors import ConfigurationError
from conformance.traffic import har
from conformance.traffic.exchange import ObservedExchange
from conformance.traffic.reports import client_catalogue
from conformance.traffic.traffic_file import read_recording
from conformance.vocabulary import ROOT

Json = dict[str, Any]
HOST = "https://api.example.com"
SECRET = "s3cret-of-the-session"
UNKNOWN = "71c2941b-2662-5e0c-8874-3ca5ef3c6b7e"
EMPTY: Json = {"items": [], "total": 0}


def entry(path: str, body: object = None, **changed: Any) -> Json:
    """An entry of a HAR file, as a browser writes it, with other values in it."""
    content = {"mimeType": "application/json", "text": json.dumps(EMPTY if body is None else body)}
    request: Json = {"method": "GET", "url": f"{HOST}{path}", "headers": [], "bodySize": 0}
    headers = [{"name": "Content-Type", "value": "application/json"}]
    headers.append({"name": "Content-Encoding", "value": "br"})
    response: Json = {"status": 200, "headers": headers, "content": content}
    return {
        "startedDateTime": "2026-03-02T08:15:00.000Z",
        "time": 12.5,
        "request": request | changed.pop("request", {}),
        "response": response | changed.pop("response", {}),
        **changed,
    }


def write_har(folder: Path, *entries: Json, **more: Any) -> str:
    """Write a HAR file; returns its name."""
    log = {"version": "1.2", "pages": [{"title": 'has \\"entries\\": [ in it'}], "entries": entries}
    file = folder / "session.har"
    file.write_text(json.dumps({"log": log | more}, indent=1), encoding="utf-8")
    return str(file)


def test_a_har_file_is_read(tmp_path: Path) -> None:
    """Bodies in base64, without a body, blocked requests, other schemes, missing fields."""
    encoded = base64.b64encode(b'{"items": [], "total": 0}').decode()
    name = write_har(
        tmp_path,
        entry(ROOT, response={"content": {"text": encoded, "encoding": "base64"}}),
        entry(ROOT, response={"content": {"size": 500}}),
        entry("/x", response={"status": 0, "_error": "net::ERR_FAILED"}),
        entry("", request={"url": "data:text/plain,x"}),
        {"request": {"method": "GET", "url": f"{HOST}{ROOT}?limit=5"}},
    )
    found = list(read_recording(name))
    assert [_body(each) for each in found] == [b'{"items": [], "total": 0}', None, None, None]
    assert found[2].note == "net::ERR_FAILED"
    assert found[3].request.query == "limit=5"
    assert all(each.request.hidden for each in found)


def test_a_large_har_file_is_read_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a portion ends."""
    entries = [entry(f"{ROOT}?limit={n}", {"items": ['}]\\"' * n], "total": n}) for n in range(20)]
    name = write_har(tmp_path, *entries)
    expected = [each.request.query for each in read_recording(name)]
    for portion in (7, 64, 1_000):
        monkeypatch.setattr(har, "PORTION", portion)
        assert [each.request.query for each in read_recording(name)] == expected
    assert len(expected) == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": expected traffic, got an empty file."),
        ('{"log": {}}', ": expected log.entries, got none."),
        ('{"log": {"entries": [{"request": ', ": entry 1: expected JSON, got Expecting value"),
        ('{"log": {"entries": [{}]}}', ": entry 1: expected a request and a response of HAR 1.2"),
        ('{"log": {"entries": [1]}}', ": entry 1: expected a request and a response of HAR 1.2"),
        ('{"log": {"entries": [' + "[" * 5_000, ": entry 1: expected JSON, got a value that is"),
        ('{"a": 1}\n', ":1: expected an exchange, got no 'headers'."),
        ("\n\nnot json\n", ":3: expected JSON, got Expecting value"),
        ("[1]\n", ":1: expected an exchange, got list."),
        ('{"request": {}}', ":1: expected an exchange, got no 'method'."),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """With the file, the line or entry, and what was expected there."""
    file = tmp_path / "traffic"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        list(read_recording(str(file)))
    assert message in caught.value.message
    assert caught.value.message.startswith(str(file))
    assert caught.value.hint


def test_bytes_of_another_encoding_are_an_error(tmp_path: Path) -> None:
    """A compressed file, for instance."""
    file = tmp_path / "session.har.gz"
    file.write_bytes(b"\x1f\x8b\x08\x00\xff")
    with pytest.raises(ConfigurationError, match="expected text in UTF-8"):
        list(read_recording(str(file)))


def test_a_recording_is_judged_on_both_sides(tmp_path: Path) -> None:
    """The report of each side has its own files; credentials are in none of them."""
    bearer = [{"name": "Authorization", "value": f"Bearer {SECRET}"}]
    name = write_har(
        tmp_path,
        entry(f"{ROOT}?limit=2&note={SECRET}", {"items": []}, request={"headers": bearer}),
        entry(f"{ROOT}?limit=5000", request={"headers": bearer}),
        entry(ROOT, {"items": [], "total": SECRET}, request={"headers": bearer}),
    )
    reports = [f"--json={tmp_path}/r.json", f"--html={tmp_path}/r.html"]
    done = call_kit("check-traffic", name, *reports, folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "client violation CLIENT-04" in done.stdout
    assert "server violation LIST-06" in done.stdout
    server, client = (
        {r["id"]: r for r in json.loads((tmp_path / file).read_text())["requirements"]}
        for file in ("r.json", "r-client.json")
    )
    assert server["LIST-01"]["verdict"] == "violation"
    assert server["AUTH-09"]["verdict"] == "violation"
    assert server["GET-01"]["untested"] == "not exercised"
    assert client["CLIENT-05"]["verdict"] == "deviation"
    written = [file for file in tmp_path.iterdir() if file.suffix != ".har"]
    assert len(written) == 4
    assert all(SECRET not in file.read_text() for file in written)
    assert SECRET not in done.stdout


def test_the_journal_of_the_mock_judges_the_client(tmp_path: Path) -> None:
    """As its control API returns it: newest first, without credentials and responses."""
    base = {"method": "GET", "path": ROOT, "at": "2026-03-02T08:15:00.000Z", "durationMs": 1.5}
    items = [
        base
        | {"number": 3, "method": "POST", "path": f"{ROOT}/{UNKNOWN}/retry", "status": 422}
        | {"headers": {"content-type": "application/json", "content-length": "3"}, "body": "[1]"},
        base | {"number": 2, "query": "limit=9999", "headers": {}, "status": 422},
        base | {"number": 1, "query": "", "headers": {"accept": "*/*"}, "status": 401},
    ]
    file = tmp_path / "journal.json"
    file.write_text(json.dumps({"items": items, "total": 2}), encoding="utf-8")
    done = call_kit("check-traffic", str(file), folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "client violation CLIENT-04" in done.stdout
    assert "client violation CLIENT-06" in done.stdout
    assert "server violation" not in done.stdout
    assert "CLIENT-09" not in done.stdout


def test_traffic_of_another_api_has_no_verdict(tmp_path: Path) -> None:
    """Nothing exercised is never green."""
    done = call_kit("check-traffic", write_har(tmp_path, entry("/other")), folder=tmp_path)
    assert done.returncode == 2
    assert "has no request to the API" in done.stdout


def test_requirements_of_clients_are_explained() -> None:
    """Each with its evidence, and the keyword that fits it."""
    done = call_kit("explain", "CLIENT-*")
    assert done.returncode == 0
    for each in client_catalogue().requirements.values():
        assert each.statement in done.stdout.replace("\n", " ")
        assert ("MUST" in each.statement) == each.level.gates
        assert ("SHOULD" in each.statement) != each.level.gates


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """With what to do."""
    done = call_kit("check-traffic", "missing.har", folder=tmp_path)
    assert done.returncode == 2
    assert "missing.har: No such file or directory." in done.stdout


def _body(exchange: ObservedExchange) -> bytes | None:
    return None if exchange.response is None else exchange.response.body
