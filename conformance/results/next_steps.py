"""Suggest the next steps after a run: for its failures, and for requirements not tested."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.results.report import Report
from conformance.vocabulary import ExitCode, Untested, Verdict

_MAX_NAMED = 5
# Reports on traffic that the kit did not cause.
_TRAFFIC = ("proxy", "recording")


def next_steps(report: Report) -> list[str]:
    """Return a sentence for each step, the most useful first; empty if everything was tested and
    nothing failed."""
    return list(_steps(report))


def _steps(report: Report) -> Iterator[str]:
    yield from report.hints
    if report.interrupted and report.problem:
        yield "Run again what was interrupted (above)."
    elif report.interrupted:
        yield "Run again: this run was interrupted."
    elif report.problem and not report.hints:
        yield "Remove what kept the run from its end (above), and run again."
    gating = [Verdict.VIOLATION, *([Verdict.DEVIATION] if report.strict else [])]
    failed = [e.requirement.id for e in report.entries if e.verdict in gating and not e.caused_by]
    if failed:
        first = failed[0]
        yield f"Reproduce a failure with its curl line; read: runs-conformance explain {first}"
        if report.provisioner in _TRAFFIC:
            return
        words = " ".join(f"--include {each}" for each in failed[:_MAX_NAMED])
        yield f"After a fix, test this again: runs-conformance run {words}"
        if report.exit_code is ExitCode.NOT_CONFORMANT and report.shard is None:
            yield "Known failures can be waived until a date: runs-conformance baseline"
    if report.shard is not None and not report.interrupted:
        yield "Get the verdict from the blobs of all shards: runs-conformance merge FILES"
    untested = report.untested
    if report.provisioner in ("discover", "static") and report.tested < report.selected:
        found = "found by listing" if report.provisioner == "discover" else "configured"
        yield (
            f"Only {report.tested} of {report.selected} requirements were tested: runs are {found},"
            " and none is created. Create runs with --trigger 'POST /path/{state}' or --command; "
            "runs-conformance init writes a file to fill in."
        )
    if any("another tenant" in e.worst.message and e.untested for e in report.entries):
        yield "Test tenant isolation: give a credential of another tenant as --other-token."
    if untested.get(Untested.BUDGET):
        yield "Raise --budget: there was no time for all requirements."
    if untested.get(Untested.DID_NOT_FIT):
        yield "Raise --budget to the time of the forecast, or --requests-per-minute if allowed."
    if untested.get(Untested.RATE_LIMIT):
        yield "Raise the tenant's rate limit, or --budget."
