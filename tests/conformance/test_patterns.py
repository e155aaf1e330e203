"""Patterns that are applied to what a target sends take time in proportion to its length."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from typing import Any

import pytest

import conformance
from conformance.assertions.response_rules import no_internals
from conformance.client.recorder import Exchange
from conformance.client.response import Response
from conformance.fuzz.messages import describe_failure
from conformance.redaction import harmless

SIZE = 64 * 1024
# Each is repeated after a beginning that a pattern may wait for.
BEGINNINGS = ("", "sqlite3.", "at ", 'File "', "#1 ", "System.", "in ", "'$API", "** (", "charset=")
REPEATED = ("a", "a.", "at ", " ", "\n", "1", "\\")
# A pattern with a square in it takes tens of seconds, and any other milliseconds.
LIMIT = 2.0


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every pattern of a module of the kit, apart from those for the user's own settings.
    A pattern that several modules import or repeat is there once."""
    found = {}
    for info in pkgutil.walk_packages(conformance.__path__, "conformance."):
        if any(each in info.name for each in (".config", ".checks", "__main__", ".hooks")):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, re.Pattern) and value not in found.values():
                found[f"{info.name}.{name}"] = value
    return found


def hostile_texts() -> list[str]:
    """Texts of 64 kB."""
    return [
        beginning + repeated * (SIZE // len(repeated))
        for beginning in BEGINNINGS
        for repeated in REPEATED
    ]


@pytest.mark.parametrize("name", sorted(patterns()))
def test_a_pattern_takes_milliseconds(name: str) -> None:
    """On any text of 64 kB."""
    pattern = patterns()[name]
    for text in hostile_texts():
        searched = text.encode() if isinstance(pattern.pattern, bytes) else text
        start = time.process_time()
        pattern.search(searched)
        assert time.process_time() - start < LIMIT, text[:20]


def test_rules_and_messages_take_milliseconds() -> None:
    """Also where they are made of several steps."""
    exchange = Exchange(1, "GET", "http://x/y", {}, None, 200)
    for text in hostile_texts()[:: len(REPEATED) - 1]:
        start = time.process_time()
        no_internals(Response("GET", "http://x", 404, {}, text.encode(), 0.1, 1))
        harmless(text)
        describe_failure("response_schema_conformance", f"Schema at /a:\n{text}", exchange)
        assert time.process_time() - start < LIMIT, text[:20]


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "/a/b.py", line 3, in x',
        '  File "/srv/app.py", line 17',
        "at com.example.Run.get(Run.java:17)",
        "at Object.<anonymous> (/srv/app/index.js:10:5)",
        "at /srv/app/src/index.mts:10:5",
        "sqlite3.OperationalError",
        "sqlalchemy.exc.IntegrityError: x",
        "psycopg2.errors.UniqueViolationError",
        "#0 /var/www/a.php(17)",
        "System.NullReferenceException",
        "in Runs.Get() in /src/Runs.cs:line 12",
        "/app/runs.rb:12:in `get'",
        "main.go:12 +0x1d",
    ],
)
def test_internals_are_found(text: str) -> None:
    """In an error, and not in the data of a run."""
    body = f'{{"detail": "oops {text}"}}'.encode()
    assert no_internals(Response("GET", "http://x", 404, {}, body, 0.1, 1)) is not None
    assert no_internals(Response("GET", "http://x", 200, {}, body, 0.1, 1)) is None
