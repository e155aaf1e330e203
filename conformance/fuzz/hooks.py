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
from conformance.fuzz.schema import CACHE, CREDENTIAL, PER_MINUTE, PLACEHOLDER, RUNS, TOO_LARGE
from conformance.vocabulary import Operation

_credential = CredentialFile(Path(os.environ[CREDENTIAL]))
_runs: dict[str, dict[str, list[str]]] = json.loads(os.environ[RUNS])
_own_runs = {run_id for pool in _runs.values() for runs in pool.values() for run_id in runs}
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
    """Complete the case; a case that is meant to succeed uses its run up, save the last."""
    _pacer.wait()
    case.headers = {**(case.headers or {}), **_credential.headers()}
    run_id: Any = (case.path_parameters or {}).get("run_id")
    if run_id == PLACEHOLDER:
        run_id = _next_run(case)
    elif run_id not in _own_runs and _is_uuid(run_id):
        # It may be made up, or one of the list's: another one that is made up does for both.
        run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, run_id))
    else:
        return
    case.path_parameters = {**case.path_parameters, "run_id": run_id}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """A retry may make another run, which is the kit's as well."""
    if (
        case.operation.definition.raw["operationId"] != Operation.RETRY
        or response.status_code >= 300
    ):
        return
    try:
        made = json.loads(response.content)["id"]
    except (ValueError, LookupError, TypeError):
        return
    if isinstance(made, str) and case.path_parameters["run_id"] in _own_runs:
        _own_runs.add(made)


def _next_run(case: Any) -> str:
    phase = "examples" if case.meta is None else case.meta.phase.name.value
    runs = _runs[phase][case.operation.definition.raw["operationId"]]
    meant_well = case.meta is None or case.meta.generation.mode.value == "positive"
    return runs.pop(0) if meant_well and len(runs) > 1 else runs[-1]


def _is_uuid(text: Any) -> bool:
    try:
        return bool(str(uuid.UUID(text)) == text.lower())
    except (ValueError, AttributeError, TypeError):
        return False
