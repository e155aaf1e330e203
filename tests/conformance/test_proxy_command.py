"""`runs-conformance proxy` as users run it: between a client and a mock, until it is stopped."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import jsonschema_rs
import pytest
import trustme
from command_line import call_kit
from relaying import RawServer, RelayThread, dial, proxy_process, read_all

from conformance.client.connection import Connection
from conformance.proxy.addresses import Target
from conformance.proxy.channel import MAX_QUEUE
from conformance.proxy.connect import Plan
from conformance.proxy.enforce import Enforcer
from conformance.proxy.gate import Gate
from conformance.resources import report_schema_file
from conformance.vocabulary import ROOT

SECRET = "test-proxy-credential-0815"
OTHER = "another-credential-4711"
FRONTEND = "http://localhost:3000"
UNKNOWN = "71c2941b-2662-5e0c-8874-3ca5ef3c6b7e"
GET = b"GET " + ROOT.encode() + b" HTTP/1.1\r\nHost: h\r\nOrigin: http://localhost:3000\r\n\r\n"


@pytest.fixture(scope="module")
def relays() -> Iterator[RelayThread]:
    """A thread for relays within this process."""
    thread = RelayThread()
    yield thread
    thread.close()


@pytest.fixture
def target() -> Iterator[RawServer]:
    """A server whose behaviour the test chooses."""
    server = RawServer()
    yield server
    server.close()


def test_a_session_from_start_to_stop(mock: str, tmp_path: Path) -> None:
    """Live findings, rejected requests, both reports, the log, and no credential in any of them."""
    words = ["--target", mock, "--enforce", "--log", str(tmp_path / "traffic.ndjson")]
    words += ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    with proxy_process(*words) as (port, process):
        headers = {"X-API-Key": SECRET, "X-Session-Token": OTHER, "Origin": FRONTEND}
        api = f"http://127.0.0.1:{port}{ROOT}"
        with httpx2.Client(headers=headers, trust_env=False) as client:
            page = client.get(api, params={"limit": 2})
            run_id = page.json()["items"][0]["id"]
            client.get(f"{api}/{run_id}")
            client.get(f"{api}/{run_id}/steps")
            rejected = client.get(api, params={"limit": 5000, "token": SECRET})
            retry = client.post(f"{api}/{UNKNOWN}/retry", json={"mode": "x"})
            passed = client.post(f"{api}/{UNKNOWN}/retry", json={"mode": "full"})
            started = client.get(f"http://127.0.0.1:{port}/_mock/requests?world={SECRET}")
        process.send_signal(signal.SIGTERM)
        output = process.stdout.read() if process.stdout else ""
        assert process.wait(20) == 1, output
    assert rejected.status_code == retry.status_code == 422
    assert rejected.headers["content-type"] == "application/problem+json"
    assert rejected.headers["access-control-allow-origin"] == FRONTEND
    assert "CLIENT-04: limit is '5000'" in rejected.json()["detail"]
    assert retry.json()["errors"][0]["requirement"] == "CLIENT-06"
    assert passed.status_code == 404
    # What was rejected never reached the mock; what was passed on came from this client.
    assert [each["status"] for each in started.json()["items"][:4]] == [404, 200, 200, 200]
    assert "client violation CLIENT-04" in output
    assert "Server\n" in output
    assert "Client\n" in output
    validator = jsonschema_rs.validator_for(json.loads(report_schema_file().read_text()))
    server, client_report = (
        json.loads((tmp_path / name).read_text()) for name in ("r.json", "r-client.json")
    )
    for report in (server, client_report):
        validator.validate(report)
    assert (server["exitCode"], client_report["exitCode"]) == (0, 1)
    assert server["provisioner"] == "proxy"
    written = [output, *(file.read_text() for file in tmp_path.iterdir())]
    assert len(written) == 6
    assert not any(secret in text for text in written for secret in (SECRET, OTHER))
    done = call_kit("check-traffic", str(tmp_path / "traffic.ndjson"), folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "client violation CLIENT-06" in done.stdout
    assert "server" not in done.stdout.partition("\nServer\n")[0]


def test_a_target_that_is_down_is_named(relays: RelayThread, target: RawServer) -> None:
    """502 with the reason, which a browser lets the frontend read."""
    target.close()
    with relays.relay(f"http://127.0.0.1:{target.port}") as relaying, dial(relaying.port) as line:
        line.sendall(GET)
        head, _, body = read_all(line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"Access-Control-Allow-Origin: http://localhost:3000" in head
    assert f"http://127.0.0.1:{target.port} cannot be reached" in json.loads(body)["detail"]
    assert not {name for name in relaying.failed() if not name.startswith("CLIENT")}


def test_an_untrusted_target_is_named(relays: RelayThread, target: RawServer) -> None:
    """With the option that names its authority; with it, TLS is spoken to the target only."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def behave(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as secure:
            target.read(secure, b"\r\n\r\n")
            secure.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    target.behave = behave
    at = Target.of(f"https://localhost:{target.port}/base")
    trusting = Connection().tls()
    with relays.relay("http://unused", Plan(at, trusting)) as relaying:
        with dial(relaying.port) as line:
            line.sendall(GET)
            assert b"Name its authority with --cacert." in read_all(line)
        authority.configure_trust(trusting)
        with dial(relaying.port) as line:
            line.sendall(GET)
            assert read_all(line).startswith(b"HTTP/1.1 204 No Content\r\n")
    assert target.received[0].startswith(b"GET /base" + ROOT.encode() + b" HTTP/1.1\r\n")
    assert b"Host: localhost:%d\r\n" % target.port in target.received[0]


def test_a_target_that_hangs_is_waited_for(relays: RelayThread, target: RawServer) -> None:
    """As long as the client does; then the connection to the target ends."""

    def behave(line: socket.socket) -> None:
        while target.read(line, b"never"):
            pass

    target.behave = behave
    with relays.relay(f"http://127.0.0.1:{target.port}") as relaying:
        with dial(relaying.port) as line:
            line.sendall(GET)
        assert target.closed.wait(10)


def test_pipelined_responses_stay_in_order(relays: RelayThread, target: RawServer) -> None:
    """A request that is rejected gets its response after those to earlier requests, and later
    requests are passed on."""

    def behave(line: socket.socket) -> None:
        data = target.read(line, b"\r\n\r\n")
        while data:
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            data = target.read(line, b"\r\n\r\n")

    target.behave = behave
    enforcer = Enforcer()
    bad = GET.replace(b" HTTP", b"?limit=x HTTP")
    address = f"http://127.0.0.1:{target.port}"
    with (
        relays.relay(address, gate=lambda: Gate(enforcer)) as relaying,
        dial(relaying.port) as line,
    ):
        line.sendall(GET + bad + GET.replace(b"Host", b"Connection: close\r\nHost"))
        received = b""
        while received.count(b"HTTP/1.1 ") < 3:
            received += line.recv(65_536)
    codes = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert codes == [b"200", b"422", b"200"]
    assert not any(b"limit=x" in data for data in target.received)
    assert {"CLIENT-04", "CLIENT-09"} <= relaying.failed()


def test_a_full_queue_is_counted(relays: RelayThread, target: RawServer) -> None:
    """The relay does not wait for the judge: what does not fit is dropped, and said."""

    def behave(line: socket.socket) -> None:
        while target.read(line, b"\r\n\r\n"):
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    target.behave = behave
    with relays.relay(f"http://127.0.0.1:{target.port}") as relaying:
        relaying.queued = MAX_QUEUE + 1
        with dial(relaying.port) as line:
            for _ in range(3):
                line.sendall(GET)
                assert line.recv(1_000).endswith(b"{}")
            assert not relaying.reported.getvalue()
            relaying.queued = 0
            line.sendall(GET)
            assert line.recv(1_000).endswith(b"{}")
    assert "HTTP-03" in relaying.failed()
    assert relaying.totals.lost == 3
    assert relaying.judge.counts.judged == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "0"], "--target: expected the URL of an API, got none."),
        (["--target", "ftp://x"], "--target: expected an HTTP URL, got 'ftp://x'."),
        (["--target", f"http://h{ROOT}"], "--target: expected what comes before /api/v1"),
        (["--target", "http://h", "--log", "/"], "--log /: Is a directory."),
        (["--target", "http://h", "--cacert", "none.pem"], "--cacert none.pem: No such file"),
        (["--target", "http://h", "--json", "/"], "--json: /: expected a file that can be"),
        (["--target", "http://127.0.0.1:9090/x"], "--target: expected another address than that"),
        (["--target", "http://h", "--host", "192.0.2.1"], "--port: expected an address to listen"),
    ],
)
def test_a_wrong_option_is_an_error(words: list[str], message: str, tmp_path: Path) -> None:
    """It names the option and the value."""
    done = call_kit("proxy", *words, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stdout.replace("\n", " ")


def test_a_port_in_use_is_an_error(target: RawServer) -> None:
    """With what to do."""
    done = call_kit("proxy", "--target", "http://h", "--port", str(target.port))
    assert done.returncode == 2
    assert f"127.0.0.1:{target.port}" in done.stdout
    assert "Choose another port" in done.stdout


@pytest.mark.extended
def test_a_target_that_never_responds_gives_no_verdict(target: RawServer) -> None:
    """A session without a response is never green."""
    target.close()
    with proxy_process("--target", f"http://127.0.0.1:{target.port}") as (port, process):
        with dial(port) as line:
            line.sendall(GET)
            assert b" 502 " in read_all(line)
        process.terminate()
        output = process.stdout.read() if process.stdout else ""
        assert process.wait(20) == 2
    assert f"http://127.0.0.1:{target.port} cannot be reached: Connection refused." in output


@pytest.mark.extended
def test_a_closed_standard_output_does_not_stop_it(mock: str, tmp_path: Path) -> None:
    """As with `| head -1`: traffic passes, and the reports are written."""
    command = [sys.executable, "-m", "conformance", "proxy", "--port", "0", "--target", mock]
    command += ["--json", str(tmp_path / "r.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split(" -> ")[0].rpartition(":")[2]
        process.stdout.close()
        for query in ("limit=x", "limit=5000", "offset=-1"):
            response = httpx2.get(f"http://127.0.0.1:{port}{ROOT}?{query}", trust_env=False)
            assert response.status_code in (401, 422)
        process.terminate()
        assert process.wait(20) == 1
    assert json.loads((tmp_path / "r-client.json").read_text())["exitCode"] == 1
