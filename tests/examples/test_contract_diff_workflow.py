"""The workflow that comments on pull requests: its scripts run here as a runner runs them."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask_process import PATIENCE, TOP

FILE = TOP / "examples" / "ci" / "contract-diff.yml"
STEPS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["jobs"]["diff"][
    "steps"
]

CONTRACT = """\
openapi: 3.0.3
info: {title: T, version: '1'}
paths:
  /a:
    get:
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: MAX}}]
      responses: {'200': {description: Fine.}}
"""


def script(name: str) -> str:
    """The shell script of a step."""
    (found,) = [str(step["run"]) for step in STEPS if step.get("name") == name]
    return found


def command(folder: Path, name: str, words: str) -> None:
    """An executable of this name in the folder."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
    file.chmod(0o755)


class Runner:
    """A repository with a pull request, and the files a runner gives to scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.repository.mkdir()
        (folder / "bin").mkdir()
        command(folder / "bin", "gh", f'echo "$@" > {shlex.quote(str(folder / "gh.txt"))}')
        python = shlex.quote(sys.executable)
        command(folder / "bin", "runs-conformance", f'exec {python} -m conformance "$@"')
        self.git("init", "--quiet")
        self.base = self.commit("1000")

    def git(self, *arguments: str) -> str:
        """Run git in the repository; the result is its output."""
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.repository, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, maximum: str) -> str:
        """Commit the contract with this maximum; the result is the commit."""
        text = CONTRACT.replace("MAX", maximum)
        (self.repository / "openapi.yaml").write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change the contract")
        return self.git("rev-parse", "HEAD")

    def run(self, name: str, **environment: str) -> int:
        """Run the step's script; the result is its exit code."""
        given = {
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(TOP),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(name)],
            cwd=self.repository,
            env=os.environ | given | environment,
            capture_output=True,
            timeout=PATIENCE * 3,
            check=False,
        )
        return done.returncode


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose pull request has no change yet."""
    return Runner(tmp_path)


def test_it_is_what_github_reads() -> None:
    """By the published schema of workflows; no script has an expression in it."""
    words = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
    ]
    done = subprocess.run([*words, FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


@pytest.mark.parametrize(
    ("maximum", "code", "headline"),
    [
        ("500", "1", "1 change fails"),
        ("2000", "0", "0 changes fail"),
        ("1000", "0", "did not change"),
    ],
)
def test_a_change_is_judged_and_commented(
    runner: Runner, maximum: str, code: str, headline: str
) -> None:
    """The comment and the summary have the verdict, and the last step its exit code."""
    runner.commit(maximum)
    assert runner.run("Judge the changes", BASE=runner.base) == 0
    comment = (runner.folder / "comment.md").read_text(encoding="utf-8")
    assert headline in comment
    assert (runner.folder / "summary.md").read_text(encoding="utf-8") == comment
    assert (runner.folder / "outputs").read_text(encoding="utf-8") == f"code={code}\n"
    assert runner.run("Comment", PULL_REQUEST="7", GH_TOKEN="t") == 0
    said = (runner.folder / "gh.txt").read_text(encoding="utf-8")
    assert said.startswith(f"pr comment 7 --body-file {runner.folder}/comment.md --edit-last")
    assert runner.run("Verdict", CODE=code) == int(code)


def test_a_contract_that_cannot_be_read_fails_the_step(runner: Runner) -> None:
    """The step posts nothing and has the exit code of the command."""
    (runner.repository / "openapi.yaml").write_text("paths: [", encoding="utf-8")
    assert runner.run("Judge the changes", BASE=runner.base) == 2
    assert not (runner.folder / "comment.md").exists()
