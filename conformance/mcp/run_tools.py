"""The tool that runs checks against an API."""

from typing import Annotated, Any

from pydantic import Field

from conformance.catalogue.requirements import load
from conformance.errors import ConfigurationError
from conformance.mcp.catalogue_tools import Pattern
from conformance.mcp.report_tools import Conclusion, conclude
from conformance.mcp.session import KitSession
from conformance.mcp.toolbox import FROM_JSON, Arguments, tool

MAX_BUDGET = 600
Secret = Annotated[str, Field(min_length=1, max_length=4_096, pattern="^[!-~]+$")]
Patterns = Annotated[list[Pattern], FROM_JSON, Field(max_length=50)]


class RunChecks(Arguments):
    """The arguments of `run_checks`."""

    base_url: Annotated[str, Field(min_length=1, max_length=2_000)] | None = Field(
        None,
        description="URL of the API: what comes before /api/v1. By default the configured one; "
        "otherwise one of this host.",
    )
    token: Secret | None = Field(
        None,
        description="Credential for another URL than the configured one, if it is not secret, such "
        "as the world of a mock. Secrets are in the environment of this server.",
    )
    other_token: Secret | None = Field(
        None, description="The same of another tenant, for checks of isolation."
    )
    include: Patterns = Field(
        [], description="Only requirements with these ids or patterns, such as LIST-*."
    )
    exclude: Patterns = Field([], description="Not these.")
    read_only: bool = Field(False, description="Send GET only: safe on production.")
    budget_seconds: int = Field(
        60, ge=5, le=MAX_BUDGET, description="Maximum time of the run, in seconds."
    )


async def run_checks(given: RunChecks, session: KitSession) -> Conclusion:
    """Test an implementation of the Automation runs API against its requirements, and return the
    conclusion with the worst findings first. Without include all requirements are tested, which
    takes minutes: begin with a group such as LIST-*. The result names the report for read_report
    and read_finding. Progress is notified, and cancelling ends the run. Programs that the
    configuration names are not run."""
    target = session.targets.choose(given.base_url, given.token, given.other_token)
    options: dict[str, Any] = {"read_only": given.read_only}
    for key, patterns in (("include", given.include), ("exclude", given.exclude)):
        _check(key, patterns)
        if patterns:
            options[key] = tuple(patterns)
    report = await session.runs.run(target, options, given.budget_seconds, session.progress)
    return conclude(session.keep(report), report)


def _check(key: str, patterns: list[str]) -> None:
    """Raise ConfigurationError for a pattern that matches nothing."""
    for each in patterns:
        try:
            load().matching(each)
        except ConfigurationError as fault:
            raise ConfigurationError(f"{key}: {fault.message}", "See list_requirements.") from None


TOOLS = (tool(run_checks),)
