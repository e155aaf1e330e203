"""Runs Schemathesis as a process for each view of the contract, side by side, in a directory of its
own, with everything that could make two runs differ, or reach runs that are not the kit's, off."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.client.connection import Connection
from conformance.client.credentials import Credential
from conformance.client.renewal import Renewals
from conformance.contract.contract import Contract
from conformance.errors import KitError
from conformance.fuzz import results
from conformance.fuzz.config import FuzzConfig
from conformance.fuzz.credential_file import CredentialFile
from conformance.fuzz.schema import CACHE, CREDENTIAL, PER_MINUTE, PLACEHOLDER, RUNS, View, document
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
# The first round, and those that try again what chance left out.
_MAX_ROUNDS = 3
_POLL = 0.1


def cache_directory() -> Path:
    """Where tables that take seconds to make are kept from run to run; it may not exist."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        home = tempfile.gettempdir()
    return Path(home) / "automation-runs-kit"


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """The service, and the credential of every request, which is renewed as it expires."""

    base_url: str
    connection: Connection
    credential: Credential
    renewals: Renewals

    def headers(self) -> dict[str, str]:
        """Return the headers of every request, with the current secret."""
        renewed = self.renewals.renewed(self.credential)
        return dict(self.connection.headers) | renewed.headers()

    def renew(self) -> None:
        """Get another secret, after the service rejected the current one."""
        self.renewals.retries(self.headers(), 401)


def fuzz(
    contract: Contract,
    target: FuzzTarget,
    pools: Mapping[View, Pools],
    config: FuzzConfig,
    seconds: float,
) -> dict[View, results.FuzzResults]:
    """Fuzz the phases and operations for which there are runs, both views at once, and after this
    many seconds return the findings so far. What chance left out is tried again with other seeds.

    Raise KitError if a process fails by itself.
    """
    deadline = time.monotonic() + seconds
    found = _round(contract, target, pools, config, deadline)
    for number in range(1, _MAX_ROUNDS):
        missed = {view: results.missed(found[view], pools[view]) for view in pools}
        again = {view: _again(pools[view], missed[view]) for view in pools if missed[view]}
        if not again or time.monotonic() > deadline:
            break
        other = replace(config, seed=(config.seed or 0) + number)
        more = _round(contract, target, again, other, deadline, patient=True)
        for view in again:
            results.add(found[view], more[view], missed[view])
    return found


def _again(pools: Pools, missed: Container[tuple[str, Operation]]) -> Pools:
    """Return the runs for what was missed, unused ones first; a sequence needs all operations."""
    kept: dict[str, dict[Operation, Sequence[str]]] = {}
    for phase, pool in pools.items():
        if any((phase, operation) in missed for operation in pool):
            kept[phase] = {
                operation: runs[::-1]
                for operation, runs in pool.items()
                if phase == "stateful" or (phase, operation) in missed
            }
    return kept


def _round(
    contract: Contract,
    target: FuzzTarget,
    pools: Mapping[View, Pools],
    config: FuzzConfig,
    deadline: float,
    *,
    patient: bool = False,
) -> dict[View, results.FuzzResults]:
    """Run a process for each view until the deadline; `patient` waits longer for streams."""
    with tempfile.TemporaryDirectory(prefix="runs-conformance-") as directory:
        file = CredentialFile(Path(directory) / "credential.json")
        renewal = _Renewal(file, target)
        share = replace(config, per_minute=config.per_minute / len(pools))
        started = {}
        try:
            for view in pools:
                home = Path(directory) / view.value
                _prepare(home, contract, view, pools[view], share, patient=patient)
                started[view] = _start(home, view, target, pools[view], share, file)
            while time.monotonic() < deadline and any(p.poll() is None for p in started.values()):
                renewal.attend()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    next(p for p in started.values() if p.returncode is None).wait(_POLL)
            return {
                view: _finish(process, Path(directory) / view.value, pools[view])
                for view, process in started.items()
            }
        finally:
            for process in started.values():
                process.kill()
                process.wait()


class _Renewal:
    """Keeps the credential of the processes current."""

    def __init__(self, file: CredentialFile, target: FuzzTarget) -> None:
        self._file, self._target = file, target
        self._written = target.headers()
        file.write(self._written, renewable=bool(target.renewals.each))

    def attend(self) -> None:
        """Renew the credential if it is about to expire, or was rejected."""
        if rejected := self._file.rejected:
            self._target.renew()
        if rejected or self._target.headers() != self._written:
            before, self._written = self._written, self._target.headers()
            # One that cannot be renewed now is not asked for again and again.
            self._file.write(self._written, renewable=self._written != before)


def _prepare(
    home: Path,
    contract: Contract,
    view: View,
    pools: Pools,
    config: FuzzConfig,
    *,
    patient: bool,
) -> None:
    """Write the files that Schemathesis reads."""
    home.mkdir()
    operations = {operation for pool in pools.values() for operation in pool}
    text = json.dumps(document(contract, view, operations))
    (home / "openapi.json").write_text(text, encoding="utf-8")
    settings = _configuration(pools, config, patient=patient)
    (home / "schemathesis.toml").write_text(settings, encoding="utf-8")


def _start(
    home: Path,
    view: View,
    target: FuzzTarget,
    pools: Pools,
    config: FuzzConfig,
    credential: CredentialFile,
) -> subprocess.Popen[bytes]:
    connection = target.connection
    environment = {k: v for k, v in os.environ.items() if not _affects_requests(k)}
    package = str(Path(__file__).parent.parent.parent)
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        CREDENTIAL: str(credential.path),
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
    command += ["--config-file", "schemathesis.toml", "run", "openapi.json"]
    command += ["--url", target.base_url]
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


def _finish(process: subprocess.Popen[bytes], home: Path, pools: Pools) -> results.FuzzResults:
    code = process.poll()
    if code is None:
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


def _configuration(pools: Pools, config: FuzzConfig, *, patient: bool) -> str:
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
            own += [f"request-timeout = {5 if patient else 1}", "max-stream-events = 1"]
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
# A slow machine generates slowly.
suppress-health-check = ["all"]
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
