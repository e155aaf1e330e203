"""Loaded by Schemathesis in its own process: gives every request the credential and puts a run that
suits the operation in the place that the document keeps for it."""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis

from conformance.fuzz.document import HEADERS, PLACEHOLDER, RUNS

_headers: dict[str, str] = json.loads(os.environ[HEADERS])
_runs: dict[str, list[str]] = json.loads(os.environ[RUNS])


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Complete the case; a case that is meant to succeed uses its run up, save the last."""
    case.headers = {**(case.headers or {}), **_headers}
    if (case.path_parameters or {}).get("run_id") != PLACEHOLDER:
        return
    runs = _runs[case.operation.definition.raw["operationId"]]
    meant_well = case.meta is None or case.meta.generation.mode.value == "positive"
    run_id = runs.pop(0) if meant_well and len(runs) > 1 else runs[-1]
    case.path_parameters = {**case.path_parameters, "run_id": run_id}
