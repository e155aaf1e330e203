"""Every claim of the contract leads to a line of the reference or to a reason."""

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.contract.contract import Contract
from conformance.contract.pointer import Path, as_pointer
from conformance.contract.provenance import Tracer
from conformance.resources import reference_file
from conformance.vocabulary import Level

RUNS = "/paths/~1api~1v1~1automation-runs"
RUN = f"{RUNS}~1{{run_id}}"
PROSE = {"description", "example", "examples", "operationId", "summary", "tags", "x-evidence"}


@pytest.fixture(scope="module")
def tracer(contract: Contract) -> Tracer:
    """The tracer of the project's contract."""
    return Tracer(contract)


def claims(node: Any, path: Path) -> Iterator[Path]:
    """Every keyword of the schemas and parameters below the node."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in PROSE or str(key).startswith("x-"):
                continue
            yield (*path, key)
            yield from claims(value, (*path, key))


def test_every_claim_has_a_reason(contract: Contract, tracer: Tracer) -> None:
    """What is documented has a fact of the reference; everything else has a mark."""
    checked = 0
    for kind in ("schemas", "parameters", "securitySchemes"):
        for place in claims(contract.full["components"][kind], ("components", kind)):
            if len(place) < 4:
                continue
            found = tracer.trace(as_pointer(place))
            assert found.facts if found.level is Level.DOCUMENTED else found.marks, place
            checked += 1
    assert checked > 200


@pytest.mark.parametrize(
    ("pointer", "level", "section", "text", "written"),
    [
        (
            f"{RUNS}/get/parameters/1/schema/maximum",
            "documented",
            "List All Runs / Query Parameters",
            "limit? integer, default 100, range value <= 1000",
            "name: limit",
        ),
        (
            "/components/parameters/RunId/schema/format",
            "documented",
            "Get Run / Path Parameters",
            "run_id* string, format uuid",
            "name: run_id",
        ),
        (
            "/components/schemas/RetryRequest/properties/mode/enum",
            "documented",
            "Retry Run / Request Body",
            "mode? string, default from_failed, from_failed | from_step | full",
            "name: mode",
        ),
        (
            "/components/schemas/Step/properties/dependsOn",
            "documented",
            "Get Run Steps / Response Body",
            '"dependsOn": [',
            '"dependsOn": [',
        ),
        (
            "/components/schemas/Run/properties/status/enum",
            "analogue",
            "Get Run / Response Body",
            '"status": "pending"',
            '"status": "pending"',
        ),
        (
            f"{RUNS}/get",
            "documented",
            "List All Runs",
            "GET /api/v1/automation-runs: List All Runs",
            "title: List All Runs",
        ),
        (
            "/components/securitySchemes/sessionCookie",
            "documented",
            "List All Runs / Cookie Parameters",
            "vai_token? |",
            "name: vai_token",
        ),
        (
            f"{RUN}~1retry/post/requestBody/content/application~1json/schema/properties/stepKey",
            "documented",
            "Retry Run / Request Body",
            "stepKey? |",
            "name: stepKey",
        ),
    ],
)
def test_a_place_leads_to_the_line(
    tracer: Tracer, pointer: str, level: str, section: str, text: str, written: str
) -> None:
    """The section, the text as the page shows it, and the line of the transcription."""
    found = tracer.trace(pointer)
    assert found.level == level
    fact = next(fact for fact in found.facts if fact.section == section)
    assert fact.text == text
    line = reference_file().read_text(encoding="utf-8").splitlines()[fact.line - 1]
    assert written in line


def test_a_place_in_one_operation_leads_to_that_operation(tracer: Tracer) -> None:
    """A component is traced to every operation that uses it, a usage to its own."""
    shared = tracer.trace("/components/schemas/Run/properties/id")
    assert len(shared.operations) == 4
    own = tracer.trace(f"{RUN}/get/responses/200/content/application~1json/schema/properties/id")
    assert own.operations == ("GET /api/v1/automation-runs/{run_id}",)
    assert {fact.section for fact in own.facts} == {"Get Run / Response Body"}


def test_what_the_reference_does_not_say_has_no_fact(tracer: Tracer) -> None:
    """Events are inferred as a whole."""
    found = tracer.trace("/components/schemas/EventFrame/properties/id")
    assert (found.facts, found.level) == ((), Level.INFERRED)
    assert found.marks[0].question == "Q12"


@pytest.mark.parametrize("pointer", ["/components/schemas/Nothing/type", "/nowhere/at/all"])
def test_a_pointer_to_nothing_is_an_error(tracer: Tracer, pointer: str) -> None:
    """It is not taken for a place without evidence."""
    with pytest.raises(LookupError):
        tracer.trace(pointer)
