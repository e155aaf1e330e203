"""Values that look like credentials, or are too long to look at, in a recording."""

from __future__ import annotations

import time

import pytest

from conformance.recording.anonymize import Shapes
from conformance.redaction import Redactor

KEY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
CREDENTIALS = [
    f"sk-ant-api03-{KEY}", f"sk-proj-{KEY}", f"sk_live_{KEY}", f"glpat-{KEY}",
    f"github_pat_{KEY}", f"ghp_{KEY}", f"AIza{KEY}", "AKIAIOSFODNN7EXAMPLE", f"xoxb-{KEY}",
    f"npm_{KEY}", f"eyJ{KEY}", f"eyJ{KEY}.{KEY}.x", f"Bearer {KEY}", "basic  YTpi",
    "https://user:pw@host.test/x", "postgres://user@host", "password=hunter2", "Password: hunter2",
    '{"api_key": "x"}', f"https://host.test/x?sig={KEY}", "-----BEGIN PRIVATE KEY-----\nMII",
    "-----BEGIN RSA PRIVATE KEY-----",
]  # fmt: skip
NAMES = [
    "Send mail", "load-orders", "skeletonization", "task-based-approach", "global-settings-export",
    "Refresh the token", "https://host.test/@scope/name", "ada@real.test", "check_password_policy",
    "design=large-and-wide", "At 10:30", "glass-production-line",
]  # fmt: skip


@pytest.mark.parametrize("text", CREDENTIALS)
def test_what_looks_like_a_credential_is_not_written(text: str) -> None:
    """As a key or name of a step, a code or message of an error, or the name of a field, also where
    all places are kept."""
    shapes = Shapes(Redactor(), ["*"])
    assert shapes.line(text, "x") == "[secret]"
    assert shapes.line(f"Load {text}", "x") == "[secret]"
    error = shapes.error({"code": text, "message": f"Got {text}"}, "one")
    assert error.code == "step_failed"
    shaped = shapes.result({text: 1, "a": text, "b": f"Got {text} and more"}, "one")
    for part in (text, KEY, "hunter2", "user:pw"):
        assert part not in f"{error} {shaped}"


@pytest.mark.parametrize("text", NAMES)
def test_usual_names_are_kept(text: str) -> None:
    """Words that begin like the prefix of a key, or speak of a credential."""
    assert Shapes(Redactor()).line(text, "x") == text


@pytest.mark.parametrize(
    "name",
    ["authorization", "Proxy-Authorization", "password", "accessKey", "private_key", "pwd",
     "cookie", "set-cookie", "passphrase", "sessionId", "apiKey", "client_secret"],
)  # fmt: skip
def test_a_field_that_is_named_like_a_credential_is_not_kept(name: str) -> None:
    """Nor what is in it."""
    shapes = Shapes(Redactor(), ["result.*"])
    found = shapes.result({name: "hunter2", "in": {name: ["hunter2"]}, "word": "kept"}, "one")
    assert "hunter2" not in str(found)
    assert "kept" in str(found)


@pytest.mark.parametrize(
    "text",
    ["eyJ" * 100_000, "a@" + "." * 600_000 + " ", "a@" + "b." * 300_000 + " ",
     "://" * 100_000, "sk-" * 100_000, "password " * 50_000, "bearer " + " " * 300_000,
     "-----BEGIN " * 50_000, "1." * 200_000, "https://" + "x" * 500_000],
)  # fmt: skip
def test_long_texts_take_milliseconds(text: str) -> None:
    """As each kind of value, also where all places are kept."""
    shapes = Shapes(Redactor.of(["a-credential-of-ours"]), ["error.*", "result.kept"])
    start = time.process_time()
    shapes.line(text, "x")
    shapes.error({"code": text, "message": text}, "one")
    shapes.result({"a": text, "kept": text, text: text}, "one")
    assert time.process_time() - start < 2


def test_a_credential_at_the_end_of_what_is_kept() -> None:
    """It is found though only a part of it would be kept."""
    shapes = Shapes(Redactor(), ["*"])
    begin = "x" * 9_990 + " "
    assert "sk-" not in str(shapes.result({"a": f"{begin}sk-proj-{KEY}"}, "one"))
