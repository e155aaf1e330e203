"""Convert the text of a setting into a checked value. A converter raises ConfigurationError with
the expected and the actual value; the setting puts the place of the value before that."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from conformance.catalogue import versions
from conformance.catalogue.requirements import load as load_catalogue
from conformance.config.toml_file import nearest
from conformance.errors import ConfigurationError
from conformance.vocabulary import ROOT, State, Verdict

V = TypeVar("V", bound=StrEnum)
C = TypeVar("C", bound=Callable[..., Any])
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_MAX_SECONDS = 86_400
# The verdicts that may fail a run.
FAILING = (Verdict.VIOLATION, Verdict.DEVIATION, Verdict.INCONCLUSIVE)


def fits(**schema: Any) -> Callable[[C], C]:
    """Note, at a converter, the JSON Schema of what it accepts in a file."""

    def note(convert: C) -> C:
        convert.__dict__["json_schema"] = schema
        return convert

    return note


def schema_of(convert: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema that is noted at a converter; by default that of a text."""
    noted: dict[str, Any] = getattr(convert, "json_schema", {"type": "string"})
    return dict(noted)


@fits(
    anyOf=[
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h)?\s*$"},
        {"type": "number", "exclusiveMinimum": 0, "maximum": _MAX_SECONDS},
    ]
)
def duration(text: str) -> float:
    """Return seconds, from 500ms, 30s, 5m or 1h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", text.strip())
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0
    if not 0 < seconds <= _MAX_SECONDS:
        raise ConfigurationError(
            f"expected a duration of at most a day, got {text!r}.", "Write it as 30s, 5m or 1h."
        )
    return seconds


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a converter for integers from `low` to `high`."""

    @fits(
        anyOf=[
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "string", "pattern": r"^\s*[0-9]+\s*$"},
        ]
    )
    def convert(text: str) -> int:
        digits = text.strip()
        if digits.isascii() and digits.isdecimal() and low <= int(digits) <= high:
            return int(digits)
        raise ConfigurationError(
            f"expected an integer from {low} to {high}, got {text!r}.",
            "Write a number in this range, or leave it out.",
        )

    return convert


def word(vocabulary: type[V]) -> Callable[[str], V]:
    """Return a converter for the words of a vocabulary."""

    @fits(enum=[str(each) for each in vocabulary])
    def convert(text: str) -> V:
        try:
            return vocabulary(text)
        except ValueError:
            known = ", ".join(vocabulary)
            raise ConfigurationError(
                f"expected one of {known}, got {text!r}.", nearest(text, vocabulary)
            ) from None

    return convert


def verdicts(text: str) -> frozenset[Verdict]:
    """Return the verdicts that fail a run, from names separated by commas."""
    known = [verdict.value for verdict in FAILING]
    for name in (words := [each.strip() for each in text.split(",")]):
        if name not in known:
            raise ConfigurationError(
                f"expected {', '.join(known)} separated by commas, got {text!r}.",
                nearest(name, known),
            )
    return frozenset(map(Verdict, words))


def base_url(text: str) -> str:
    """Return the URL of the API, without the path of its operations."""
    url = text.strip().rstrip("/")
    parts = _http_url(url)
    if parts is None:
        raise ConfigurationError(
            f"expected an HTTP URL, got {url!r}.", "Write it as http://HOST:PORT"
        )
    if parts.username or parts.query or parts.fragment:
        # The value is not repeated: it may hold a password.
        raise ConfigurationError(
            f"expected {parts.scheme}://{parts.hostname} without a user, a query or a fragment.",
            "Give credentials as --token, --api-key or --cookie.",
        )
    if ROOT in parts.path:
        raise ConfigurationError(
            f"expected what comes before {ROOT}, got {url!r}.",
            f"Leave out {ROOT} and what follows.",
        )
    return url


def proxy_url(text: str) -> str:
    """Return the URL of a proxy."""
    parts = _http_url(text)
    if parts is None or parts.path not in ("", "/"):
        # The value is not repeated: it may hold a password.
        raise ConfigurationError(
            "expected the URL of a proxy, got another text.", "Write it as http://HOST:PORT"
        )
    return text


def secret(text: str) -> str:
    """Return a credential: printable ASCII without spaces."""
    for number, character in enumerate(text, 1):
        if not "!" <= character <= "~":
            raise ConfigurationError(
                f"expected printable ASCII without spaces, got {_described(character)} "
                f"(character {number} of {len(text)}).",
                "Copy the credential again.",
            )
    return text


def pattern(text: str) -> str:
    """Return a pattern that matches the id of at least one requirement."""
    load_catalogue().matching(text)
    return text


def catalogue_version(text: str) -> str:
    """Return a version of the catalogue that exists."""
    return versions.known(text)


def state_run(text: str) -> tuple[State, str]:
    """Return a state and the id of a run, from STATE=RUN_ID."""
    name, _, run_id = text.partition("=")
    try:
        state = State(name)
    except ValueError:
        raise ConfigurationError(
            f"expected STATE=RUN_ID, got the unknown state {name!r} in {text!r}.",
            nearest(name, State),
        ) from None
    if not run_id:
        raise ConfigurationError(f"expected STATE=RUN_ID, got {text!r}.", f"Write {name}=RUN_ID")
    return state, run_id


def output_file(text: str) -> Path:
    """Return the path of a file that can be written; missing directories are created later."""
    file = Path(text)
    parents = (file.absolute(), *file.absolute().parents)
    existing = next(each for each in parents if each.exists())
    if existing == file.absolute():
        why = "a directory" if file.is_dir() else ""
    else:
        why = "" if existing.is_dir() else f"{existing}, which is not a directory"
    if not why and not os.access(existing, os.W_OK):
        why = f"{existing}, which is not writable"
    if why:
        raise ConfigurationError(
            f"{text}: expected a file that can be written, got {why}.", "Name another file."
        )
    return file


def output_directory(text: str) -> Path:
    """Return the path of a directory in which files can be written; it is created later."""
    folder = Path(text)
    parents = (folder.absolute(), *folder.absolute().parents)
    existing = next(each for each in parents if each.exists())
    why = "" if existing.is_dir() else f"{existing}, which is not a directory"
    if not why and not os.access(existing, os.W_OK):
        why = f"{existing}, which is not writable"
    if why:
        raise ConfigurationError(
            f"{text}: expected a directory that can be written, got {why}.",
            "Name another directory.",
        )
    return folder


def _http_url(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def _described(character: str) -> str:
    if character.isspace():
        return "a line break" if character in "\r\n" else "a space"
    return "a character beyond ASCII" if not character.isascii() else "a control character"
