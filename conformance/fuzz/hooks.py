"""Loaded by Schemathesis in its own process: gives every request the credential, puts a run that
suits phase and operation in the place that the document keeps for it, and sees to it that no
request is about a run that is not the kit's, wherever Schemathesis may have learnt of it."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis.configuration import set_hypothesis_home_dir

from conformance.client.pacing import Pacer
from conformance.fuzz.child import bound_bodies, end_with_parent, renew_credentials
from conformance.fuzz.credential_file import CredentialFile
from conformance.fuzz.run_supply import RunSupply, ids_in_page
from conformance.fuzz.schema import CACHE, CREDENTIAL, PER_MINUTE, PLACEHOLDER, RUNS, TOO_LARGE
from conformance.vocabulary import Operation

_credential = CredentialFile(Path(os.environ[CREDENTIAL]))
_supplies = {
    phase: RunSupply(pools, histories=phase == "stateful")
    for phase, pools in json.loads(os.environ[RUNS]).items()
}
_own_runs = {run_id for supply in _supplies.values() for run_id in supply.runs}
_listed = set[str]()
_pacer = Pacer(float(os.environ[PER_MINUTE]))
set_hypothesis_home_dir(os.environ[CACHE])
bound_bodies()
renew_credentials(_credential)
end_with_parent()


@schemathesis.check
def response_size(context: Any, response: Any, case: Any) -> None:
    """No body exceeds the limit of the kit."""
    assert response.content != TOO_LARGE.encode(), "The body exceeds the limit of the kit."


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Complete the case with the credential and a run."""
    _pacer.wait()
    case.headers = {**(case.headers or {}), **_credential.headers()}
    run_id: Any = (case.path_parameters or {}).get("run_id")
    if run_id == PLACEHOLDER or (run_id in _listed and run_id not in _own_runs):
        # A run of the list exists, and may not be the kit's: one of the kit's does for it.
        run_id = _supplies[_phase(case)].next(_operation(case), valid=_is_valid(case))
    elif run_id not in _own_runs and _is_uuid(run_id):
        # It is made up, or comes from somewhere else: another one that is made up does for both.
        run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, run_id))
    else:
        return
    case.path_parameters = {**case.path_parameters, "run_id": run_id}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what became of the run; a retry may make another one, which is the kit's as well."""
    run_id: Any = (case.path_parameters or {}).get("run_id")
    operation = _operation(case)
    if operation == Operation.LIST and response.status_code == 200:
        _listed.update(ids_in_page(response.content))
    if run_id not in _own_runs or operation not in (Operation.CANCEL, Operation.RETRY):
        return
    if response.status_code < 300:
        try:
            made = json.loads(response.content)["id"]
        except (ValueError, LookupError, TypeError):
            made = None
        if operation == Operation.RETRY and isinstance(made, str):
            _own_runs.add(made)
            run_id = made
    valid = _is_valid(case)
    _supplies[_phase(case)].note(operation, run_id, response.status_code, valid=valid)


def _phase(case: Any) -> str:
    return "examples" if case.meta is None else str(case.meta.phase.name.value)


def _operation(case: Any) -> Operation:
    return Operation(case.operation.definition.raw["operationId"])


def _is_valid(case: Any) -> bool:
    return case.meta is None or case.meta.generation.mode.value == "positive"


def _is_uuid(text: Any) -> bool:
    try:
        return bool(str(uuid.UUID(text)) == text.lower())
    except (ValueError, AttributeError, TypeError):
        return False
