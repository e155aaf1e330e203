"""Runs in shards: what they share with one run of all checks, and how to compare the two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.config.settings import read
from conformance.errors import ErrorCollector
from conformance.results.blob import as_blob, read_blob
from conformance.results.events import Event, RunFinished
from conformance.results.merge import Blob, merge
from conformance.results.record import RunRecord, Shard
from conformance.results.report import Report
from conformance.runner.build_report import conclude
from conformance.runner.run import run_checks


class Recorder:
    """A reporter that keeps the record of a run."""

    def __init__(self) -> None:
        self.record: RunRecord | None = None

    def on(self, event: Event) -> None:
        """Keep it when the run has ended."""
        if isinstance(event, RunFinished):
            self.record = event.record


def run_recorded(base_url: str, *include: str, **options: Any) -> RunRecord:
    """Run the kit in this process and return the record."""
    recorder = Recorder()
    given = {"base_url": base_url, "include": include, "settle": "0.1s"} | options
    run_checks(read(given, {}), [recorder], files="blob" in options)
    assert recorder.record is not None
    return recorder.record


def run_in_shards(folder: Path, count: int, base_url: str, *include: str, **options: Any) -> Report:
    """Run the kit as so many shards and return the report of their merged blobs."""
    files = [folder / f"{n}-of-{count}.blob" for n in range(1, count + 1)]
    for n, file in enumerate(files, 1):
        more = {"shard": f"{n}/{count}", "blob": str(file)}
        run_recorded(base_url, *include, **(options | more))
    return conclude(merge_files(files))


def merge_files(files: list[Path]) -> RunRecord:
    """Return the record of the run from the blobs."""
    blobs = [Blob(str(file), read_blob(file)) for file in files]
    return merge(blobs, ErrorCollector())


def cut(record: RunRecord, count: int, shards: list[int]) -> list[RunRecord]:
    """Divide a record as its run could have been divided: `shards` has a shard from 1 for the check
    at each position."""
    parts = []
    for n in range(1, count + 1):
        mine = tuple(r for r in record.results if shards[r.position % len(shards)] == n)
        planned = tuple(dict.fromkeys(r.requirement for r in mine if not r.incidental))
        shard = Shard(n, count)
        parts.append(replace(record, results=mine, shard=shard, planned=planned, division="d"))
    return parts


def write_blobs(folder: Path, records: list[RunRecord]) -> list[Path]:
    """Write each record to a file of its own."""
    files = [folder / f"{record.shard}.blob".replace("/", "-") for record in records]
    for file, record in zip(files, records, strict=True):
        file.write_text(as_blob(record), encoding="utf-8")
    return files


def conclusion(report: Report) -> dict[str, Any]:
    """Return what must not depend on the number of shards."""
    return {
        "verdicts": {
            e.requirement.id: (e.verdict, e.caused_by, e.untested) for e in report.entries
        },
        "answers": {q: seen.possible for q, seen in report.observations.items()},
        "not run": report.not_run,
        "stale": report.stale_waivers,
        "exit code": report.exit_code,
        "counts": report.counts,
    }
