"""A value that does not match the contract is as grave as the evidence for what it breaks."""

from typing import Any

import pytest

from conformance.contract.contract import Contract
from conformance.contract.schema import Schemas
from conformance.vocabulary import Level


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({"versionNumber": "7"}, {Level.DOCUMENTED}),
        ({"versionNumber": None}, {Level.INFERRED}),
        # The status is a reference; that it is never null is a mark of the run.
        ({"status": None}, {Level.INFERRED, Level.ANALOGUE}),
        ({"status": "canceled"}, {Level.ANALOGUE}),
        ({"status": 7}, {Level.DOCUMENTED, Level.ANALOGUE}),
    ],
)
def test_a_fault_has_the_level_of_its_evidence(
    contract: Contract, changes: dict[str, Any], levels: set[Level]
) -> None:
    """Also where the keyword is found through a reference."""
    run = contract.full["components"]["examples"]["RunCompleted"]["value"]
    schemas = Schemas(contract)
    assert schemas.faults("Run", run) == []
    assert {fault.level for fault in schemas.faults("Run", run | changes)} == levels
