"""The action and the container file that users copy: as far as they run without a runner."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask_process import PATIENCE, TOP, BackendProcess

from conformance.config.options import OPTIONS

FOLDER = TOP / "examples" / "ci"
WORKFLOW = TOP / "examples" / "flask_backend" / ".github" / "workflows" / "conformance.yml"
ACTION = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["id"]: step for step in ACTION["runs"]["steps"] if "id" in step}
STEP, UPLOAD = STEPS["conformance"], ACTION["runs"]["steps"][-1]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", FOLDER / "action.yml"),
        ("vendor.github-workflows", WORKFLOW),
        ("vendor.github-workflows", FOLDER / "sharded.yml"),
    ],
)
def test_it_is_what_github_reads(schema: str, file: Path) -> None:
    """By the published schemas of actions and workflows."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, file]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE * 3, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_input_is_used_and_every_name_is_there() -> None:
    """Variables and options are the kit's; expressions name inputs that are declared."""
    known = {option.envvar for option in OPTIONS}
    assert {name for name in STEP["env"] if name.startswith("RUNS_")} <= known
    command = STEP["run"].partition("bin/runs-conformance")[2].partition("||")[0]
    options = set(re.findall(r"(?<= --)[a-z-]+", command))
    assert options <= {option.opts[0].removeprefix("--") for option in OPTIONS}
    text = (FOLDER / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])
    assert "${{" not in "".join(step.get("run", "") for step in ACTION["runs"]["steps"])


def acted(folder: Path, base: str = "", **inputs: str) -> tuple[int, str]:
    """The step's script with these inputs, as a runner runs it: exit code and outputs. `base` is
    the base commit of a pull request."""
    environment = variables(folder, "conformance", inputs)
    environment |= {"EVENT": "pull_request" if base else "push", "BASE": base}
    home = folder / "runs-conformance" / "bin"
    home.mkdir(parents=True, exist_ok=True)
    script = home / "runs-conformance"
    words = f'exec {shlex.quote(sys.executable)} -m conformance "$@"'
    script.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
    script.chmod(0o755)
    environment |= {
        "RUNNER_TEMP": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "PYTHONPATH": str(TOP),
        **RUN,
    }
    return ran(folder, STEP, environment)


# The variables that a runner gives every step.
RUN = {"GITHUB_RUN_ID": "12", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": "ab"}


def ran(folder: Path, step: dict[str, Any], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code and the outputs of a step's script."""
    environment |= {"GITHUB_OUTPUT": str(folder / "outputs")}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 3,
        check=False,
    )
    outputs = folder / "outputs"
    written = outputs.read_text(encoding="utf-8") if outputs.exists() else ""
    outputs.unlink(missing_ok=True)
    return done.returncode, written


def named(folder: Path, inputs: dict[str, str]) -> dict[str, str]:
    """The outputs of the step that names the artifact."""
    code, outputs = ran(folder, STEPS["artifact"], variables(folder, "artifact", inputs))
    assert code == 0
    return dict(line.split("=", 1) for line in outputs.splitlines())


def variables(folder: Path, step: str, inputs: dict[str, str]) -> dict[str, str]:
    """The environment of a step, as its expressions give it."""
    texts: dict[str, str] = STEPS[step]["env"]
    outputs = named(folder, inputs) if any("steps." in text for text in texts.values()) else {}

    def value(found: re.Match[str]) -> str:
        return (
            outputs[found[2]] if found[1] == "steps.artifact.outputs" else given(found[2], inputs)
        )

    expression = r"\$\{\{ (inputs|steps\.artifact\.outputs)\.([a-z-]+) \}\}"
    return {name: re.sub(expression, value, text) for name, text in texts.items()}


def given(name: str, inputs: dict[str, str]) -> str:
    """An input as an expression gives it."""
    return inputs.get(name.replace("-", "_"), ACTION["inputs"][name].get("default", ""))


def test_the_step_gates(backend: BackendProcess, tmp_path: Path) -> None:
    """With the inputs of its own, and every report that it promises."""
    code, outputs = acted(
        tmp_path, base_url=backend.url, api_key="acme-key", include="LIST-0[1-3] GET-02"
    )
    assert (code, outputs) == (0, "conclusion=conformant\n")
    assert "## Conformant" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    kept = {file.name for file in (tmp_path / "conformance-reports").iterdir()}
    assert kept == {"report.json", "report.xml", "report.html", "report.sarif", "badge.svg"}


def test_an_input_is_not_a_command(backend: BackendProcess, tmp_path: Path) -> None:
    """Whatever is written into one."""
    nasty = f"$(touch {tmp_path}/hacked); touch {tmp_path}/hacked"
    code, outputs = acted(tmp_path, base_url=backend.url, token="acme-key", include=nasty)
    assert (code, outputs) == (2, "conclusion=no verdict\n")
    assert not (tmp_path / "hacked").exists()


def test_shards_and_their_merge(backend: BackendProcess, tmp_path: Path) -> None:
    """A shard leaves a blob; only the merge has a verdict, and none without the blobs."""
    shards = tmp_path / "shards"
    ended = acted(
        tmp_path,
        base_url=backend.url,
        api_key="acme-key",
        include="LIST-0[1-3]",
        shard="1/1",
        reports="shards/conformance-shard-1-of-1",
    )
    assert ended == (0, "conclusion=no verdict\n")
    (blob,) = shards.glob("*/*")
    assert blob.name == "1-of-1.blob"
    assert acted(tmp_path, merge="shards") == (0, "conclusion=conformant\n")
    assert "## Conformant" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    blob.unlink()
    assert acted(tmp_path, merge="shards") == (2, "conclusion=no verdict\n")


def test_each_shard_of_each_service_has_an_artifact(tmp_path: Path) -> None:
    """Its name begins with the input, and the pattern of the example finds the shards alone."""
    pattern = yaml.safe_load((FOLDER / "sharded.yml").read_text(encoding="utf-8"))["jobs"][
        "verdict"
    ]["steps"][0]["with"]["pattern"]
    names = {
        named(tmp_path, given)["name"]
        for service in ({}, {"artifact": "orders"})
        for given in (service | {"shard": "1/2"}, service | {"shard": "2/2"}, service)
    }
    assert names == {
        *("conformance-shard-1-of-2", "conformance-shard-2-of-2", "conformance"),
        *("orders-shard-1-of-2", "orders-shard-2-of-2", "orders"),
    }
    found = {name for name in names if fnmatch(name, pattern)}
    assert found == {"conformance-shard-1-of-2", "conformance-shard-2-of-2"}
    assert UPLOAD["with"]["name"] == "${{ steps.artifact.outputs.name }}"


def test_an_artifact_has_no_blob_of_an_earlier_run(tmp_path: Path) -> None:
    """It is removed before anything else can fail; another file is not."""
    blob = tmp_path / "conformance-reports" / "1-of-2.blob"
    blob.parent.mkdir()
    for content, kept in ((b'{"runs-conformance blob": 1}', False), (b"notes\0", True)):
        blob.write_bytes(content)
        outputs = named(tmp_path, {"shard": "1/2"})
        assert outputs["path"] == "conformance-reports/1-of-2.blob"
        assert blob.exists() is kept
    assert UPLOAD["with"]["path"] == "${{ steps.artifact.outputs.path }}"
    assert ACTION["runs"]["steps"][0] is STEPS["artifact"]


def test_shards_of_two_services_or_runs_are_not_merged(
    backend: BackendProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifact and the run of the workflow make the name, unless that is given."""

    def shard(number: int, **inputs: str) -> None:
        parts = {"shard": f"{number}/2", "reports": f"shards/{number}"}
        parts |= {"base_url": backend.url, "api_key": "acme-key", "include": "LIST-0[12]"}
        assert acted(tmp_path, **(parts | inputs))[0] == 0

    shard(1)
    shard(2, artifact="orders")
    assert acted(tmp_path, merge="shards") == (2, "conclusion=no verdict\n")
    shard(2)
    assert acted(tmp_path, merge="shards") == (0, "conclusion=conformant\n")
    monkeypatch.setitem(RUN, "GITHUB_RUN_ATTEMPT", "2")  # Of the shards that failed.
    shard(2)
    assert acted(tmp_path, merge="shards") == (0, "conclusion=conformant\n")
    monkeypatch.setitem(RUN, "GITHUB_RUN_ID", "13")
    shard(2)
    assert acted(tmp_path, merge="shards") == (2, "conclusion=no verdict\n")
    shard(1, run_id="12")
    shard(2, run_id="12")
    assert acted(tmp_path, merge="shards") == (0, "conclusion=conformant\n")


def test_the_example_of_shards_fails_closed() -> None:
    """The last job runs in any case, waits for all shards, and tests as many as there are."""
    workflow = yaml.safe_load((FOLDER / "sharded.yml").read_text(encoding="utf-8"))
    shard, verdict = workflow["jobs"]["shard"], workflow["jobs"]["verdict"]
    assert (verdict["needs"], verdict["if"]) == ("shard", "always()")
    numbers = shard["strategy"]["matrix"]["shard"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert shard["strategy"]["fail-fast"] is False
    used = [step["with"] for job in (shard, verdict) for step in job["steps"] if "with" in step]
    (part,) = [given["shard"] for given in used if "shard" in given]
    assert part.endswith(f"/{len(numbers)}")
    inputs = {name for given in used for name in given}
    assert {"shard", "merge"} <= inputs & set(ACTION["inputs"])


def git(folder: Path, *words: str) -> str:
    """The output of a git command."""
    names = ("-c", "user.name=ci", "-c", "user.email=ci@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def committed(folder: Path, config: str) -> str:
    """A commit with this configuration."""
    (folder / "conformance.toml").write_text(config, encoding="utf-8")
    git(folder, "add", "conformance.toml")
    git(folder, "commit", "--quiet", "--message", "Configure")
    return git(folder, "rev-parse", "HEAD")


def test_the_file_of_a_pull_request_is_not_used_with_credentials(
    backend: BackendProcess, tmp_path: Path
) -> None:
    """That of its base commit is: the other one could send them anywhere, or run a program."""
    git(tmp_path, "init", "--quiet")
    base = committed(tmp_path, f'base_url = "{backend.url}"\ninclude = ["LIST-01"]\n')
    program = f'[command]\nrun = "touch {tmp_path}/hacked"\n'
    committed(tmp_path, f'base_url = "http://127.0.0.1:9"\n{program}')
    assert acted(tmp_path, base, api_key="acme-key") == (0, "conclusion=conformant\n")
    # Not even one of the base commit: what it names is a file of the pull request.
    base = committed(tmp_path, f'base_url = "{backend.url}"\n{program}')
    assert acted(tmp_path, base, api_key="acme-key") == (2, "conclusion=no verdict\n")
    assert not (tmp_path / "hacked").exists()


def instructions(name: str) -> list[list[str]]:
    """The words of every such instruction of the container file."""
    lines = re.findall(rf"^{name} +(.+)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)
    return [line.split() for line in lines]


def test_the_container_file_copies_what_is_there() -> None:
    """And lets through to the build no more than that; its user is not root."""
    sources = {s for w in instructions("COPY") if not w[0].startswith("--") for s in w[:-1]}
    assert all((TOP / source).exists() for source in sources)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    (user,) = instructions("USER")
    assert user == ["10001"]
    assert instructions("RUN")[-1][1:3] == ["--uid", "10001"]


@pytest.mark.package
def test_what_is_copied_can_be_installed(tmp_path: Path) -> None:
    """What stands in the container before `pip install .` is enough for a wheel."""
    for words in instructions("COPY"):
        for source in words[:-1] if not words[0].startswith("--") else ():
            if (TOP / source).is_dir():
                shutil.copytree(
                    TOP / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(TOP / source, tmp_path / source)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 6,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "out").glob("*.whl"))
