"""What the README and the guides show, done as they show it.

A fenced block marked ``console`` is a session: a line that begins with ``$ `` is typed into bash,
the lines below it, up to the next such line, are what appears then, on stdout and stderr together.
In them ``...`` stands for any text within a line, and alone on a line for any number of lines; for
nothing to appear, nothing is written. All sessions of a file are one: what an earlier one has set
or changed, a later one finds. They are held against a fresh mock as ``make mock`` starts it;
wherever it says ``http://127.0.0.1:8080``, the mock of the test is meant.

A block marked ``python`` is a file of tests that pass.
"""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from processes import PATIENCE, MockServer, environment

from conformance.cli import cli as conformance_cli
from mock_server.cli import cli as mock_cli

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
GUIDES = [
    page
    for page in PAGES
    if "\n```console\n" in page.read_text(encoding="utf-8")
    # Its sessions need the files that it shows: tests/package/test_contributing.py.
    and page.name != "adding-things.md"
]
ADDRESS = "http://127.0.0.1:8080"
MARK = "--- and then ---"
COMMANDS = {"runs-mock": mock_cli, "runs-conformance": conformance_cli}


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a session and what appears when it is typed."""

    line: int
    command: str
    shown: str

    def fits(self, output: str) -> bool:
        """Whether ``output`` is what is shown."""
        pattern = "\n".join(
            ".*(?:\n.*)*" if line == "..." else ".*".join(map(re.escape, line.split("...")))
            for line in self.shown.splitlines()
        )
        return re.fullmatch(pattern, output.rstrip("\n")) is not None


def blocks(guide: Path, language: str) -> list[tuple[int, str]]:
    """The guide's blocks in that language, each with the number of its first line."""
    text = guide.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, found.start(1)) + 1, found[1])
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


FIRST_READ = {"README.md", "first-minute.md"}
"""The guides whose sessions `make test` runs; `make test-all` runs those of all."""


def steps(guide: Path) -> list[Step]:
    """Every command of every session, in order."""
    found = []
    for first, block in blocks(guide, "console"):
        assert block.startswith("$ "), f"{guide.name}:{first}: a session begins with a command"
        for match in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            line = first + block.count("\n", 0, match.start())
            found.append(Step(line, match[1], match[2]))
    return found


@pytest.mark.parametrize(
    "guide",
    [
        pytest.param(
            guide,
            id=guide.name,
            marks=[] if guide.name in FIRST_READ else [pytest.mark.extended],
        )
        for guide in GUIDES
    ],
)
def test_the_sessions_do_what_they_show(guide: Path) -> None:
    """Each command ends well and makes appear what the guide says."""
    session = steps(guide)
    with MockServer() as mock:
        typed = [f"{step.command}\necho; echo '{MARK}' $?" for step in session]
        done = subprocess.run(
            ["bash"],
            input="\n".join(typed).replace(ADDRESS, mock.url) + "\n",
            env=environment({"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        appeared = re.findall(rf"(.*?)\n{MARK} (\d+)\n", done.stdout, re.DOTALL)
        assert len(appeared) == len(session), done.stdout
        for step, (output, code) in zip(session, appeared, strict=True):
            where = f"{guide.name}:{step.line}: {step.command}\n{output}"
            assert code == "0", where
            assert step.fits(output.replace(mock.url, ADDRESS)), (
                f"{where}\n\nis not\n\n{step.shown}"
            )


@pytest.mark.parametrize(
    ("shown", "output", "fits"),
    [
        ("", "", True),
        ("", "surprise\n", False),
        ('{"a":...,"b":1}\n', '{"a":"x","b":1}', True),
        ('{"a":...,"b":1}\n', '{"a":"x","b":12}', False),
        ("one...two\n", "one\ntwo\n", False),
        ("one\n...\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("one\n...\n", "one\n", False),
        ("one\n", "one\ntwo\n", False),
    ],
)
def test_what_fits(shown: str, output: str, fits: bool) -> None:
    """Nothing but the dots stands for anything else than itself."""
    assert Step(1, "true", shown).fits(output) is fits


def test_the_test_that_is_shown_passes(tmp_path: Path) -> None:
    """In a directory of its own, with nothing configured."""
    shown = blocks(DOCS / "parallel-tests.md", "python")
    assert shown, "the guide shows no test"
    for line, block in shown:
        (tmp_path / f"test_line_{line}.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def typed(guide: Path) -> list[tuple[int, list[str]]]:
    """The commands of this project that are shown and not run, as words, each with its line."""
    found = []
    for first, block in blocks(guide, "sh"):
        for number, line in enumerate(block.splitlines(), first):
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name in COMMANDS:
                found.append((number, words))
    return found


@pytest.mark.parametrize("guide", PAGES, ids=lambda guide: guide.name)
def test_commands_that_are_only_shown_are_commands(guide: Path) -> None:
    """Each names a subcommand, and nothing but options that it has."""
    for line, words in typed(guide):
        group = COMMANDS[Path(words[0]).name]
        context = click.Context(group)
        command = group.get_command(context, words[1])
        assert command is not None, f"{guide.name}:{line}: {words[1]}"
        shell = next((i for i, word in enumerate(words) if word in ("|", ">", "&")), len(words))
        # A mistake is a UsageError that says what it is; nothing is called.
        command.make_context(words[1], words[2:shell], parent=context)


def test_there_are_guides_and_commands_that_are_only_shown() -> None:
    """Or the other tests would look at nothing."""
    assert len(GUIDES) > 10
    assert {Path(words[0]).name for _, words in typed(README)} == set(COMMANDS)
