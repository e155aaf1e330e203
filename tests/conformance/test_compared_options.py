"""Shards are compared in every option that decides verdicts, without a secret in a blob."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from shards import GIVEN, cut, four_checks, merged

from conformance.config.options import BY_KEY, OPTIONS
from conformance.config.report_options import REPORT_OPTIONS
from conformance.config.settings import read
from conformance.results.blob import as_blob
from conformance.results.events import SetupFinished
from conformance.results.record import Terms
from conformance.runner.build_report import begin_record
from conformance.runner.compared_options import ALLOWED_TO_DIFFER, compared_options
from conformance.vocabulary import ExitCode

COMMON = {"provision": "auto", "shard": "1/1", "blob": "x"}
HTTP = {"trigger": "POST /runs/{state}"}
REQUEST, PROGRAM = {"clock": "POST /clock?by={seconds}"}, {"clock": "./clock {seconds}"}


@pytest.mark.parametrize(
    ("option", "one", "other"),
    [
        ("--budget", {}, {"budget": "5m"}),
        ("--requests-per-minute", {}, {"requests_per_minute": "60"}),
        ("--insecure", {}, {"insecure": True}),
        ("--no-commands", {}, {"no_commands": True}),
        ("--state", {"state": ("completed=a",)}, {"state": ("completed=a", "pending=b")}),
        ("--header", {"header": ("X-A: secret-1",)}, {"header": ("X-A: secret-2",)}),
        ("--trigger", HTTP, {"trigger": "POST /other/{state}"}),
        ("--trigger-body", HTTP, HTTP | {"trigger_body": '{"secret": 1}'}),
        ("--trigger-id", HTTP, HTTP | {"trigger_id": "run.id"}),
        ("--command", {"command": "./make secret"}, {"command": "./make other"}),
        ("--clock", REQUEST, {"clock": "PUT /clock?by={seconds}"}),
        ("--clock", PROGRAM, {"clock": "./clock --by {seconds}"}),
        ("--clock-body", REQUEST, REQUEST | {"clock_body": "{}"}),
    ],
)
def test_shards_with_other_options(
    option: str, one: dict[str, Any], other: dict[str, Any], tmp_path: Path
) -> None:
    """What decides verdicts is the same, and named where it is not; no blob has a secret."""
    record, setup = four_checks(), SetupFinished("mock", {}, frozenset())
    files = {}
    for name, words in (("one", one), ("same", one), ("other", other)):
        started = begin_record(read(GIVEN | COMMON | words, {}), setup, record.started)
        part = cut(record, 2, [1, 2])[name != "one"]
        files[name] = tmp_path / f"{name}.blob"
        files[name].write_text(as_blob(replace(part, terms=started.terms)))
        assert "secret" not in files[name].read_text()
    assert merged(files["one"], files["same"])[0] == ExitCode.NOT_CONFORMANT
    code, output = merged(files["one"], files["other"])
    assert code == ExitCode.NO_VERDICT
    assert f"other.blob: {option}: expected " in output.replace("\n", " "), output
    assert output.count("--") - output.count("--shard") == 1


def test_every_option_is_compared_or_allowed_to_differ() -> None:
    """A new one is decided upon."""
    settings = read(GIVEN | COMMON, {})
    in_terms = {each.name for each in fields(Terms)} | {"fuzz_seed", "strict", "run_id"}
    by_name = {name.removeprefix("--").replace("-", "_") for name in compared_options(settings)}
    # The division is compared.
    others = ALLOWED_TO_DIFFER | {option.key for option in REPORT_OPTIONS} | {"shard_weights"}
    assert {option.key for option in OPTIONS} == others | {
        key for key in in_terms | by_name if key in BY_KEY
    }
    assert not others & (in_terms | by_name)
