"""A command prints the credential: at the start, before it expires, and when it is rejected."""

from __future__ import annotations

import base64
import json
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutating_proxy import Mutant, Proxy, serving
from support import Judge
from token_server import CLIENT, TokenServer, serving_tokens

from conformance.client.renewal import Issued, Renewal, Renewals, read_issued
from conformance.config.settings import read
from conformance.errors import ConfigurationError, SetupError
from conformance.vocabulary import Verdict

TOP = Path(__file__).parents[2]
COMMAND = f"{sys.executable} {TOP / 'examples' / 'oauth' / 'get_token.py'}"
BASE = {"base_url": "http://127.0.0.1:9"}


def jwt(**claims: object) -> str:
    """An unsigned token with these claims."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.c2ln"


@pytest.mark.parametrize(
    ("text", "issued"),
    [
        ("abc.def\n", Issued("abc.def")),
        ('{"access_token": "abc", "expires_in": 300}', Issued("abc", 300)),
        ('{"token": "abc", "expires_in": "soon"}', Issued("abc")),
        (jwt(iat=1000, exp=1900), Issued(jwt(iat=1000, exp=1900), 900)),
        (jwt(sub="x"), Issued(jwt(sub="x"))),
        (json.dumps({"access_token": jwt(iat=0, exp=60)}), Issued(jwt(iat=0, exp=60), 60)),
        ("", None),
        ("two words", None),
        ('{"error": "invalid_client"}', None),
        ('{"access_token": "line\\nbreak"}', None),
    ],
)
def test_what_a_command_prints(text: str, issued: Issued | None) -> None:
    assert read_issued(text) == issued


def test_a_token_is_renewed_before_it_expires() -> None:
    """By a fifth of its lifetime, and later requests carry the new one in each form."""
    now, seen = [0.0], list[str]()
    new = iter([Issued("second", 100), Issued("third")])
    renewal = Renewal(Issued("first", 100), lambda: next(new), seen.append, lambda: now[0])
    renewals = Renewals([renewal])
    assert renewals.headers({"Authorization": "Bearer first"}) == {"Authorization": "Bearer first"}
    now[0] = 81.0
    assert renewals.headers({"Authorization": "Bearer first"}) == {"Authorization": "Bearer second"}
    assert renewals.current("vai_token=first") == "vai_token=second"
    assert renewals.headers({"X-API-Key": "firs"}) == {"X-API-Key": "firs"}
    now[0] = 300.0
    assert renewals.headers({"X-API-Key": "second"}) == {"X-API-Key": "third"}
    assert seen == ["second", "third"]


def test_only_a_token_that_was_accepted_is_renewed_after_a_401() -> None:
    """In the form that was accepted: the service may reject it in another for good."""
    renewal = Renewal(Issued("first"), lambda: Issued("second"))
    renewals, headers = Renewals([renewal]), {"authorization": "Bearer first"}
    assert not renewals.retries(headers, 401)
    assert not renewals.retries(headers, 200)
    assert not renewals.retries({"x-api-key": "first"}, 401)
    assert not renewals.retries({"authorization": "Bearer other"}, 401)
    assert renewals.retries(headers, 401)
    assert renewal.current == "second"
    # Another thread has renewed it meanwhile.
    assert renewals.retries(headers, 401)
    assert renewal.current == "second"


def test_a_command_that_does_not_help_is_not_run_for_ever() -> None:
    calls = list[int]()

    def issue() -> Issued | None:
        calls.append(1)
        return Issued("first") if len(calls) == 1 else None

    renewals = Renewals([Renewal(Issued("first"), issue)])
    renewals.retries({"authorization": "Bearer first"}, 200)
    for _ in range(3):
        assert not renewals.retries({"authorization": "Bearer first"}, 401)
    assert calls == [1]
    renewals.retries({"authorization": "Bearer first"}, 200)
    assert not renewals.retries({"authorization": "Bearer first"}, 401)
    assert calls == [1, 1]


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token endpoint whose tokens are valid for a few requests, and the client's environment."""
    ((name, secret),) = CLIENT.items()
    with serving_tokens(uses=20) as server:
        monkeypatch.setenv("OAUTH_TOKEN_URL", server.url)
        monkeypatch.setenv("OAUTH_CLIENT_ID", name)
        monkeypatch.setenv("OAUTH_CLIENT_SECRET", secret)
        yield server


def test_a_run_outlives_its_tokens(
    tokens: TokenServer, mock: str, judge: Judge, tmp_path: Path
) -> None:
    """OAuth client credentials, by the example: no verdict depends on the expiry, and no report
    has a token."""
    names = ("GET-0[1-5]", "AUTH-01", "LIST-0[1-4]", "HTTP-06", "EVENTS-01")
    files = {"json": tmp_path / "r.json", "html": tmp_path / "r.html"}
    with serving(Proxy(mock, [Mutant("guarded", (), tokens.guard)])) as address:
        report = judge(
            f"{address}/guarded",
            *names,
            token_command=COMMAND,
            provision="discover",
            **{kind: str(file) for kind, file in files.items()},
        )
    bad = (Verdict.VIOLATION, Verdict.DEVIATION, Verdict.ERROR)
    assert {e.requirement.id: e.worst.message for e in report.entries if e.verdict in bad} == {}
    assert report.problem == ""
    assert len(tokens.issued) > 2
    for text in (file.read_text(encoding="utf-8") for file in files.values()):
        assert "issued-token" not in text
        assert "$TOKEN" in text


@pytest.mark.extended
def test_the_fuzzer_outlives_its_tokens(tokens: TokenServer, mock: str, judge: Judge) -> None:
    """They are renewed in its processes too."""
    names = ("FUZZ-COVERAGE-LIST", "FUZZ-FUZZING-GET", "FUZZ-FUZZING-STEPS")
    with serving(Proxy(mock, [Mutant("guarded", (), tokens.guard)])) as address:
        given = {"token_command": COMMAND, "provision": "discover"}
        report = judge(f"{address}/guarded", *names, **given)
    assert {e.requirement.id: e.worst.message for e in report.entries} == dict.fromkeys(names, "")
    assert len(tokens.issued) > 3


def test_the_settings_have_the_first_token(tokens: TokenServer) -> None:
    """Before other credentials, redacted, for workers as well; the other tenant has its own."""
    given = {"token_command": COMMAND, "other_token_command": COMMAND, "api_key": "key-1"}
    settings = pickle.loads(pickle.dumps(read(BASE | given, os.environ)))
    assert [c.secret for c in settings.credentials] == [tokens.issued[0], "key-1"]
    assert [c.secret for c in settings.others] == [tokens.issued[1]]
    assert tokens.issued[0] not in repr(settings)
    assert tokens.issued[1] not in settings.redactor().text(f"<{tokens.issued[1]}>")


def test_a_command_that_fails_is_named_without_its_secrets(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "wrong-Secret-9")
    with pytest.raises(SetupError, match=r"--token-command: .*401") as failure:
        read(BASE | {"token_command": COMMAND}, os.environ)
    assert "wrong-Secret-9" not in str(failure.value)
    words = "-c 'import sys; sys.exit(sys.argv[1])' secret=hunter2000"
    with pytest.raises(SetupError, match="exit code 1") as failure:
        read(BASE | {"token_command": f"{sys.executable} {words}"}, os.environ)
    assert "hunter2000" not in str(failure.value)
    with pytest.raises(SetupError, match="expected a token") as failure:
        read(BASE | {"token_command": f"{sys.executable} -c 'print(1, 2)'"}, os.environ)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"token": "abc"}, "contradict each other"),
        ({"no_commands": True}, "expected no command with --no-commands"),
        ({"token_command": "'open"}, "expected a command"),
    ],
)
def test_what_contradicts_a_token_command(more: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        read(BASE | {"token_command": "./never-run"} | more, {})
