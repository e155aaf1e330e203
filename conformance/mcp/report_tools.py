"""Tools that read reports: the findings first, then one of them with its evidence."""

from typing import Annotated, Any, Literal

from pydantic import Field

from conformance.errors import ConfigurationError
from conformance.mcp.catalogue_tools import Limit, Offset
from conformance.mcp.session import KitSession
from conformance.mcp.toolbox import Arguments, Line, Result, Text, tool
from conformance.vocabulary import Verdict

_FIRST = 5
_FAILED = (Verdict.VIOLATION, Verdict.DEVIATION, Verdict.ERROR)
_RANK = {verdict.value: verdict.rank for verdict in Verdict}
ReportName = Annotated[str, Field(min_length=1, max_length=200)]


class Finding(Result):
    """A requirement with its verdict."""

    id: str
    verdict: str
    level: str
    operation: str | None
    message: Text
    caused_by: str | None = Field(description="The requirement that it only follows from.")


class Conclusion(Result):
    """A report in short."""

    report: str = Field(description="Name for read_report and read_finding.")
    base_url: Line
    conclusion: str
    coverage: Text
    problem: Text | None = Field(description="Why the run is incomplete, if it is.")
    counts: dict[str, int] = Field(description="Number of requirements by verdict.")
    findings: list[Finding] = Field(description="Worst first; consequences of others last.")
    total: int = Field(description="Number of findings.")
    notes: list[Text] = Field(description="Limits of how far the result can be relied on.")


def conclude(
    name: str,
    report: dict[str, Any],
    *,
    verdict: str | None = None,
    limit: int = _FIRST,
    offset: int = 0,
) -> Conclusion:
    """Return a report in short, with a page of its findings: failures, or those of a verdict."""
    wanted = (verdict,) if verdict else tuple(each.value for each in _FAILED)
    found = [entry for entry in report["requirements"] if entry["verdict"] in wanted]
    found.sort(key=lambda entry: (entry["causedBy"] is not None, _RANK[entry["verdict"]]))
    return Conclusion(
        report=name,
        base_url=report["baseUrl"],
        conclusion=report["conclusion"],
        coverage=report["coverage"],
        problem=report["problem"] or None,
        counts={word: n for word, n in report["counts"].items() if n},
        findings=[_finding(entry) for entry in found[offset : offset + limit]],
        total=len(found),
        notes=report["notes"][:3],
    )


def _finding(entry: dict[str, Any]) -> Finding:
    return Finding(
        id=entry["id"],
        verdict=entry["verdict"],
        level=entry["level"],
        operation=entry["operation"],
        message=entry["message"],
        caused_by=entry["causedBy"],
    )


class ReadReport(Arguments):
    """The arguments of `read_report`."""

    report: ReportName | None = Field(
        None,
        description="Name, as run_checks returned it, or a file that the user offers; by "
        "default the newest of run_checks.",
    )
    verdict: (
        Literal["violation", "deviation", "error", "inconclusive", "unsupported", "waived", "pass"]
        | None
    ) = Field(None, description="Only this verdict; by default all that failed.")
    limit: Limit = _FIRST
    offset: Offset = 0


async def read_report(given: ReadReport, session: KitSession) -> Conclusion:
    """Read a report: conclusion, counts and the findings, worst first. Use read_finding for the
    evidence of one."""
    name, report = session.report(given.report)
    return conclude(name, report, verdict=given.verdict, limit=given.limit, offset=given.offset)


class ReadFinding(Arguments):
    """The arguments of `read_finding`."""

    id: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="Id of the requirement."
    )
    report: ReportName | None = Field(None, description="As for read_report.")


class Check(Result):
    """A check of the requirement."""

    name: Line
    verdict: str
    message: Text


class Exchange(Result):
    """A request and its response, credentials redacted."""

    request: Line
    request_body: Text | None
    status: int | None
    response_body: Text | None
    note: Text | None = Field(description="What went wrong with the exchange itself, if it did.")


class Evidence(Result):
    """A finding with its evidence."""

    id: str
    verdict: str
    statement: Text
    source: Text = Field(description="Why it is required.")
    message: Text
    contract_location: Line | None = Field(description="JSON pointer into openapi.yaml.")
    curl: Text | None = Field(description="Command that repeats the request.")
    untested: str | None = Field(description="Why it was not tested, if it was not.")
    checks: list[Check]
    exchange: Exchange | None = Field(description="The exchange that shows the failure.")


async def read_finding(given: ReadFinding, session: KitSession) -> Evidence:
    """Show the evidence of one requirement in a report: its checks, the request and response that
    show the failure, a curl command, and the place in the contract."""
    name, report = session.report(given.report)
    entries = {entry["id"]: entry for entry in report["requirements"]}
    entry = entries.get(given.id.strip().upper())
    if entry is None:
        raise ConfigurationError(
            f"id: expected a requirement of the report {name}, got {given.id!r}.",
            "See read_report.",
        )
    return Evidence(
        id=entry["id"],
        verdict=entry["verdict"],
        statement=entry["statement"],
        source=entry["source"],
        message=entry["message"],
        contract_location=entry["contractLocation"],
        curl=entry["curl"] or None,
        untested=entry["untested"],
        checks=[
            Check(name=check["name"], verdict=check["verdict"], message=check["message"])
            for check in entry["checks"][:5]
        ],
        exchange=_exchange(entry),
    )


def _exchange(entry: dict[str, Any]) -> Exchange | None:
    """Return the exchange that shows the failure, of the worst check that has one."""
    for check in sorted(entry["checks"], key=lambda check: _RANK[check["verdict"]]):
        for each in check["exchanges"]:
            if each["number"] == check["failingExchange"]:
                return Exchange(
                    request=f"{each['method']} {each['url']}",
                    request_body=each["request_body"] or None,
                    status=each["status"],
                    response_body=each["response_body"] or None,
                    note=each["note"] or None,
                )
    return None


TOOLS = (tool(read_report, reads=True), tool(read_finding, reads=True))
