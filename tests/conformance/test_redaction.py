"""Credentials are in no report, however they were given and however a target repeats them."""

from __future__ import annotations

import base64
import json
import time
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx2
import pytest
from command_line import call_kit
from connect_proxy import PASSWORD, ForwardProxy
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving

from conformance.client.connection import Connection
from conformance.client.recorder import Traffic
from conformance.harness.context import WRONG_SECRET
from conformance.redaction import Redactor

TOKEN = 'test-tok"en/with+odd&<signs>=9'
OTHER = "test-other/credential+of=another"
GATE = "a-gateway/key+of=some-length"
KINDS = ("json", "junit", "html", "markdown", "sarif", "badge")


def spellings(secret: str) -> set[str]:
    """What a target could make of it, as a subscriber of the report would know it again."""
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    packed = {base64.b64encode(secret.encode()).decode().rstrip("=")}
    return plain | packed | {json.dumps(secret)[1:-1], escape(secret), secret.encode().hex()}


async def echo(request: Request, forward: Forward, memory: Json) -> Response:
    """Repeat all of the request, in every spelling, in the expected place and elsewhere."""
    known = Request(
        request.method, request.path, request.query, dict(request.headers), request.body
    )
    held = "".join(known.headers.pop(name, "") for name in ("authorization", "x-api-key"))
    known.headers["x-api-key"] = "acme" if TOKEN in held else "globex" if OTHER in held else held
    reply = await forward(known)
    reported = [value for name, value in request.headers.items() if name != "host"]
    secrets = [TOKEN, OTHER, GATE, PASSWORD]
    said = [*reported, *(each for secret in secrets for each in sorted(spellings(secret)))]
    packed = base64.b64encode("|".join(reported).encode()).decode()
    reply.headers["x-echo"] = quote(" ".join(reported))
    reply.headers["set-cookie"] = f"vai_token={quote(TOKEN)}"
    if request.operation == "list":
        return reply.put({"items": 5, "total": said, "packed": packed, "basic": f"Basic {packed}"})
    if request.operation == "get" and reply.status == 200:
        return reply.put(reply.json() | {"status": TOKEN, "error": {"said": said}})
    if request.operation == "steps":
        return Response(500, {}, " ".join(said).encode())
    return reply


@pytest.mark.extended
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
    names = ["LIST-0[1-2]", "GET-0*", "STEPS-01", "AUTH-0[1569]"]
    # The fuzzer is given headers, whatever the scheme is.
    for name in (*names, *(["HTTP-*", "FUZZ-EXAMPLES-*"] if way == "--token" else [])):
        command += ["--include", name]
    for kind, file in files.items():
        command += [f"--{kind}", str(file)]
    with serving(Proxy(mock, [Mutant("echo", (), echo)])) as address, ForwardProxy() as proxy:
        command += ["--base-url", f"{address}/echo"]
        command += ["--proxy", f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"]
        done = call_kit(*command)
    assert done.returncode == 1, done.stdout + done.stderr
    reported = {kind: file.read_text() for kind, file in files.items()}
    assert json.loads(reported["json"])["requirements"]
    reported |= {"terminal": done.stdout + done.stderr}
    found = [
        (kind, spelt)
        for kind, text in reported.items()
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
    """A short credential is replaced as a word of its own, not within another one; the header that
    carries it is cleared in any case."""
    redactor = Redactor.of([("demo", "TOKEN")])
    assert redactor.text("demonstration of demo") == "demonstration of [redacted]"
    sent = redactor.request_headers({"Authorization": "Bearer demo"})
    assert sent == {"Authorization": "Bearer $TOKEN"}
    assert redactor.headers({"Authorization": "demo"}) == {"Authorization": "[redacted]"}


def test_headers_of_ones_own_are_cleared() -> None:
    """Each becomes the variable that would hold it; the host is not a secret."""
    redactor = Redactor.of([], [("X-Gate", "k"), ("Host", "inner.example")])
    assert redactor.request_headers({"x-gate": "k", "host": "inner.example"}) == {
        "x-gate": "$X_GATE",
        "host": "inner.example",
    }


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("vai_token=demo; sessionid={0}", "vai_token=$COOKIE; [redacted]"),
        ("a={0}; b={0}; vai_token=demo", "[redacted]; vai_token=$COOKIE"),
        ("x-vai_token={0}; vai_token=demo", "[redacted]; vai_token=$COOKIE"),
        ('q="x; vai_token=demo; {0}"', "[redacted]; vai_token=$COOKIE"),
        ("{0}", "[redacted]"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_other_cookies_are_cleared(sent: str, shown: str, *, known: bool) -> None:
    """Those that come with the contract's own, whether their values are known or not."""
    session = "abcdef0123456789SESSION"
    redactor = Redactor.of([("demo", "COOKIE"), *([(session, "")] if known else [])])
    found = redactor.request_headers({"Cookie": sent.format(session)})
    assert found == {"Cookie": shown}


ODD = "AbC+dEf/gHiJ=kLmNoP99"


@pytest.mark.parametrize("secret", [ODD, "hunter2", "p+/w", "a&b<c>'d\"e", "x\\y{z}z"])
def test_every_spelling_of_an_encoder(secret: str) -> None:
    """However a target writes it, once or encoded again: what is left has no part of it."""
    escaped = "".join(rf"\u{ord(c):04X}" for c in secret)
    inner = json.dumps(json.dumps(secret))
    spelled = [
        secret,
        secret.swapcase(),
        json.dumps(secret)[1:-1].replace("/", r"\/").replace("+", r"\u002B"),
        inner.replace("/", r"\/"),
        escaped,
        escaped.lower().replace(r"\u00", r"\x"),
        quote(secret, safe="").lower(),
        "".join(f"%{ord(c):02x}" for c in secret),
        quote(quote(secret, safe=""), safe=""),
        escape(secret),
        escape(escape(secret)),
        "".join(f"&#{ord(c)};" for c in secret),
        "".join(f"&#x{ord(c):X};" for c in secret),
        secret.replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;"),
        secret.encode().hex(),
        secret.encode().hex().upper(),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
        quote(base64.b64encode(secret.encode()).decode(), safe=""),
    ]
    redactor = Redactor.of([secret])
    left = {each: redactor.text(f"<{each}>") for each in spelled}
    assert {each: text for each, text in left.items() if "[redacted]" not in text} == {}
    assert {e: t for e, t in left.items() if len(t.replace("[redacted]", "")) > 8} == {}


def test_a_secret_that_is_cut_off() -> None:
    """The beginning of one identifies it: no message shows the first half."""
    redactor = Redactor.of([ODD])
    assert redactor.text(f"it is {ODD[:14]}...") == "it is [redacted]..."


def test_parsed_values_are_cleaned() -> None:
    """Also keys, at any depth."""
    redactor = Redactor.of([ODD])
    assert redactor.data({ODD: [{"a": f"x {ODD}"}, 1, None]}) == {
        "[redacted]": [{"a": "x [redacted]"}, 1, None]
    }


def test_a_secret_like_a_word_of_the_kit() -> None:
    """What a result is made of is not text from a target: a verdict is not redacted."""
    redactor = Redactor.of(["pass"])
    traffic = Traffic(redactor)
    request = httpx2.Request("GET", "http://x/pass", headers={"X-API-Key": "pass"})
    traffic.record(request, httpx2.Response(200), b'{"verdict": "pass"}', 0.1)
    (exchange,) = traffic.since(0)
    assert exchange.method == "GET"
    assert exchange.response_body == '{"verdict": "[redacted]"}'


def test_each_credential_has_a_variable() -> None:
    """A command names the credential that was sent: the tenant's, the other tenant's, one that
    the kit has altered, or one that it has made up, which is not a secret."""
    redactor = Redactor.of([(TOKEN, "TOKEN"), (OTHER, "OTHER_TOKEN"), ("hunter2", "COOKIE")])

    def shown(name: str, value: str) -> str:
        return redactor.request_headers({name: value})[name]

    assert shown("Authorization", f"Bearer {TOKEN}") == "Bearer $TOKEN"
    assert shown("Authorization", f"bearer {OTHER}") == "Bearer $OTHER_TOKEN"
    assert shown("X-API-Key", TOKEN) == "$TOKEN"
    assert shown("Authorization", f"Bearer {TOKEN[:-2]}") == "Bearer $ALTERED_TOKEN"
    assert shown("Authorization", f"Bearer {OTHER.upper()}") == "Bearer $ALTERED_OTHER_TOKEN"
    assert shown("Cookie", "a=1; vai_token=hunter2") == "[redacted]; vai_token=$COOKIE"
    assert shown("Authorization", f"Bearer {WRONG_SECRET}") == f"Bearer {WRONG_SECRET}"
    assert shown("Authorization", f"Basic {TOKEN}") == "[redacted]"


def test_a_command_has_the_options_of_the_connection() -> None:
    """Certificates and the proxy, whose password it does not show."""
    connection = Connection(
        proxy=f"http://me:{PASSWORD}@127.0.0.1:1",
        cacert="ca.pem",
        client_cert="my cert.pem",
        client_key="k.pem",
    )
    traffic = Traffic(Redactor.of([TOKEN, PASSWORD]), connection.curl_options)
    request = httpx2.Request("GET", "https://x/y", headers={"X-API-Key": TOKEN})
    traffic.record(request, httpx2.Response(200), b"", 0.1)
    assert traffic.since(0)[0].curl == (
        "curl -i --proxy 'http://me:[redacted]@127.0.0.1:1' --cacert ca.pem --cert 'my cert.pem' "
        '--key k.pem -H "x-api-key: $API_KEY" https://x/y'
    )


def test_redacting_takes_milliseconds() -> None:
    """The number of steps grows with the text, not with its square: 64 kB of anything."""
    redactor = Redactor.of([TOKEN, OTHER, "hunter2"])
    for text in ("\\", "%25", "&amp;", "&#0", "=", TOKEN[:7], "\\u00", "a"):
        start = time.process_time()
        redactor.text(text * (64 * 1024 // len(text)))
        assert time.process_time() - start < 2
