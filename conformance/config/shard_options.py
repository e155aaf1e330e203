"""Declare the settings that divide a run over several machines, a part of the table of all
settings, and read the weights of an earlier report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from conformance.config import converters
from conformance.config.run_id import parse_run_id
from conformance.config.sources import Setting, Values
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.results.record import Shard
from conformance.results.report_diff import read_report

SHARDS = "Shards"
MAX_SHARDS = 256


def parse_shard(text: str) -> Shard:
    """Return the shard, from K/N."""
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text)
    index, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= count <= MAX_SHARDS:
        raise ConfigurationError(
            f"expected K/N with K from 1 to N and N up to {MAX_SHARDS}, got {text!r}.",
            "Write the second of five shards as 2/5.",
        )
    return Shard(index, count)


SHARD_OPTIONS = (
    Setting(
        "shard",
        "Run the K-th of N parts of the checks, for as many machines. The verdict is that of "
        "'runs-conformance merge' on the blobs of all parts.",
        parse_shard,
        group=SHARDS,
        metavar="K/N",
        in_file=False,
    ),
    Setting(
        "blob",
        "Write the results of the shard to this file. Reports are left to 'merge'.",
        converters.output_file,
        group=SHARDS,
        metavar="FILE",
        in_file=False,
    ),
    Setting(
        "run-id",
        "Name of the run that the shard belongs to, the same for all shards and for no other run "
        "or service: 'merge' rejects a mixture. Default: that of the CI job on GitHub (run and "
        "commit) and GitLab (pipeline), else none.",
        parse_run_id,
        group=SHARDS,
        metavar="TEXT",
        in_file=False,
    ),
    Setting(
        "shard-weights",
        "Divide the checks by their seconds in this JSON report, the same for all shards. Default: "
        "by the usual number of requests.",
        group=SHARDS,
        metavar="FILE",
        in_file=False,
    ),
)


def check_shard(values: Values, errors: ErrorCollector) -> None:
    """A shard and its blob go together, and random cases are the same for all shards."""
    if values.invalid("shard") or values.invalid("blob"):
        return
    for one, other, hint in (
        ("shard", "blob", "Name the file for its results: --blob FILE"),
        ("blob", "shard", "Name the part of the run: --shard 1/1 is all of it."),
    ):
        if values[one] and not values[other]:
            errors.note(f"{values.where(one)}: expected --{other} as well, got none.", hint)
    if values["shard"] and values["fuzz"] is not None and values["fuzz_seed"] is None:
        errors.note(
            f"{values.where('shard')} with {values.where('fuzz')}: expected --fuzz-seed, got none.",
            "Give all shards the same seed, such as --fuzz-seed 1.",
        )


def read_weights(values: Values) -> Mapping[tuple[str, str], float]:
    """Return the seconds of each check in the report that is given, by requirement and name. Raise
    ConfigurationError if it cannot be read."""
    if not values["shard_weights"]:
        return {}
    try:
        report = read_report(Path(values["shard_weights"]))
    except ConfigurationError as fault:
        where = values.where("shard_weights")
        raise ConfigurationError(f"{where}: {fault.message}", fault.hint) from None
    return {
        (entry["id"], check["name"]): float(check["seconds"])
        for entry in report["requirements"]
        for check in entry["checks"]
    }
