"""Runs Schemathesis as a process for each view of the contract, side by side, in a directory of its
own, with everything that could make two runs differ, or reach runs that are not the kit's, off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conformance.client.connection import Connection
from conformance.client.credentials import Credential
from conformance.contract.contract import Contract
from conformance.errors import KitError
from conformance.fuzz import results
from conformance.fuzz.config import FuzzConfig
from conformance.fuzz.schema import CACHE, HEADERS, PER_MINUTE, PLACEHOLDER, RUNS, View, document
from conformance.vocabulary import Operation

# For each phase the operations that are tried, each with the runs that it may use up.
Pools = Mapping[str, Mapping[Operation, Sequence[str]]]
_COMMON = (
    "response_size",
    "not_a_server_error",
    "content_type_conformance",
    "response_schema_conformance",
)
_CHECKS = {
    View.DOCUMENTED: (*_COMMON, "negative_data_rejection"),
    View.TOLERANT: (
        *_COMMON,
        "negative_data_rejection",
        "status_code_conformance",
        "response_headers_conformance",
    ),
}


def cache_directory() -> Path:
    """Where tables that take seconds to make are kept from run to run; it may not exist."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        home = tempfile.gettempdir()
    return Path(home) / "automation-runs-kit"


def fuzz(
    contract: Contract,
    base_url: str,
    connection: Connection,
    credential: Credential,
    pools: Mapping[View, Pools],
    config: FuzzConfig,
    seconds: float,
) -> dict[View, results.FuzzResults]:
    """Fuzz the phases and operations for which there are runs, both views at once, and after this
    many seconds return the findings so far.

    Raise KitError if a process fails by itself.
    """
    with tempfile.TemporaryDirectory(prefix="runs-conformance-") as directory:
        started = {
            view: _start(
                Path(directory) / view.value,
                contract,
                view,
                base_url,
                connection,
                credential,
                pools[view],
                replace(config, per_minute=config.per_minute / len(pools)),
            )
            for view in pools
        }
        deadline = time.monotonic() + seconds
        try:
            return {
                view: _finish(process, Path(directory) / view.value, pools[view], deadline)
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
    connection: Connection,
    credential: Credential,
    pools: Pools,
    config: FuzzConfig,
) -> subprocess.Popen[bytes]:
    home.mkdir()
    operations = {operation for pool in pools.values() for operation in pool}
    text = json.dumps(document(contract, view, operations))
    (home / "openapi.json").write_text(text, encoding="utf-8")
    (home / "schemathesis.toml").write_text(_configuration(pools, config), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not _affects_requests(k)}
    package = str(Path(__file__).parent.parent.parent)
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        HEADERS: json.dumps(dict(connection.headers) | credential.headers()),
        RUNS: json.dumps(pools),
        CACHE: str(cache_directory()),
        PER_MINUTE: str(config.per_minute),
        # Of a user's own credentials it must know nothing.
        "NETRC": os.devnull,
    }
    if connection.proxy:
        # A process list must not show its password.
        environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), connection.proxy)
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color"]
    command += ["--config-file", "schemathesis.toml", "run", "openapi.json", "--url", base_url]
    command += ["--phases", ",".join(pools), "--checks", ",".join(_CHECKS[view])]
    command += ["--max-examples", str(config.cases)]
    command += [] if config.seed is None else ["--seed", str(config.seed)]
    command += _certificates(connection)
    command += ["--report", "ndjson", "--report-ndjson-path", "events.ndjson"]
    with (home / "said").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def _affects_requests(variable: str) -> bool:
    """Return whether a variable of the environment would change the requests or their target."""
    name = variable.upper()
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC")
    return name.startswith("SCHEMATHESIS_") or name.endswith("_PROXY") or name in bundles


def _certificates(connection: Connection) -> list[str]:
    words: list[str] = []
    if connection.insecure or connection.cacert:
        trusted = "false" if connection.insecure else str(Path(connection.cacert).absolute())
        words += ["--tls-verify", trusted]
    for option, file in (
        ("--request-cert", connection.client_cert),
        ("--request-cert-key", connection.client_key),
    ):
        words += [option, str(Path(file).absolute())] if file else []
    return words


def _finish(
    process: subprocess.Popen[bytes], home: Path, pools: Pools, deadline: float
) -> results.FuzzResults:
    try:
        code: int | None = process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        code = None
        process.kill()
        process.wait()
    events = home / "events.ndjson"
    # Exit code 1 means failures, which are the result.
    if code is not None and (code not in (0, 1) or not events.exists()):
        output = (home / "said").read_text(encoding="utf-8", errors="replace")
        raise KitError(f"Schemathesis exited with {code}: {output.strip()[-800:]}")
    found: results.FuzzResults = {}
    if events.exists():
        with events.open(encoding="utf-8") as lines:
            found = results.read(lines)
    for phase, pool in pools.items() if code is None else ():
        for operation in pool:
            found.setdefault((phase, operation), results.PhaseResult()).timed_out = True
    return found


def _configuration(pools: Pools, config: FuzzConfig) -> str:
    """Return the general part, and the filters that keep each phase to its operations."""
    parts = [
        _GENERAL.replace("DETERMINISTIC", str(config.seed is None).lower())
        .replace("PLACEHOLDER", PLACEHOLDER)
        .replace("SEQUENCES", str(_SEQUENCES * config.cases))
    ]
    for operation in sorted({operation for pool in pools.values() for operation in pool}):
        own = [
            f"phases.{phase}.enabled = false" for phase in pools if operation not in pools[phase]
        ]
        if operation is Operation.EVENTS:
            # A quiet stream would take its whole time for each case.
            own += ["request-timeout = 1", "max-stream-events = 1"]
        if own:
            parts += ["[[operations]]", f'include-operation-id = "{operation}"', *own]
    return "\n".join(parts)


# Sequences for each case that is asked for: which operations one is made of is left to chance.
_SEQUENCES = 2
# Values from earlier responses, and links inferred from names, would lead to foreign runs and
# cancel them. A failure is not made smaller: state is used up, so that it might not show again.
_GENERAL = """
hooks = "conformance.fuzz.hooks"
continue-on-failure = true
request-timeout = 10
warnings = false
rate-limit = "auto"

[dictionaries.runs]
values = ["PLACEHOLDER"]

[parameters."path.run_id"]
dictionary = "runs"
probability = 0.6

[generation]
deterministic = DETERMINISTIC
no-shrink = true
database = "none"
with-security-parameters = false

[cache]
enabled = false

[analysis]
constants.enabled = false

[phases.examples]
fill-missing = true
extra-data-sources.responses = false

[phases.coverage]
unexpected-methods = []
extra-data-sources.responses = false

[phases.fuzzing]
error-feedback.enabled = false
extra-data-sources.responses = false

[phases.stateful]
inference.algorithms = []
link-calibration = false
max-steps = 6
generation.max-examples = SEQUENCES

"""
