"""The container of the mock, as far as it can be tested without a Docker daemon."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
import yaml
from ports import free_port

from mock_server.testing import MockWorld, serving

TOP = Path(__file__).parents[2]
FOLDER = TOP / "examples" / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
TOKEN = "correct-horse"
PATIENCE = 300
"""Seconds after which what should have ended is given up; nothing waits for them to pass."""


def instructions(name: str) -> list[str]:
    """The arguments of every instruction of that name."""
    return re.findall(rf"^{name} +(.+)$", DOCKERFILE, re.MULTILINE)


def copied() -> set[str]:
    """What the build copies from the checkout."""
    words = [one.split() for one in instructions("COPY") if not one.startswith("--from")]
    return {source for one in words for source in one[:-1]}


def test_the_build_gets_what_it_copies() -> None:
    """All of it exists, and nothing else is sent to the daemon."""
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied()
    assert all((TOP / source).exists() for source in copied())


def test_the_container_is_unprivileged() -> None:
    """A numeric user, so that Kubernetes can verify it; no secret in a variable."""
    assert instructions("USER") == ["10001"]
    assert "--uid 10001" in instructions("RUN")[-1]
    assert DOCKERFILE.index("\nUSER") > DOCKERFILE.rindex("\nRUN")
    assert "TOKEN" not in " ".join(instructions("ENV"))
    assert instructions("ADD") == []


def test_the_composition_holds_together() -> None:
    """The frontend waits for a healthy mock; the token is a secret that the mock reads."""
    mock, frontend = COMPOSE["services"]["mock"], COMPOSE["services"]["frontend"]
    (secret,) = mock["secrets"]
    assert COMPOSE["secrets"] == {secret: {"environment": "RUNS_MOCK_CONTROL_TOKEN"}}
    assert mock["environment"]["RUNS_MOCK_CONTROL_TOKEN_FILE"] == f"/run/secrets/{secret}"
    assert frontend["depends_on"] == {"mock": {"condition": "service_healthy"}}
    assert instructions("HEALTHCHECK")
    assert (FOLDER / mock["build"]["context"]).resolve() == TOP
    assert (TOP / mock["build"]["dockerfile"]).is_file()
    for volume in frontend["volumes"]:
        assert (FOLDER / volume.split(":")[0]).exists()
    (exposed,) = instructions("EXPOSE")
    assert f"proxy_pass http://mock:{exposed};" in (FOLDER / "nginx.conf").read_text("utf-8")
    for service in (mock, frontend):
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.extended
def test_the_steps_of_the_build_give_a_mock_that_serves(tmp_path: Path) -> None:
    """They run in an empty directory, and the result starts as the image would, is healthy, takes
    its token from a file and stops in good order."""
    source, root = tmp_path / "source", tmp_path / "mock"
    for name in copied():
        if (TOP / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(TOP / name, source / name, ignore=ignored)
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(TOP / name, source / name)
    plain = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("RUNS_MOCK_", "PYTHON", "VIRTUAL_ENV"))
    }
    for step in instructions("RUN")[:-1]:
        command = step.replace("/mock", str(root)).replace(
            "python -m venv", f"{sys.executable} -m venv"
        )
        done = subprocess.run(
            ["bash", "-c", command], cwd=source, env=plain, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    shutil.rmtree(source)  # The second stage has the environment only.

    secret = tmp_path / "secret"
    secret.write_text(f"{TOKEN}\n", encoding="utf-8")
    given = dict(one.split("=", 1) for line in instructions("ENV") for one in shlex.split(line))
    given["PATH"] = given["PATH"].replace("/mock", str(root)).replace("$PATH", plain["PATH"])
    environment = (
        plain
        | given
        | {
            "RUNS_MOCK_PORT": str(free_port()),
            "RUNS_MOCK_CONTROL_TOKEN_FILE": str(secret),
        }
    )
    entry = [*json.loads(instructions("ENTRYPOINT")[0]), *json.loads(instructions("CMD")[0])]
    entry[0] = str(root / "bin" / entry[0])
    check = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    check[0] = str(root / "bin" / check[0])

    def healthy() -> bool:
        done = subprocess.run(check, env=environment, capture_output=True, check=False)
        return done.returncode == 0

    assert not healthy()
    with subprocess.Popen(
        entry, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            next(line for line in process.stdout if line.startswith("Ctrl-C"))
            assert healthy()
            url = f"http://127.0.0.1:{environment['RUNS_MOCK_PORT']}"
            listed = httpx2.get(f"{url}/api/v1/automation-runs", headers={"X-API-Key": "demo"})
            assert listed.status_code == 200
            assert httpx2.get(f"{url}/_mock/clock").status_code == 401
            allowed = httpx2.get(f"{url}/_mock/clock", headers={"X-Mock-Token": TOKEN})
            assert allowed.status_code == 200
            process.send_signal(signal.Signals[instructions("STOPSIGNAL")[0]])
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    modules = {path.name for path in (root / "lib").glob("python3*/site-packages/*")}
    assert "connexion" in modules
    assert not {"hypothesis", "schemathesis"} & modules


@pytest.mark.extended
def test_the_frontend_serves_the_page_and_passes_events_on(tmp_path: Path) -> None:
    """Each event arrives while the stream is open, through the server's configuration."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        pytest.skip("nginx is not on this machine")
    port = free_port()
    with serving() as url, MockWorld(url, "demo", scale=0, start="empty") as world:
        server = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
        server = server.replace("listen 8080", f"listen 127.0.0.1:{port}")
        server = server.replace("http://mock:8080", url)
        server = server.replace("/usr/share/nginx/html", str(FOLDER / "site"))
        paths = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off;\n{paths}{server}\n}}\n",
            encoding="utf-8",
        )
        process = subprocess.Popen([nginx, "-e", "stderr", "-c", str(config), "-p", str(tmp_path)])
        try:
            front = f"http://127.0.0.1:{port}"
            _wait_for(front)
            assert "<h1>Runs</h1>" in httpx2.get(front).text
            run_id = world.create("quick-success")
            events = f"{front}/api/v1/automation-runs/{run_id}/events"
            with httpx2.stream("GET", events, headers={"X-API-Key": "demo"}) as response:
                names = (line[7:] for line in response.iter_lines() if line.startswith("event: "))
                assert next(names) == "run.created"
                world.advance(1)
                assert next(names) == "run.started"
                world.advance(60)
                assert list(names)[-1] == "run.completed"
        finally:
            process.kill()
            process.wait(PATIENCE)


def _wait_for(url: str) -> None:
    """Return when a server listens there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            httpx2.get(url)
        except httpx2.TransportError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"no server at {url}")
