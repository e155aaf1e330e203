"""Credentials are in no report, whichever way they were told and however a target repeats them."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from command_line import call_kit
from connect_proxy import PASSWORD, ForwardProxy
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving

from conformance.client.redaction import Redactor

TOKEN = 'test-tok"en/with+odd&<signs>=9'
OTHER = "test-other/credential+of=another"
GATE = "a-gateway/key+of=some-length"
KINDS = ("json", "junit", "html", "markdown", "sarif", "badge")


def spellings(secret: str) -> set[str]:
    """What a target could make of it, as a reader of the report would know it again."""
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    packed = {base64.b64encode(secret.encode()).decode().rstrip("=")}
    return plain | packed | {json.dumps(secret)[1:-1], escape(secret), secret.encode().hex()}


async def echo(request: Request, forward: Forward, memory: Json) -> Response:
    """Says again all that it was told, in every way it knows, where it is and where it is not."""
    known = Request(
        request.method, request.path, request.query, dict(request.headers), request.body
    )
    held = "".join(known.headers.pop(name, "") for name in ("authorization", "x-api-key"))
    known.headers["x-api-key"] = "acme" if TOKEN in held else "globex" if OTHER in held else held
    reply = await forward(known)
    told = [value for name, value in request.headers.items() if name != "host"]
    secrets = [TOKEN, OTHER, GATE, PASSWORD]
    said = [*told, *(each for secret in secrets for each in sorted(spellings(secret)))]
    packed = base64.b64encode("|".join(told).encode()).decode()
    reply.headers["x-echo"] = quote(" ".join(told))
    reply.headers["set-cookie"] = f"vai_token={quote(TOKEN)}"
    if request.operation == "list":
        return reply.put({"items": 5, "total": said, "packed": packed, "basic": f"Basic {packed}"})
    if request.operation == "get" and reply.status == 200:
        return reply.put(reply.json() | {"status": TOKEN, "error": {"said": said}})
    if request.operation == "steps":
        return Response(500, {}, " ".join(said).encode())
    return reply


@pytest.mark.parametrize("way", ["--token", "--api-key"])
def test_no_credential_is_in_any_report(way: str, mock: str, tmp_path: Path) -> None:
    """Not on the terminal and in no file, though the target echoes it in bodies, headers, cookies
    and errors, spelt in every usual way."""
    files = {kind: tmp_path / f"report.{kind}" for kind in KINDS}
    command = ["run", way, TOKEN, "--other-token", OTHER]
    command += [
        "--provision",
        "discover",
        "--header",
        f"X-Gate: {GATE}",
        "--verbose",
        "--budget",
        "40s",
        "--timeout",
        "2s",
    ]
    for name in ("LIST-0[1-2]", "GET-0*", "STEPS-01", "AUTH-0[1569]", "HTTP-*", "FUZZ-EXAMPLES-*"):
        command += ["--include", name]
    for kind, file in files.items():
        command += [f"--{kind}", str(file)]
    with serving(Proxy(mock, [Mutant("echo", (), echo)])) as address, ForwardProxy() as proxy:
        command += ["--base-url", f"{address}/echo"]
        command += ["--proxy", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"]
        done = call_kit(*command)
    assert done.returncode == 1, done.stdout + done.stderr
    told = {kind: file.read_text() for kind, file in files.items()}
    assert json.loads(told["json"])["requirements"]
    told |= {"terminal": done.stdout + done.stderr}
    found = [
        (kind, spelt)
        for kind, text in told.items()
        for secret in (TOKEN, OTHER, GATE, PASSWORD)
        for spelt in spellings(secret)
        if spelt in text
    ]
    assert found == []


@pytest.mark.parametrize("before", ["", "x", "xy", "Bearer "])
def test_base64_of_more_than_the_secret(before: str) -> None:
    """Wherever in an encoded text the secret stands, its part cannot be read."""
    redactor = Redactor.of([TOKEN])
    encoded = base64.b64encode(f"{before}{TOKEN}|and more".encode()).decode()
    cleaned = redactor.text(encoded)
    assert "[redacted]" in cleaned
    rest = cleaned.replace("[redacted]", "")
    assert len(rest) < len(encoded) - len(TOKEN)


def test_words_are_left_alone() -> None:
    """A short credential is a word like others: replacing it would garble what it did not say. The
    header that bears it is cleared in any case."""
    redactor = Redactor.of(["demo"])
    assert redactor.text("demonstration") == "demonstration"
    assert redactor.headers({"Authorization": "Bearer demo"}) == {"Authorization": "Bearer $TOKEN"}


def test_headers_of_ones_own_are_cleared() -> None:
    """Each becomes the variable that would hold it; the host is no secret."""
    redactor = Redactor.of([], [("X-Gate", "k"), ("Host", "inner.example")])
    assert redactor.headers({"x-gate": "k", "host": "inner.example"}) == {
        "x-gate": "$X_GATE",
        "host": "inner.example",
    }
