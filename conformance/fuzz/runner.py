"""Runs Schemathesis as a process for each view of the contract, side by side, in a directory of its
own, with everything that could make two runs differ, or reach runs that are not the kit's, off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from conformance.contract import Contract
from conformance.credential import Credential
from conformance.errors import KitError, OutOfTime
from conformance.fuzz import outcome
from conformance.fuzz.document import HEADERS, RUNS, View, document
from conformance.vocabulary import Operation

_COMMON = ("not_a_server_error", "content_type_conformance", "response_schema_conformance")
_CHECKS = {
    View.DOCUMENTED: (*_COMMON, "negative_data_rejection"),
    View.TOLERANT: (
        *_COMMON,
        "negative_data_rejection",
        "status_code_conformance",
        "response_headers_conformance",
    ),
}


def fuzz(
    contract: Contract,
    base_url: str,
    credential: Credential,
    phases: Sequence[str],
    runs: Mapping[View, Mapping[Operation, Sequence[str]]],
    seconds: float,
) -> dict[View, outcome.Outcome]:
    """Fuzz the operations for which there are runs, both views at once.

    Raises KitError if a process fails by itself, OutOfTime if it is not done in time.
    """
    with tempfile.TemporaryDirectory(prefix="runs-conformance-") as directory:
        started = {
            view: _start(
                Path(directory) / view.value,
                contract,
                view,
                base_url,
                credential,
                phases,
                runs[view],
            )
            for view in runs
        }
        deadline = time.monotonic() + seconds
        try:
            return {
                view: _finish(process, Path(directory) / view.value, deadline)
                for view, process in started.items()
            }
        finally:
            for process in started.values():
                process.kill()
                process.wait()


def _start(
    home: Path,
    contract: Contract,
    view: View,
    base_url: str,
    credential: Credential,
    phases: Iterable[str],
    runs: Mapping[Operation, Sequence[str]],
) -> subprocess.Popen[bytes]:
    home.mkdir()
    (home / "openapi.json").write_text(json.dumps(document(contract, view, runs)), encoding="utf-8")
    (home / "schemathesis.toml").write_text(_CONFIGURATION, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCHEMATHESIS_")}
    package = str(Path(__file__).parent.parent.parent)
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        HEADERS: json.dumps(credential.headers()),
        RUNS: json.dumps({operation.value: list(ids) for operation, ids in runs.items()}),
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color"]
    command += ["--config-file", "schemathesis.toml", "run", "openapi.json", "--url", base_url]
    command += ["--phases", ",".join(phases), "--checks", ",".join(_CHECKS[view])]
    command += ["--report", "ndjson", "--report-ndjson-path", "events.ndjson"]
    with (home / "said").open("wb") as said:
        return subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            command, cwd=home, env=environment, stdout=said, stderr=subprocess.STDOUT
        )


def _finish(process: subprocess.Popen[bytes], home: Path, deadline: float) -> outcome.Outcome:
    try:
        code = process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise OutOfTime("Schemathesis was not done in time") from None
    events = home / "events.ndjson"
    # 1 tells of failures, which is what it is run for.
    if code not in (0, 1) or not events.exists():
        said = (home / "said").read_text(encoding="utf-8", errors="replace")
        raise KitError(f"Schemathesis exited with {code}: {said.strip()[-800:]}")
    with events.open(encoding="utf-8") as lines:
        return outcome.read(lines)


# Values drawn from earlier answers would reach runs of others, and cancel them. A quiet stream
# would take its whole time for each case.
_CONFIGURATION = """
hooks = "conformance.fuzz.hooks"
continue-on-failure = true
request-timeout = 10
warnings = false

[generation]
deterministic = true
with-security-parameters = false

[analysis]
constants.enabled = false

[phases.examples]
fill-missing = true
extra-data-sources.responses = false

[phases.coverage]
unexpected-methods = []
extra-data-sources.responses = false

[[operations]]
include-operation-id = "streamRunEvents"
request-timeout = 1
max-stream-events = 1
"""
