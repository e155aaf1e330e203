"""The replicas after a load balancer, as far as processes of one machine allow."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event

import httpx2
import pytest
import yaml
from plain_yaml import parse_yaml
from ports import free_port

TOP = Path(__file__).parents[2]
FOLDER = TOP / "examples" / "cluster"
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
REPLICAS = ["mock-1:8080", "mock-2:8080", "mock-3:8080"]
KEY = {"X-API-Key": "test-empty-rolling"}
API = "/api/v1/automation-runs"
PATIENCE = 300
"""Seconds after which what should have ended is given up; nothing waits for them to pass."""


def test_the_composition_holds_together() -> None:
    """Each replica advertises its own name, and nginx knows all of them."""
    services = parse_yaml((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    mocks = {name: one for name, one in services.items() if name.startswith("mock-")}
    for name, mock in mocks.items():
        environment = mock["environment"]
        assert environment["RUNS_MOCK_ADVERTISE"] == f"http://{name}:8080"
        assert environment["RUNS_MOCK_STORE"] == "valkey://valkey:6379/0"
        assert environment["RUNS_MOCK_CONTROL_TOKEN_FILE"] == "/run/secrets/control_token"
        assert mock["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    assert set(services["front"]["depends_on"]) == set(mocks)
    assert [f"{name}:8080" for name in mocks] == REPLICAS


def test_nginx_passes_every_body_that_the_mock_accepts() -> None:
    contract = (TOP / "mock_server" / "control.yaml").read_text(encoding="utf-8")
    largest = max(map(int, re.findall(r"is larger than (\d+) MiB", contract)))
    assert f"client_max_body_size {largest}m;" in NGINX


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg", "envoy.yaml"])
def test_each_load_balancer_knows_the_replicas_and_the_credentials(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    found = re.findall(r"(mock-\d):8080|address: (mock-\d), port_value: 8080", text)
    assert [f"{one or other}:8080" for one, other in found] == REPLICAS
    schemes = parse_yaml((TOP / "openapi.yaml").read_text(encoding="utf-8"))["components"][
        "securitySchemes"
    ]
    known = text.lower().replace("_", "-")
    for scheme in schemes.values():
        assert scheme.get("name", "authorization").lower().replace("_", "-") in known


def test_envoy_has_one_cluster_with_hashing() -> None:
    resources = parse_yaml((FOLDER / "envoy.yaml").read_text(encoding="utf-8"))["static_resources"]
    (cluster,) = resources["clusters"]
    assert cluster["lb_policy"] == "RING_HASH"
    assert cluster["load_assignment"]["cluster_name"] == cluster["name"]
    (listener,) = resources["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert route["cluster"] == cluster["name"]
    assert route["timeout"] == "0s"


def test_the_manifests_hold_together() -> None:
    """Services select pods that exist, probes name operations, and a pod has time to stop."""
    documents = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
    assert all(one["apiVersion"] and one["metadata"]["name"] for one in documents)
    pods = [one["spec"]["template"] for one in documents if "template" in one["spec"]]
    labels = [pod["metadata"]["labels"] for pod in pods]
    for service in (one for one in documents if one["kind"] == "Service"):
        assert service["spec"]["selector"] in labels
    pod = next(one["spec"] for one in pods if one["metadata"]["labels"]["app"] == "runs-mock")
    (mock,) = pod["containers"]
    assert {one["name"] for one in pod["volumes"]} == {one["name"] for one in mock["volumeMounts"]}
    control = parse_yaml((TOP / "mock_server" / "control.yaml").read_text(encoding="utf-8"))
    prefix = control["servers"][0]["url"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert mock[probe]["httpGet"]["path"].removeprefix(prefix) in control["paths"]
    pause = int(mock["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + 20
    names = [one["name"] for one in mock["env"]]
    assert names.index("POD_IP") < names.index("RUNS_MOCK_ADVERTISE")


@pytest.mark.extended
def test_a_rolling_restart_under_load_loses_nothing(tmp_path: Path) -> None:
    """Three replicas, a real server of the store and a real nginx: each replica is stopped and
    started again, while a client reads, changes and follows a run."""
    redis = shutil.which("valkey-server") or shutil.which("redis-server")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if redis is None or not Path(nginx).exists():
        pytest.skip("nginx or redis-server is not on this machine")
    ports = [free_port() for _ in range(5)]
    with ExitStack() as stack:
        store = f"valkey://127.0.0.1:{ports[3]}"
        options = f"--port {ports[3]} --bind 127.0.0.1 --dir {tmp_path} --appendonly yes".split()
        stack.enter_context(process([redis, *options], lambda: connects(ports[3])))
        running = [stack.enter_context(replica(port, store)) for port in ports[:3]]
        config = nginx_config(tmp_path, ports)
        command = [nginx, "-e", "stderr", "-c", str(config), "-p", str(tmp_path)]
        stack.enter_context(process(command, lambda: connects(ports[4])))
        url = f"http://127.0.0.1:{ports[4]}"
        client = stack.enter_context(httpx2.Client(base_url=url, headers=KEY, timeout=60))
        run = str(client.post("/_mock/runs", json={"scenario": "diamond"}).json()["id"])
        stopping = Event()
        with ThreadPoolExecutor() as threads:
            following = threads.submit(follow, url, run, stopping)
            reading = threads.submit(read, url, stopping)
            try:
                for index, old in enumerate(running):
                    created = client.post("/_mock/runs", json={"scenario": "diamond"})
                    assert created.status_code == 201, created.text
                    old.terminate()
                    assert old.wait(PATIENCE) == -15
                    stack.enter_context(replica(ports[index], store))
                    listed = client.get(API).json()
                    assert created.json()["id"] in {one["id"] for one in listed["items"]}
                    assert listed["total"] == index + 2
                client.post("/_mock/clock/advance", json={"seconds": 600})
                seen = following.result(PATIENCE)
            finally:
                stopping.set()
            problems = reading.result(PATIENCE)
        assert problems == []
        assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
        assert seen == follow(url, run, stopping)
        assert "run.completed" in seen[-1][1]


def follow(url: str, run: str, stopping: Event) -> list[tuple[int, str]]:
    """Return the events of a run, resumed at the last one whenever the stream ends."""
    seen: list[tuple[int, str]] = []
    with httpx2.Client(base_url=url, headers=KEY, timeout=60) as client:
        while not seen or not (stopping.is_set() or "run.completed" in seen[-1][1]):
            fields = {"Last-Event-ID": str(len(seen))}
            number = 0
            with client.stream("GET", f"{API}/{run}/events", headers=fields) as response:
                assert response.status_code == 200
                with suppress(httpx2.RemoteProtocolError):
                    for line in response.iter_lines():
                        name, _, value = line.partition(": ")
                        if name == "id":
                            number = int(value)
                        elif name == "data":
                            seen.append((number, value))
    return seen


def read(url: str, stopping: Event) -> list[str]:
    """Read until it is stopping; return the responses other than 200."""
    found = []
    with httpx2.Client(base_url=url, headers=KEY, timeout=60) as client:
        while not stopping.is_set():
            response = client.get(API)
            if response.status_code != 200:
                found.append(f"{response.status_code} {response.text}")
    return found


@contextmanager
def replica(port: int, store: str) -> Iterator["subprocess.Popen[str]"]:
    url = f"http://127.0.0.1:{port}"
    given = ["--port", str(port), "--store", store, "--advertise", url]
    command = [sys.executable, "-m", "mock_server", "serve", *given]

    def ready() -> bool:
        if not connects(port):  # From then on it may still need a while to respond.
            return False
        return httpx2.get(f"{url}/_mock/ready", timeout=PATIENCE).status_code == 200

    with process(command, ready) as started:
        yield started


@contextmanager
def process(command: list[str], ready: Callable[[], bool]) -> Iterator["subprocess.Popen[str]"]:
    """Run a command until the block ends; it is ready at its begin. A test that fails shows what it
    has printed."""
    with subprocess.Popen(command, text=True) as started:
        try:
            deadline = time.monotonic() + PATIENCE
            while not ready():
                assert started.poll() is None, f"{command} has ended"
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield started
        finally:
            started.kill()


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def nginx_config(where: Path, ports: list[int]) -> Path:
    """Write the configuration with the addresses of this machine."""
    text = NGINX.replace("listen 8080", f"listen 127.0.0.1:{ports[4]}")
    for name, port in zip(REPLICAS, ports, strict=False):
        text = text.replace(name, f"127.0.0.1:{port}")
    paths = "".join(
        f"{kind}_temp_path {where}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = where / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {where}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}{text}\n}}\n",
        encoding="utf-8",
    )
    return config
