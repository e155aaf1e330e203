"""Write the record of a shard as a file, a blob, and read it again, whatever the file holds.

The first line names the format, the kit that wrote the blob and a checksum of the rest, which is
the record as JSON. Its schema is `blob.schema.json`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs

from conformance import __version__
from conformance.catalogue.requirements import load as load_catalogue
from conformance.catalogue.versions import LATEST, load_version, released
from conformance.errors import ConfigurationError
from conformance.fuzz.config import FuzzConfig
from conformance.redaction import Redactor, visible
from conformance.resources import blob_schema_file, failure_schema_file, report_schema_file
from conformance.results.bounded_file import read_bounded
from conformance.results.former_blob import FIRST_BYTES, KEY
from conformance.results.record import RunRecord, Shard, Terms
from conformance.results.result import Result
from conformance.results.waivers import Waiver
from conformance.vocabulary import State, Verdict

FORMAT = 2
MAX_BYTES = 128 * 1024 * 1024
# Of the exchanges of all failures, in characters of JSON: the worst failures come first.
MAX_TRAFFIC = 48 * 1024 * 1024
_MAX_HEAD = 1000
_HINT = "Write one with: runs-conformance run --shard K/N --blob FILE"
_TERMS = ("include", "exclude", "credentials", "other_credentials")


def as_blob(record: RunRecord) -> str:
    """Return the text of the blob. A note says so where the exchanges of failures are left out."""
    record = _bounded(record)
    terms = asdict(record.terms) | {"fail_on": sorted(record.terms.fail_on)}
    content = {each: getattr(record, each) for each in RunRecord.__slots__} | {
        "terms": terms,
        "shard": asdict(record.shard or Shard(1, 1)),
        "results": [result.to_json() for result in record.results],
        "came_late": sorted(record.came_late),
        "states": {state.value: why for state, why in record.states.items()},
    }
    body = visible(json.dumps(content, ensure_ascii=False, allow_nan=False))
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = json.dumps({KEY: FORMAT, "kit": record.kit, "sha256": digest})
    return f"{head}\n{body}\n"


def _bounded(record: RunRecord) -> RunRecord:
    """Return the record with the exchanges of as many failures as a blob has room for."""
    left, dropped = MAX_TRAFFIC, set[int]()
    failed = [(n, each) for n, each in enumerate(record.results) if each.traffic is not None]
    for n, each in sorted(failed, key=lambda pair: (pair[1].verdict.rank, pair[0])):
        size = len(json.dumps(each.traffic, ensure_ascii=False))
        if size > left:
            dropped.add(n)
        else:
            left -= size
    if not dropped:
        return record
    note = (
        f"The exchanges of {len(dropped)} of {len(failed)} failed checks are not in the blob, "
        "which would be too large: --failures, --har and --html of the merge lack them."
    )
    results = (
        replace(each, traffic=None) if n in dropped else each
        for n, each in enumerate(record.results)
    )
    return replace(record, results=tuple(results), notes=(*record.notes, note))


def read_blob(file: Path) -> RunRecord:
    """Return the record in the file. Raise ConfigurationError if it is not a complete blob."""
    content = read_bounded(file, MAX_BYTES, _HINT, "Divide the run into more shards.")
    head, _, body = content.partition(b"\n")
    kit, digest = _head(file, head)
    body = body.removesuffix(b"\n")
    if hashlib.sha256(body).hexdigest() != digest:
        raise ConfigurationError(
            f"{file}: expected content with the checksum of its first line, got other content: the "
            "file is cut off or was changed.",
            "Copy it again, or run the shard again.",
        )
    try:
        # A text may be one that a target sent, and be shown.
        record = Redactor().data(json.loads(body, parse_constant=_reject))
    except (ValueError, RecursionError) as fault:
        raise ConfigurationError(f"{file}: expected JSON, got {str(fault)[:200]}.", _HINT) from None
    for error in _validator().iter_errors(record):
        where = "/".join(map(str, error.instance_path)) or "the document"
        raise ConfigurationError(
            f"{file}: expected a record of a shard, got another document: {where[:200]}: "
            f"{visible(error.message)[:200]}",
            _HINT,
        )
    found = _from_json(record)
    if found.kit != kit:
        raise ConfigurationError(
            f"{file}: kit: expected {visible(kit)[:50]}, as in its first line, got "
            f"{found.kit} in the record: the file was changed.",
            "Copy it again, or run the shard again.",
        )
    _check(file, found)
    return found


def _head(file: Path, head: bytes) -> tuple[str, str]:
    """Return the version of the kit and the checksum that the first line names."""
    try:
        found: Any = json.loads(head[:_MAX_HEAD])
    except (ValueError, RecursionError):
        found = None
    # What is not removed as a blob is none.
    if not isinstance(found, dict) or not head.startswith(FIRST_BYTES):
        raise ConfigurationError(
            f"{file}: expected a blob of runs-conformance, got another file.", _HINT
        )
    if found[KEY] != FORMAT or isinstance(found[KEY], bool):
        version, kit = (visible(str(found.get(key)))[:50] for key in (KEY, "kit"))
        raise ConfigurationError(
            f"{file}: expected a blob of format {FORMAT}, got format {version} of "
            f"runs-conformance {kit}.",
            "Merge it with the version of the kit that wrote it.",
        )
    if set(found) != {KEY, "kit", "sha256"}:
        raise ConfigurationError(
            f"{file}: expected a first line with the kit and a checksum, got another one.", _HINT
        )
    return str(found["kit"]), str(found["sha256"])


def _reject(word: str) -> NoReturn:
    raise ValueError(f"the number {word}")


def _validator() -> jsonschema_rs.Validator:
    schema = json.loads(blob_schema_file().read_text(encoding="utf-8"))
    # The parts that a report or the file of a failure has too are described there.
    defs: dict[str, Any] = {}
    for file in (failure_schema_file(), report_schema_file()):
        defs |= json.loads(file.read_text(encoding="utf-8"))["$defs"]
    return jsonschema_rs.validator_for(schema | {"$defs": defs | schema["$defs"]})


def _from_json(content: dict[str, Any]) -> RunRecord:
    terms = content["terms"]
    waivers = [Waiver(**each | {"patterns": tuple(each["patterns"])}) for each in terms["waivers"]]
    return RunRecord(
        **content
        | {
            "terms": Terms(
                **terms
                | {key: tuple(terms[key]) for key in _TERMS}
                | {
                    "fail_on": frozenset(map(Verdict, terms["fail_on"])),
                    "fuzz": FuzzConfig(**terms["fuzz"]),
                    "waivers": tuple(waivers),
                }
            ),
            "shard": Shard(**content["shard"]),
            "results": tuple(map(Result.from_json, content["results"])),
            "came_late": frozenset(content["came_late"]),
            "planned": tuple(content["planned"]),
            "notes": tuple(content["notes"]),
            "tenants": tuple(content["tenants"]),
            "states": {State(name): why for name, why in content["states"].items()},
        }
    )


def _check(file: Path, record: RunRecord) -> None:
    """Raise ConfigurationError for values that no schema excludes."""
    shard, version = record.shard, record.terms.catalogue
    if shard is None or shard.index > shard.count:
        raise ConfigurationError(
            f"{file}: expected a shard K/N with K up to N, got {shard}.", _HINT
        )
    if record.kit != __version__:
        # Its requirements may be others.
        return
    known = load_catalogue().requirements
    unknown = [each for each in record.planned if each not in known]
    unknown += [each.requirement for each in record.results if each.requirement not in known]
    if unknown or version not in (*released(), LATEST):
        what = f"the requirement {unknown[0]!r}" if unknown else f"the catalogue {version!r}"
        raise ConfigurationError(f"{file}: {what[:100]} does not exist.", _HINT)
    try:
        catalogue = load_version(version)
        for pattern in (*record.terms.include, *record.terms.exclude):
            catalogue.matching(pattern)
    except ConfigurationError as fault:
        raise ConfigurationError(f"{file}: {fault.message}", _HINT) from None
