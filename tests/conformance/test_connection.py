"""How the target is spoken to: over TLS, by certificates, with headers, through a proxy, and while
it is only starting. Each way must hold for everything that talks: the client, streams, raw sockets,
Schemathesis and what provides runs."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from command_line import call_kit
from connect_proxy import PASSWORD, ForwardProxy
from hostile import closed_port
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving

# One of each that talks: the client, a stream, raw sockets, Schemathesis, and runs made for it.
EVERYTHING = ("LIST-01", "EVENTS-01", "HTTP-12", "FUZZ-EXAMPLES-LIST", "CANCEL-02")
GATE = "a-gateway-key-of-some-length"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run of the kit."""

    code: int
    output: str
    report: Json


def run(tmp_path: Path, base_url: str, *words: str, token: str = "test-way") -> Done:
    """The command, on one requirement for each part of it that talks."""
    file = tmp_path / "report.json"
    chosen = [word for name in EVERYTHING for word in ("--include", name)]
    given = ["--base-url", base_url, "--token", token, "--json", str(file), *words]
    done = call_kit("run", *given, *chosen)
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    text = file.read_text() if file.exists() else ""
    return Done(done.returncode, output, json.loads(text or "{}"))


def assert_all_passed(done: Done) -> None:
    """Everything that talks got through."""
    assert done.code == 0, done.output
    found = {entry["id"]: entry["verdict"] for entry in done.report["requirements"]}
    assert found == dict.fromkeys(EVERYTHING, "pass")


@dataclass(frozen=True, slots=True)
class Papers:
    """PEM files: an authority, and what it has signed."""

    authority: trustme.CA
    home: Path

    def __post_init__(self) -> None:
        self.authority.cert_pem.write_to_path(self.trusted)

    @property
    def trusted(self) -> str:
        """The authority."""
        return str(self.home / "authority.pem")

    def of(self, name: str) -> str:
        """A certificate for this name and its key, in one file."""
        file = self.home / f"{name}.pem"
        self.authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(file)
        return str(file)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """An unknown authority."""
    return Papers(trustme.CA(), tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def plain(mock: str) -> Iterator[str]:
    """The mock, whatever name it is called by."""
    with serving(Proxy(mock, [])) as address:
        yield f"{address}/plain"


@pytest.fixture(scope="module")
def secure(mock: str, papers: Papers) -> Iterator[str]:
    """The mock over TLS, with a certificate for localhost."""
    with serving(Proxy(mock, []), ssl_certfile=papers.of("localhost")) as address:
        yield f"{address}/plain"


@pytest.fixture(scope="module")
def guarded(mock: str, papers: Papers) -> Iterator[str]:
    """The same for those alone that have a certificate as well."""
    demands = {"ssl_ca_certs": papers.trusted, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    with serving(Proxy(mock, []), ssl_certfile=papers.of("localhost"), **demands) as address:
        yield f"{address}/plain"


@pytest.mark.extended
def test_an_authority_of_ones_own(secure: str, papers: Papers, tmp_path: Path) -> None:
    """Is trusted when it is named."""
    assert_all_passed(run(tmp_path, secure, "--cacert", papers.trusted))


def test_an_unknown_authority_is_not_trusted(secure: str, tmp_path: Path) -> None:
    """And the way to trust it is reported."""
    done = run(tmp_path, secure)
    assert done.code == 2
    assert "--cacert FILE" in done.output


def test_a_certificate_for_another_name(mock: str, papers: Papers, tmp_path: Path) -> None:
    """Is reported from one that is not trusted."""
    with serving(Proxy(mock, []), ssl_certfile=papers.of("else.example")) as address:
        done = run(tmp_path, f"{address}/plain", "--cacert", papers.trusted)
    assert done.code == 2
    assert "is for another name" in done.output


@pytest.mark.extended
def test_a_certificate_that_is_not_looked_at(secure: str, tmp_path: Path) -> None:
    """Is said loudly, on the terminal and in the report."""
    done = run(tmp_path, secure, "--insecure")
    assert_all_passed(done)
    (note,) = done.report["notes"]
    assert note.startswith("INSECURE")
    assert note in " ".join(done.output.split())


def test_a_certificate_of_ones_own(guarded: str, papers: Papers, tmp_path: Path) -> None:
    """Lets everything through where it is asked for; without it the way to give one is reported."""
    trusting = ("--cacert", papers.trusted)
    refused = run(tmp_path, guarded, *trusting)
    assert refused.code == 2
    assert "--client-cert FILE" in refused.output
    assert_all_passed(run(tmp_path, guarded, *trusting, "--client-cert", papers.of("me.example")))


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["--cacert", "nowhere.pem"], "--cacert nowhere.pem: No such file"),
        (["--cacert", __file__], "expected PEM"),
        (["--client-cert", "nowhere.pem"], "--client-cert nowhere.pem: No such file"),
        (["--client-key", "key.pem"], "Name it as --client-cert FILE"),
        (["--insecure", "--cacert", __file__], "contradict each other"),
        (["--proxy", "socks5://h:1"], "expected the URL of a proxy"),
        (["--proxy", "http://me:pass-of-mine@:1"], "expected the URL of a proxy"),
        (["--header", "no colon"], "expected a header"),
        (["--header", "Authorization: x"], "Give credentials as --token"),
        (["--header", "X-Gate: ein-geheimes-wört"], "expected printable ASCII"),
        (["--workers", "0"], "expected an integer from 1 to 32, got '0'"),
        (["--workers", "many"], "expected an integer from 1 to 32, got 'many'"),
        (["--wait-for-api", "a while"], "expected a duration"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, words: list[str], output: str) -> None:
    """By name, with what would be right, and without repeating what may be secret."""
    done = run(tmp_path, "https://127.0.0.1:9", *words)
    assert done.code == 2
    assert output in done.output
    assert "pass-of-mine" not in done.output
    assert "ein-geheimes" not in done.output


def test_headers_go_with_every_request(mock: str, tmp_path: Path) -> None:
    """A gateway that demands one lets everything through, and its value is in no report."""

    async def gateway(request: Request, forward: Forward, memory: Json) -> Response:
        if request.headers.get("x-gate") != GATE:
            return Response(403, {}).put({"detail": f"No key at the gate: {request.headers}"})
        reply = await forward(request)
        reply.headers["x-seen"] = GATE
        return reply

    with serving(Proxy(mock, [Mutant("gate", (), gateway)])) as address:
        base = f"{address}/gate"
        done = run(tmp_path, base, "--header", f"X-Gate: {GATE}", "--header", "X-Two: 2")
        refused = run(tmp_path, base)
    assert_all_passed(done)
    assert refused.code == 2
    assert GATE not in done.output + json.dumps(done.report)


@pytest.mark.extended
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_through_a_proxy(
    scheme: str, plain: str, secure: str, papers: Papers, tmp_path: Path
) -> None:
    """Everything goes through it: the name of the target is known to the proxy alone. A proxy that
    lets no client through is reported from a target that is not there."""
    name = "backend.invalid" if scheme == "http" else "localhost"
    there = plain if scheme == "http" else secure
    port, path = re.fullmatch(r"https?://[\w.]+:(\d+)(.*)", there).groups()  # type: ignore[union-attr]
    base = f"{scheme}://{name}:{port}{path}"
    words = ("--cacert", papers.trusted) if scheme == "https" else ()
    with ForwardProxy() as proxy:
        who = f"http://me:{PASSWORD}@127.0.0.1:{proxy.port}"
        done = run(tmp_path, base, "--proxy", who, *words)
        untrusted = run(tmp_path, base, "--proxy", f"http://127.0.0.1:{proxy.port}", *words)
    assert_all_passed(done)
    assert proxy.passed > len(EVERYTHING)
    assert PASSWORD not in done.output + json.dumps(done.report)
    assert untrusted.code == 2
    assert "--proxy" in untrusted.output


@pytest.mark.extended
def test_a_proxy_of_the_environment_is_not_used(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run does must not depend on the shell it is called from."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert_all_passed(run(tmp_path, mock))


def test_waiting_for_a_target_that_starts(mock: str, tmp_path: Path) -> None:
    """The run begins when it answers; until then it says what it waits for."""
    command = [sys.executable, "-m", "conformance", "run", "--token", "test-wait"]
    command += ["--include", "LIST-01", "--wait-for-api", "60s", "--base-url"]
    with (
        closed_port() as port,
        subprocess.Popen(
            [*command, f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True
        ) as kit,
    ):
        assert kit.stdout is not None
        assert "waiting for the API" in kit.stdout.readline()
        serve = [sys.executable, "-m", "mock_server", "serve", "--port", str(port)]
        with subprocess.Popen(serve, stdout=subprocess.DEVNULL) as server:
            output, _ = kit.communicate(timeout=60)
            server.terminate()
    assert kit.returncode == 0, output


def test_waiting_in_vain(tmp_path: Path) -> None:
    """Says for how long, and why it did not come."""
    with closed_port() as port:
        done = run(tmp_path, f"http://127.0.0.1:{port}", "--wait-for-api", "0.5s")
    assert done.code == 2
    assert "was not available after 0.5 s" in done.output
    assert "refused" in done.output.lower()
