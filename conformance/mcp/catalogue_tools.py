"""Tools that look requirements and open questions up."""

from typing import Annotated

from pydantic import Field

from conformance.catalogue import open_questions
from conformance.catalogue.requirements import Catalogue, load
from conformance.errors import ConfigurationError
from conformance.mcp.session import KitSession
from conformance.mcp.toolbox import Arguments, Line, Result, Text, tool

Limit = Annotated[int, Field(ge=1, le=100, description="Maximum number of items.")]
Offset = Annotated[int, Field(ge=0, le=100_000, description="Number of items to skip.")]
Pattern = Annotated[str, Field(min_length=1, max_length=64)]


class ListRequirements(Arguments):
    """The arguments of `list_requirements`."""

    pattern: Pattern = Field("*", description="Pattern of ids, such as CANCEL-* or AUTH-0[1-4].")
    search: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="Only statements with all of these words."
    )
    limit: Limit = 10
    offset: Offset = 0


class RequirementLine(Result):
    """A requirement in short."""

    id: str
    level: str
    operation: str | None
    statement: Line


class Requirements(Result):
    """A page of requirements, in the order of the catalogue."""

    items: list[RequirementLine]
    total: int
    groups: list[str] = Field(description="All groups of ids, for patterns such as LIST-*.")


async def list_requirements(given: ListRequirements, _: KitSession) -> Requirements:
    """List what an implementation of the Automation runs API must do, by patterns of ids and words.
    A failure of a requirement with the level documented or derived is a violation, with analogue or
    inferred a deviation. Use explain_requirement for one of them."""
    catalogue = load()
    try:
        matching = catalogue.matching(given.pattern)
    except ConfigurationError as fault:
        known = ", ".join(f"{each}-*" for each in _groups(catalogue))
        raise ConfigurationError(f"pattern: {fault.message}", f"Groups are {known}.") from None
    words = (given.search or "").lower().split()
    found = [
        each
        for each in catalogue.requirements.values()
        if each.id in matching and all(word in each.statement.lower() for word in words)
    ]
    items = [
        RequirementLine(
            id=each.id,
            level=each.level.value,
            operation=each.operation.value if each.operation else None,
            statement=each.statement,
        )
        for each in found[given.offset : given.offset + given.limit]
    ]
    return Requirements(items=items, total=len(found), groups=_groups(catalogue))


def _groups(catalogue: Catalogue) -> list[str]:
    return list(dict.fromkeys(each.group for each in catalogue.requirements.values()))


class ExplainRequirement(Arguments):
    """The arguments of `explain_requirement`."""

    id: Pattern = Field(description="Id of a requirement or open question: CANCEL-02, Q07.")


class Explanation(Result):
    """A requirement with its evidence, or an open question with its known answers."""

    id: str
    statement: Text
    level: str | None = Field(description="documented, derived, analogue or inferred.")
    failure: str | None = Field(description="The verdict if it fails: violation or deviation.")
    operation: str | None
    source: Text | None = Field(description="The evidence: line of the reference, or the reason.")
    question: Text | None = Field(description="The open question that it observes.")
    answers: dict[str, Text] = Field(description="The accepted answers to the question.")
    observed_by: list[str] = Field(description="Requirements that observe the open question.")


async def explain_requirement(given: ExplainRequirement, _: KitSession) -> Explanation:
    """Explain a requirement: its complete statement, level, evidence, and the accepted answers if
    the contract leaves it open. Also takes the number of an open question."""
    name, catalogue, questions = given.id.strip().upper(), load(), open_questions.load()
    if name in questions:
        asked = questions[name]
        seen = [e.id for e in catalogue.requirements.values() if e.question == name]
        return Explanation(
            id=name,
            statement=asked.text,
            level=None,
            failure=None,
            operation=None,
            source=None,
            question=None,
            answers=dict(asked.answers),
            observed_by=seen,
        )
    if name not in catalogue.requirements:
        raise ConfigurationError(
            f"id: expected a requirement or an open question, got {given.id!r}.",
            "See list_requirements.",
        )
    found = catalogue[name]
    question = questions[found.question] if found.question else None
    return Explanation(
        id=name,
        statement=found.statement,
        level=found.level.value,
        failure="violation" if found.level.gates else "deviation",
        operation=found.operation.value if found.operation else None,
        source=found.source,
        question=f"{question.number} {question.text}" if question else None,
        answers=dict(question.answers) if question else {},
        observed_by=[],
    )


TOOLS = (tool(list_requirements, reads=True), tool(explain_requirement, reads=True))
