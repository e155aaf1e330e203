"""Chance, a slow machine and a credential that expires cost the fuzzer no verdict."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from support import Judge

from conformance.client.credentials import AuthScheme, Credential
from conformance.fuzz import child
from conformance.fuzz.credential_file import CredentialFile
from conformance.fuzz.results import FuzzResults, PhaseResult, add, missed
from conformance.vocabulary import Operation, Verdict

LIST, STEPS = Operation.LIST, Operation.STEPS
TRIED = {"examples": (LIST, STEPS), "stateful": (LIST, STEPS)}
FINE = PhaseResult({200: 3})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # One request, and a server that may reject it.
        (PhaseResult({422: 1}), {("stateful", LIST)}),
        (PhaseResult(), {("stateful", LIST)}),
        (PhaseResult(without_response=4), {("stateful", LIST)}),
        # As many as it takes to say that none succeeds; and time that was up.
        (PhaseResult({422: 12}), set()),
        (PhaseResult({422: 4}, without_response=8), set()),
        (PhaseResult({422: 1}, timed_out=True), set()),
        (PhaseResult({422: 9, 200: 1}), set()),
    ],
)
def test_what_chance_left_out(found: PhaseResult, expected: set[tuple[str, Operation]]) -> None:
    results: FuzzResults = {("examples", LIST): FINE, ("examples", STEPS): FINE}
    results |= {("stateful", LIST): found, ("stateful", STEPS): FINE}
    assert missed(results, TRIED) == expected
    # An operation that fails in the other phases as well is not a matter of chance.
    results["examples", LIST] = PhaseResult({500: 3})
    assert missed(results, TRIED) == set()


def test_a_phase_without_chance_is_repeated_only_if_it_was_slow() -> None:
    results: FuzzResults = {("stateful", LIST): FINE, ("stateful", STEPS): FINE}
    results |= {("examples", LIST): PhaseResult({404: 2}), ("examples", STEPS): FINE}
    assert missed(results, TRIED) == set()
    results["examples", LIST] = PhaseResult(without_response=2)
    assert missed(results, TRIED) == {("examples", LIST)}


def test_another_round_counts_for_what_was_missed() -> None:
    """Its other requests had runs that were used up."""
    results: FuzzResults = {("stateful", LIST): PhaseResult({422: 1}), ("stateful", STEPS): FINE}
    more: FuzzResults = {
        ("stateful", LIST): PhaseResult({422: 1, 200: 2}),
        ("stateful", STEPS): PhaseResult({404: 9}),
    }
    add(results, more, {("stateful", LIST)})
    assert results["stateful", LIST].statuses == {422: 2, 200: 2}
    assert results["stateful", STEPS].statuses == {200: 3}


@pytest.mark.extended
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_few_sequences_reach_every_operation(seed: str, mock: str, judge: Judge) -> None:
    """In another round, if need be."""
    report = judge(mock, "FUZZ-STATEFUL-*", token=f"test-few-{seed}", fuzz="4", fuzz_seed=seed)
    assert {entry.verdict for entry in report.entries} == {Verdict.PASS}


class Service(ThreadingHTTPServer):
    """Accepts one secret, which changes after so many requests."""

    def __init__(self, uses: int) -> None:
        self.uses, self.secret, self.rejected = uses, 0, 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def header(self) -> dict[str, str]:
        return Credential(AuthScheme.TOKEN, f"secret-{self.secret}").headers()


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        (valid,) = self.server.header.values()
        fine = self.server.uses > 0 and self.headers["Authorization"] == valid
        self.server.uses -= fine
        self.server.rejected += not fine
        self.send_response(200 if fine else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service(uses=2)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def kit(service: Service, file: CredentialFile, done: threading.Event) -> None:
    """Do as the kit: renew what the process asks for."""
    while not done.is_set():
        if file.rejected:
            service.uses, service.secret = 2, service.secret + 1
            file.write(service.header, renewable=True)
        done.wait(0.01)


def test_the_process_renews_a_credential(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as needed; a request with other headers is not sent again."""
    monkeypatch.setattr(requests.Session, "send", requests.Session.send)
    file, done = CredentialFile(tmp_path / "credential.json"), threading.Event()
    file.write(service.header, renewable=True)
    mine = CredentialFile(tmp_path / "credential.json")
    child.renew_credentials(mine)
    attending = threading.Thread(target=kit, args=(service, file, done))
    attending.start()
    url = f"http://127.0.0.1:{service.server_address[1]}"
    try:
        got = [requests.get(url, headers=mine.headers(), timeout=10).status_code for _ in range(6)]
        assert (got, service.secret, service.rejected) == ([200] * 6, 2, 2)
        other = {"Authorization": "Bearer other"}
        assert requests.get(url, headers=other, timeout=10).status_code == 401
        # Another process had it renewed meanwhile.
        before = mine.headers()
        service.uses, service.secret = 2, service.secret + 1
        file.write(service.header, renewable=True)
        assert requests.get(url, headers=before, timeout=10).status_code == 200
    finally:
        done.set()
        attending.join()


def test_a_credential_that_cannot_be_renewed_is_not_asked_for(
    service: Service, tmp_path: Path
) -> None:
    file = CredentialFile(tmp_path / "credential.json")
    file.write(service.header, renewable=False)
    headers = file.headers()
    assert file.renewed(headers) is None
    assert not file.rejected
