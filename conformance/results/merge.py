"""Merge the records of all shards into the record that one run would have had. Shards that are
missing, given twice or do not belong together are errors, all reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any

from conformance import __version__
from conformance.catalogue.versions import load_version
from conformance.contract.contract import load as load_contract
from conformance.errors import ErrorCollector
from conformance.results.record import RunRecord, Shard, Terms
from conformance.results.result import Result
from conformance.results.waivers import Waiver
from conformance.vocabulary import State

_HINT = "Run all shards with the same options, or merge only those that belong together."
_RUN_HINT = "Merge the shards of one run: run all of them again, or give each the same --run-id."
_RUN_ID = "--run-id"
_MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class Blob:
    """A record and where it was read from."""

    where: str
    record: RunRecord

    @property
    def shard(self) -> Shard:
        """The part of the run that it is."""
        return self.record.shard or Shard(1, 1)


def merge(blobs: Sequence[Blob], errors: ErrorCollector) -> RunRecord:
    """Return the record of the run. Raise ConfigurationError if the blobs are not all of one run,
    along with the errors that were collected before."""
    _check_kit(blobs, errors)
    if blobs:
        _check_numbers(blobs, errors, complete=not errors.count)
        _check_together(blobs, errors)
    errors.raise_all()
    ordered = sorted(blobs, key=lambda blob: blob.shard.index)
    records = [blob.record for blob in ordered]
    first = records[0]
    return replace(
        first,
        base_url=", ".join(dict.fromkeys(record.base_url for record in records)),
        states=_states(ordered),
        started=min(record.started for record in records),
        seconds=max(record.seconds for record in records),
        problem="; ".join(_named(ordered, _problems)),
        interrupted=any(record.interrupted for record in records),
        notes=(*_addresses(records), *_named(ordered, lambda record: record.notes)),
        results=_results(records),
        tenants=tuple(_named(ordered, lambda record: record.tenants)),
        came_late=frozenset[str]().union(*(record.came_late for record in records)),
        shard=None,
        planned=(),
        division="",
        run_id="",
    )


def _problems(record: RunRecord) -> Iterator[str]:
    if record.problem:
        yield record.problem
    if record.interrupted:
        yield "the run was interrupted"


def _addresses(records: Sequence[RunRecord]) -> Iterator[str]:
    """Yield a line where the shards tested different addresses: each may be its own service."""
    found = list(dict.fromkeys(record.base_url for record in records))
    if len(found) > 1:
        more = f" and {len(found) - _MAX_LISTED} more" if len(found) > _MAX_LISTED else ""
        yield f"The shards tested different base URLs: {', '.join(found[:_MAX_LISTED])}{more}."


def _check_kit(blobs: Sequence[Blob], errors: ErrorCollector) -> None:
    """The catalogue and the contract that the conclusion is drawn from are those of this kit."""
    contract = load_contract()
    for blob in blobs:
        record = blob.record
        if record.kit != __version__:
            errors.note(
                f"{blob.where}: expected a blob of runs-conformance {__version__}, got one of "
                f"{record.kit}.",
                "Merge with the version of the kit that ran the shards.",
            )
        elif record.contract_digest != contract.digest:
            errors.note(
                f"{blob.where}: expected the contract of this kit, got another one, of version "
                f"{record.contract}.",
                "Merge with the kit that ran the shards.",
            )
        elif record.catalogue_digest != load_version(record.terms.catalogue).digest:
            errors.note(
                f"{blob.where}: expected the requirements of this kit, got others.",
                "Merge with the kit that ran the shards.",
            )


def _check_numbers(blobs: Sequence[Blob], errors: ErrorCollector, *, complete: bool) -> None:
    """Each shard once. If not `complete`, a file could not be read: it may be what is missing."""
    count = blobs[0].shard.count
    seen: dict[int, str] = {}
    for blob in blobs:
        shard = blob.shard
        if shard.count != count:
            errors.note(
                f"{blob.where}: expected one of {count} shards, as {blobs[0].where} is, got shard "
                f"{shard}.",
                _HINT,
            )
        elif before := seen.get(shard.index):
            errors.note(
                f"{blob.where}: expected each shard once, got shard {shard}, which {before} is.",
                "Leave one of them out.",
            )
        else:
            seen[shard.index] = blob.where
    missing = [f"{n}/{count}" for n in range(1, count + 1) if n not in seen]
    if missing and complete:
        listed = ", ".join(missing[:_MAX_LISTED])
        more = f" and {len(missing) - _MAX_LISTED} more" if len(missing) > _MAX_LISTED else ""
        errors.note(
            f"Expected all {count} shards, got none for {listed}{more}.",
            f"Name the file, or run it: runs-conformance run --shard {missing[0]} --blob FILE",
        )


def _check_together(blobs: Sequence[Blob], errors: ErrorCollector) -> None:
    """The same configuration and the same division."""
    first, *others = blobs
    expected = _comparable(first.record)
    for blob in others:
        given = _comparable(blob.record)
        for name in {**expected, **given}:
            if (value := given.get(name)) != (other := expected.get(name)):
                errors.note(
                    f"{blob.where}: {name}: expected {_shown(other)}, as in "
                    f"{first.where}, got {_shown(value)}.",
                    _RUN_HINT if name == _RUN_ID else _HINT,
                )
        if (
            blob.record.division != first.record.division
            and blob.shard.count == first.shard.count
            and given == expected
        ):
            errors.note(
                f"{blob.where}: expected the division of {first.where}, got another one.",
                "Give all shards the same --shard-weights.",
            )


def _comparable(record: RunRecord) -> dict[str, Any]:
    """Return everything that has to be the same, by the name of its option."""
    terms = {each.name: getattr(record.terms, each.name) for each in fields(Terms)}
    options: Mapping[str, str] = terms.pop("options")
    terms["fuzz"] = f"{record.terms.fuzz.cases} cases, seed {record.terms.fuzz.seed}"
    terms["waivers"] = [_about(waiver) for waiver in record.terms.waivers]
    words = {"credentials": "credentials", "other_credentials": "credentials of the other tenant"}
    named = {
        words.get(name) or ("" if name == "waivers" else "--") + name.replace("_", "-"): value
        for name, value in terms.items()
    }
    return {_RUN_ID: record.run_id or "none", **named, **options, "provisioner": record.provisioner}


def _about(waiver: Waiver) -> str:
    """Return all of the waiver but its place, which depends on the machine."""
    parts = (" ".join(waiver.patterns), waiver.owner, waiver.expires, waiver.reason)
    return ", ".join(parts)


def _shown(value: Any) -> str:
    match value:
        case list() | tuple() | frozenset():
            return ("; ".join(sorted(map(str, value))) or "none")[:300]
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g} s"
        case _:
            return str(value)[:300]


def _states(blobs: Sequence[Blob]) -> Mapping[State, str]:
    """Return why a state is not provided; the first shard without it counts."""
    found: dict[State, str] = {}
    for blob in blobs:
        for state, why in blob.record.states.items():
            found[state] = found.get(state) or why
    return found


def _named(blobs: Sequence[Blob], texts: Callable[[RunRecord], Iterable[str]]) -> Iterable[str]:
    """Yield the texts of all shards, each with its shard if that is not in all of them."""
    by_text: dict[str, list[Shard]] = {}
    for blob in blobs:
        for text in texts(blob.record):
            by_text.setdefault(text, []).append(blob.shard)
    for text, shards in by_text.items():
        everywhere = len(shards) == len(blobs)
        yield text if everywhere else f"Shard {', '.join(map(str, shards))}: {text}"


def _results(records: Sequence[RunRecord]) -> tuple[Result, ...]:
    """Return the results of all shards in the order of one run, each exchange with a number of its
    own."""
    highest = [max(_numbers(record.results), default=0) for record in records]
    offsets = [0, *accumulate(highest)]
    found = [
        _renumbered(result, offset)
        for record, offset in zip(records, offsets, strict=False)
        for result in record.results
    ]
    return tuple(sorted(found, key=lambda result: result.position))


def _numbers(results: Iterable[Result]) -> Iterable[int]:
    for result in results:
        yield from (exchange.number for exchange in result.exchanges)
        yield from (seen.exchange or 0 for seen in result.observations)
        yield result.failing_exchange or 0
        yield from (exchange["number"] for exchange in (result.traffic or {}).get("exchanges", ()))


def _renumbered(result: Result, offset: int) -> Result:
    def moved(number: int | None) -> int | None:
        return None if number is None else number + offset

    traffic = result.traffic
    if traffic is not None:
        of_check = [e | {"number": e["number"] + offset} for e in traffic["exchanges"]]
        traffic = traffic | {"exchanges": of_check}
    return replace(
        result,
        traffic=traffic,
        failing_exchange=moved(result.failing_exchange),
        exchanges=tuple(replace(e, number=e.number + offset) for e in result.exchanges),
        observations=tuple(replace(o, exchange=moved(o.exchange)) for o in result.observations),
    )
