"""What docs/adding-things.md and the files for contributors say can be done is done here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from environments import PATIENCE, TOP

import tools.subject

GUIDE = (TOP / "docs" / "adding-things.md").read_text(encoding="utf-8")
DOCUMENTS = (
    "CONTRIBUTING.md",
    "docs/adding-things.md",
    "SECURITY.md",
    ".github/pull_request_template.md",
)
FORMS = sorted((TOP / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of the guide that are marked with the language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_worked_example_does_what_it_shows(tmp_path: Path) -> None:
    """The files that are shown, where their first line says; then the commands, to the letter."""
    for block in blocks("yaml"):
        if not block.startswith("# scenarios/"):
            continue
        file = tmp_path / block.splitlines()[0].removeprefix("# ")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block, encoding="utf-8")
    sessions = blocks("console")
    assert sessions
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    for session in sessions:
        command, _, shown = session.removeprefix("$ ").partition("\n")
        done = subprocess.run(
            command.split(),
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            check=True,
        )
        assert done.stdout == shown


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project to which every example of the guide is added."""
    top = tmp_path_factory.mktemp("extended")
    for name in ("mock_server", "conformance", "fixtures", "examples", "tests", "tools"):
        shutil.copytree(TOP / name, top / name, ignore=shutil.ignore_patterns("node_modules"))
    for name in ("openapi.yaml", "arazzo.yaml", "pyproject.toml"):
        shutil.copy(TOP / name, top / name)
    for block in [*blocks("yaml"), *blocks("python")]:
        place = block.splitlines()[0].removeprefix("# ")
        if (top / place).exists():
            with (top / place).open("a", encoding="utf-8") as file:
                file.write("\n\n" * place.endswith(".py") + block.partition("\n")[2])
    for block in blocks("diff"):
        apply(block, top)
    execute(top, "tests/mock_server/write_fault_schema.py")
    return top


def apply(diff: str, top: Path) -> None:
    """Apply a diff without line numbers; the lines without a plus must be there once."""
    file = top / diff.splitlines()[1].removeprefix("+++ b/")
    text = file.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        assert text.count(before) == 1, before
        text = text.replace(before, "".join(f"{line[1:]}\n" for line in lines))
    file.write_text(text, encoding="utf-8")


def execute(top: Path, *words: str) -> str:
    """Run Python in the copy; return its output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=top,
        env=os.environ | {"PYTHONPATH": str(top)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.extended
def test_the_requirement_of_the_guide_kills_its_mutant(extended: Path) -> None:
    """And the catalogue is consistent with it."""
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance/test_mutants.py"]
    assert "2 passed" in execute(extended, *words, "-k", "offset-of-zero or requirement_has")
    assert "LIST-21" in execute(extended, "-m", "conformance", "explain", "LIST-21")


def test_the_fault_kind_of_the_guide_is_played(extended: Path) -> None:
    """It is in the help, and a rule has an effect."""
    assert "shouting" in execute(extended, "-m", "mock_server", "faults", "add", "--help")
    program = (
        "from mock_server.settings import Settings\n"
        "from mock_server.testing import MockWorld, serving\n"
        "with serving(Settings()) as url, MockWorld(url, 'test-guide') as world:\n"
        "    world.client.post('/_mock/faults', json={'shouting': {}}).raise_for_status()\n"
        "    print(world.client.get('/api/v1/automation-runs').text)\n"
    )
    assert '{"ITEMS":' in execute(extended, "-c", program)


def test_the_question_of_the_guide_can_be_answered(extended: Path) -> None:
    """The kit explains it, and the mock plays a profile that answers it."""
    assert "X-Default-Limit" in execute(extended, "-m", "conformance", "explain", "Q23")
    program = (
        "from mock_server.engine.behaviour import BehaviourFile\n"
        "file = BehaviourFile.model_validate({'summary': 's', 'answers': {'Q23': 'named'}})\n"
        "print(file.answers.Q23)\n"
    )
    assert execute(extended, "-c", program).strip() == "named"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document: str) -> None:
    """Targets of make, files, folders and tests."""
    text = (TOP / document).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)[`\s]", text)) <= targets
    paths = re.findall(
        r"(?<![\w./-])((?:conformance|docs|fixtures|mock_server|requirements|tests|tools)/[\w./*-]*)",
        text,
    )
    for path in {path.rstrip(".") for path in paths}:
        assert list(TOP.glob(path.rstrip("/"))), path
    for test in re.findall(r"`(test_\w+\.py)`", text):
        assert list((TOP / "tests").rglob(test)), test
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (TOP / link).exists(), link


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_issue_form_is_what_github_reads(form: Path) -> None:
    """By its published schema."""
    schema = "config" if form.stem == "config" else "forms"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", f"vendor.github-issue-{schema}", form),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_are_what_pre_commit_reads() -> None:
    """And every tool that they call comes from the locked environment or the project."""
    command = [sys.executable, "-m", "pre_commit", "validate-config"]
    subprocess.run(command, cwd=TOP, check=True, timeout=PATIENCE)
    hooks = (TOP / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"entry: (\S+)", hooks)
    assert entries
    assert all(entry.startswith(".venv/bin/") for entry in entries)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Add a fault kind\n\nWhy it is needed.\n", None),
        (f"Add {'x' * 68}", None),
        (f"Add {'x' * 69}", "at most 72 characters, got 73"),
        ("Add a fault kind.", "no period"),
        ("add a fault kind", "starts with a capital, got 'add'"),
        ("# only a comment\n", "a subject in the first line"),
        ("Add a fault kind\nand more\n", "an empty second line"),
        (f"Merge branch '{'x' * 80}'", None),
    ],
)
def test_the_subject_of_a_commit(message: str, problem: str | None) -> None:
    """One line that stands alone."""
    found = tools.subject.problem(message)
    assert (found is None) if problem is None else problem in (found or "")
