"""Clients generated from the contract by other people's tools read runs and streams of the mock."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import node
import pytest

from conformance.contract.contract import Contract
from conformance.contract.forms import Version, View, as_text, form
from mock_server.testing import MockWorld, serving

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples" / "generated_clients"

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def world() -> Iterator[MockWorld]:
    """A world that stands still, with one run that has completed."""
    with serving() as base_url, MockWorld(base_url, "test-clients", scale=0, runs=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def run_id(world: MockWorld) -> str:
    """The run."""
    created = world.create("quick-success")
    world.advance("1h")
    return created


@pytest.fixture
def project(tmp_path: Path, contract: Contract) -> Path:
    """A directory with the example's configurations and a contract in OpenAPI 3.1."""
    directory = tmp_path / "project"
    shutil.copytree(EXAMPLE, directory)
    text = as_text(form(contract, Version.V3_1, View.FULL))
    (directory / "contract.json").write_text(text, encoding="utf-8")
    return directory


@pytest.fixture
def call(world: MockWorld, run_id: str) -> Callable[..., None]:
    """Run a program with the mock's address, a key and a run, and look at what it prints."""

    def check(*command: object, cwd: Path) -> None:
        given = [*map(str, command), world.base_url, world.key, run_id]
        done = subprocess.run(
            given, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["status"] == "completed"
        assert (found["events"][0], found["events"][-1]) == ("run.created", "run.completed")
        assert len(found["events"]) == 9

    return check


@pytest.mark.parametrize(
    ("generator", "arguments", "program"),
    [
        ("openapi-ts", ("-f", "hey-api.config.mjs"), "hey-api.ts"),
        ("orval", ("--config", "orval.config.cjs"), "orval.ts"),
    ],
)
def test_a_typescript_client_reads_the_stream(
    project: Path, call: Callable[..., None], generator: str, arguments: tuple[str], program: str
) -> None:
    """It compiles with the types that were generated, and gets every event."""
    made = subprocess.run(
        [node.tool(generator), *arguments],
        cwd=project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    shutil.copy(HERE / "clients" / program, project)
    options = ("--bundle", "--platform=node", "--format=esm", "--outfile=program.mjs")
    subprocess.run([node.tool("esbuild"), program, *options], cwd=project, check=True, timeout=60)
    call("node", "program.mjs", cwd=project)


def test_a_python_client_reads_the_stream(project: Path, call: Callable[..., None]) -> None:
    """It gets the run as a model and the stream as text."""
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ("--path", "contract.json", "--meta", "none", "--output-path", "client")
    made = subprocess.run(
        [generator, "generate", *options],
        cwd=project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    shutil.copy(HERE / "clients" / "python_client.py", project)
    call(sys.executable, "python_client.py", cwd=project)
