"""Read the file of a failure, which may come from others: nothing in it is run or believed beyond
what its schema allows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from conformance.contract.pointer import as_pointer
from conformance.contract.yaml_file import Lines
from conformance.errors import ConfigurationError
from conformance.redaction import visible
from conformance.resources import failure_schema_file
from conformance.results.bounded_file import read_bounded
from conformance.results.failure import FORMAT, KIND
from conformance.vocabulary import State

MAX_FILE = 16 * 1024 * 1024
_MAX_LOCATED = 1024 * 1024
_MAX_SHOWN = 120
_HINT = "Write the file with: runs-conformance run --failures DIR"


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that failed: its own requirement, its name, the message, and its exchanges."""

    requirement: str
    name: str
    message: str
    failing_exchange: int | None
    states: frozenset[State]
    run_ids: frozenset[str]
    exchanges: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class FailureFile:
    """A failed requirement, as the file has it."""

    path: Path
    requirement: str
    statement: str
    verdict: str
    kit: str
    catalogue: str
    contract_digest: str
    base_url: str
    started: str
    cases: int
    seed: int | None
    checks: tuple[FailedCheck, ...]


def read_failure(path: Path) -> FailureFile:
    """Return the failure in the file. Raise ConfigurationError with the line and the value that is
    not as expected."""
    text = _read(path)
    try:
        data = json.loads(text)
    except ValueError as fault:
        line = f":{fault.lineno}" if isinstance(fault, json.JSONDecodeError) else ""
        raise ConfigurationError(f"{path}{line}: expected JSON: {fault}.", _HINT) from None
    except RecursionError:
        raise ConfigurationError(f"{path}: expected JSON, got too deep a nesting.", _HINT) from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ConfigurationError(f"{path}: expected a file of kind {KIND!r}, got another.", _HINT)
    if data.get("format") != FORMAT:
        got = visible(repr(data.get("format")))[:_MAX_SHOWN]
        raise ConfigurationError(
            f"{path}: expected format {FORMAT}, got {got}.", "Use the version of the kit in `kit`."
        )
    for error in _schema().iter_errors(data):
        raise ConfigurationError(_described(path, text, error), _HINT)
    return FailureFile(
        path=path,
        requirement=data["requirement"]["id"],
        statement=visible(data["requirement"]["statement"]),
        verdict=data["verdict"],
        kit=data["kit"],
        catalogue=data["catalogue"],
        contract_digest=data["contractDigest"],
        base_url=data["baseUrl"],
        started=data["started"],
        cases=data["fuzz"]["cases"],
        seed=data["fuzz"]["seed"],
        checks=tuple(map(_check, data["checks"])),
    )


def _check(data: dict[str, Any]) -> FailedCheck:
    return FailedCheck(
        requirement=data["requirement"],
        name=data["name"],
        message=visible(data["message"]),
        failing_exchange=data["failingExchange"],
        states=frozenset(State(run["state"]) for run in data["runs"]),
        run_ids=frozenset(run["id"] for run in data["runs"]),
        exchanges=tuple(data["exchanges"]),
    )


def _read(path: Path) -> str:
    raw = read_bounded(path, MAX_FILE, _HINT, _HINT)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigurationError(f"{path}: expected UTF-8: {fault}.", _HINT) from None


@cache
def _schema() -> jsonschema_rs.Draft202012Validator:
    schema = json.loads(failure_schema_file().read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)


def _described(path: Path, text: str, error: jsonschema_rs.ValidationError) -> str:
    place = as_pointer(tuple(error.instance_path))
    line = f":{Lines(text).of(place)}" if len(text) <= _MAX_LOCATED else ""
    message = visible(error.message)
    shown = message if len(message) <= 2 * _MAX_SHOWN else f"{message[: 2 * _MAX_SHOWN]} ..."
    return f"{path}{line}: {place or '/'}: {shown}."
