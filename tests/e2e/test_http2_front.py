"""HTTP/2 before the mock, by the nginx configuration of ``examples/http2``."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trustme
from playwright.sync_api import Browser
from ports import free_port
from processes import PATIENCE

from mock_server.testing import MockWorld

pytestmark = pytest.mark.extended

CONFIG = Path(__file__).parents[2] / "examples" / "http2" / "nginx.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
RUNS = "/api/v1/automation-runs"
STREAMS = 20
OPEN = """\
([url, count]) => {
  window.seen = [];
  window.sources = Array.from({length: count}, () => new EventSource(url));
  window.countOpen = () =>
    sources.filter(source => source.readyState === EventSource.OPEN).length;
  for (const type of ["run.started", "run.completed"])
    sources.at(-1).addEventListener(type, () => seen.push(type));
}
"""
READ = """\
async ([url, patience]) => {
  const response = await fetch(url, {signal: AbortSignal.timeout(patience)});
  await response.text();
  const [entry] = performance.getEntriesByName(new URL(url, location).href);
  return [response.status, entry.nextHopProtocol, countOpen()];
}
"""


class Proxy:
    """nginx on a free port: its address and the file with the authority of its certificate."""

    def __init__(self, url: str, authority: Path) -> None:
        self.url = url
        self.authority = authority


@pytest.fixture
def proxy(mock_world: MockWorld, tmp_path: Path) -> Iterator[Proxy]:
    if "CI" not in os.environ and not Path(NGINX).exists():
        pytest.skip("nginx is not on this machine")
    port = free_port()
    text = CONFIG.read_text(encoding="utf-8")
    for old, new in (
        ("listen 127.0.0.1:8443", f"listen 127.0.0.1:{port}"),
        ("http://127.0.0.1:8080;", f"{mock_world.base_url};"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(tmp_path / "certificate.pem", append=True)
    process = subprocess.Popen([NGINX, "-e", "stderr", "-p", str(tmp_path), "-c", "nginx.conf"])
    try:
        _wait_for(port, process)
        yield Proxy(f"https://localhost:{port}", tmp_path / "authority.pem")
    finally:
        # Not killed: nginx has to end its worker.
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return when nginx listens there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, "nginx ended"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")


def test_http2_is_negotiated(proxy: Proxy, mock_world: MockWorld) -> None:
    """A client that verifies the certificate and offers HTTP/2 gets it."""
    command = ["curl", "--silent", "--show-error", "--http2", "--cacert", str(proxy.authority)]
    command += ["--header", f"X-API-Key: {mock_world.key}", "--output", os.devnull]
    command += ["--write-out", "%{http_version} %{response_code}", f"{proxy.url}{RUNS}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.stdout == "2 200", done.stderr


def test_addresses_are_those_of_the_proxy(proxy: Proxy, mock_world: MockWorld) -> None:
    """Servers, links and redirects have its scheme, name and port."""
    context = ssl.create_default_context(cafile=str(proxy.authority))
    with httpx2.Client(
        base_url=proxy.url, verify=context, headers=mock_world.headers, follow_redirects=True
    ) as client:
        (server,) = client.get("/openapi.json").json()["servers"]
        assert server["url"].startswith(proxy.url)
        made = client.post(f"/_mock/repro?world={mock_world.key}", json={})
        assert made.json()["link"].startswith(f"{proxy.url}/_mock/repro/")
        redirected = client.get(f"{RUNS}/?limit=1")
        assert redirected.status_code == 200
        assert str(redirected.url) == f"{proxy.url}{RUNS}?limit=1"


def test_a_browser_reads_while_many_streams_are_open(
    proxy: Proxy, mock_world: MockWorld, browser: Browser
) -> None:
    """More streams than HTTP/1.1 has connections: a read gets its response, and an event of another
    stream arrives before the next one happens."""
    run_id = mock_world.create("quick-success")
    events = f"{RUNS}/{run_id}/events"
    with browser.new_context(ignore_https_errors=True, bypass_csp=True) as context:
        context.set_default_timeout(PATIENCE * 1_000)
        page = context.new_page()
        page.goto(f"{proxy.url}/_mock/login?as={mock_world.key}&to=/docs")
        # One more than the others: the one that is followed.
        page.evaluate(OPEN, [events, STREAMS + 1])
        page.wait_for_function("count => countOpen() === count", arg=STREAMS + 1)
        read = page.evaluate(READ, [f"{RUNS}?limit=1", PATIENCE * 1_000])
        assert read == [200, "h2", STREAMS + 1]
        mock_world.advance(1)
        page.wait_for_function("() => seen.length === 1")
        assert page.evaluate("seen") == ["run.started"]
        mock_world.advance(60)
        page.wait_for_function("() => seen.length === 2")
        assert page.evaluate("seen") == ["run.started", "run.completed"]
        page.evaluate("sources.forEach(source => source.close())")
