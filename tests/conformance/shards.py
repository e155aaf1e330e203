"""Runs in shards: what they share with one run of all checks, and how to compare the two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from command_line import call_kit

from conformance.catalogue.open_questions import Observation
from conformance.client.recorder import Exchange
from conformance.config.settings import read
from conformance.errors import ErrorCollector
from conformance.results.blob import as_blob, read_blob
from conformance.results.events import Event, RunFinished, SetupFinished
from conformance.results.merge import Blob, merge
from conformance.results.record import RunRecord, Shard
from conformance.results.report import Report
from conformance.results.result import Result
from conformance.runner.build_report import begin_record, conclude
from conformance.runner.run import run_checks
from conformance.vocabulary import State, Untested, Verdict

GIVEN = {"base_url": "http://127.0.0.1:9", "token": "x", "include": ["LIST-0[1-4]"]}


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


def exchange(number: int) -> Exchange:
    """One that shows a failure."""
    return Exchange(number, "GET", "http://127.0.0.1:9/x", {"accept": "*/*"}, None, 500)


def four_checks() -> RunRecord:
    """A run of four checks, one of which failed."""
    setup = SetupFinished("mock", {State.SUCCEEDS: "", State.PENDING: "none"}, frozenset())
    verdicts = [Verdict.PASS, Verdict.VIOLATION, Verdict.PASS, Verdict.INCONCLUSIVE]
    seen = Observation("Q11", ("oldest_first",), "createdAt rises", 7)
    results = tuple(
        Result(
            f"LIST-0{n}",
            f"check_{n}",
            verdict,
            message="it is so",
            exchanges=(exchange(7),),
            failing_exchange=7 if verdict is Verdict.VIOLATION else None,
            observations=(seen,) if n == 1 else (),
            reason=Untested.PRECONDITION if verdict is Verdict.INCONCLUSIVE else None,
            position=n - 1,
        )
        for n, verdict in enumerate(verdicts, 1)
    )
    started = begin_record(read(GIVEN, {}), setup, "2026-03-02T08:15:00Z")
    return replace(started, results=results, seconds=3.5)


def merged(*files: Path, more: tuple[str, ...] = ()) -> tuple[int, str]:
    """The exit code and the output of the command."""
    ended = call_kit("merge", *map(str, files), *more, environment={})
    return ended.returncode, ended.stdout
