"""Measure and check the words of the project: docstrings, comments, names, documentation, data.

    python tools/language.py              print the table
    python tools/language.py --check      also exit with 1 if a banned word is left, and name each

The table counts words in docstrings and comments, per 10,000 words of them. The check reads every
text that git tracks, so it covers identifiers and messages as well: `told_by` and `BackendLiar` are
read as the words they consist of.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOP = Path(__file__).parent.parent
PACKAGES = ("conformance", "mock_server")

COLUMNS = {
    "told, tell": r"told|tell|tells|telling",
    "what": r"what",
    "who, whoever, nobody": r"who|whoever|nobody",
    "response": r"responses?",
    "answer": r"answers?|answered|answering",
}

MINIMUM = {("mock_server", "response"): 40.0}
"""Package and column: how often the word has to occur at least, per 10,000 words."""

BANNED = {
    r"told|tells?|telling": "pass, send, report, print, state",
    r"whoever|whomever": "the client, the user, the check: name the actor",
    r"nobody|somebody": "no client, a client: name the actor",
    r"anew": "again",
    r"befalls?|befell|befallen": "apply to, affect",
    r"spoil(?:s|ed|ing|t)?": "corrupt, fail",
    r"put to the test": "tested",
    r"refusals?": "rejection, error response",
    r"strangers?": "unknown client, other tenant",
    r"liars?": "mutant",
    r"manners": "response rules",
    r"truths?": "invariant",
    r"stor(?:y|ies)": "sequence, scenario, history",
    r"signs? of life": "heartbeat, event",
    r"beside": "next to, with, in addition to",
    r"readers?": "client, subscriber, user",
    r"(?<!there.)(?:is|are) no(?! (?:longer|more|less)\b)": "is not a, must be",
    r"there (?:is|are) no such": "unknown, not found",
}
"""Expression and what to write in its place. A space stands for any run of white space."""

PERMITTED = (
    # Names that others chose.
    r"StreamReader|DictReader|hiredis\.Reader|connection\._reader|getReader|(?:add|remove)_reader",
    # A former name that is still accepted, see `whose` in the control API.
    r"\"nobody\"|, nobody\]",
    # A former name of `origin` in the control API, which clients may still read.
    r"\"story\"|\bstory: \{|, story,",
)
"""What is left out of the search."""

SUFFIXES = frozenset(
    {".cfg", ".html", ".ini", ".js", ".md", ".py", ".sh", ".toml", ".ts", ".txt", ".yaml", ".yml"}
)
FILES = frozenset({"Makefile", "Dockerfile", "run"})
EXEMPT = (
    # The words themselves.
    "tools/language.py",
    "tests/package/test_language.py",
    # What others wrote: a transcript, a library, lists of packages.
    "fixtures/reference.yaml",
    "mock_server/static/swagger-ui/",
    "mock_server/dashboard/vendor/",
    "docs/assets/iframe-worker/",
    "requirements/",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A banned word: where it stands and what to write in its place."""

    file: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: '{self.word}': write {self.instead}"


def prose(source: str) -> str:
    """Return the docstrings and comments of a Python module, one after the other."""
    places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = (
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, places)
    )
    comments = (
        token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    )
    return "\n".join([*docstrings, *comments])


def rates(text: str) -> dict[str, float]:
    """Return for each column how often its words occur in the text, per 10,000 words."""
    words = len(re.findall(r"[A-Za-z]+(?:'[a-z]+)?", text))
    return {
        column: 10_000 * len(re.findall(rf"\b(?:{words_of})\b", text, re.IGNORECASE)) / (words or 1)
        for column, words_of in COLUMNS.items()
    }


def measure(package: str) -> dict[str, float]:
    """Return the rates of a package's docstrings and comments."""
    files = sorted((TOP / package).rglob("*.py"))
    return rates("\n".join(prose(file.read_text(encoding="utf-8")) for file in files))


def table(measured: dict[str, dict[str, float]]) -> str:
    """Return the rates as a Markdown table, a row for each package."""
    rows = [["", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    rows += [
        [package, *(f"{rate:.1f}" for rate in found.values())]
        for package, found in measured.items()
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plain(text: str) -> str:
    """Return the text with identifiers split into words and line breaks kept.

    Marks that continue a comment or a quotation on the next line become spaces, so that a phrase is
    found across lines.
    """
    text = re.sub("|".join(PERMITTED), " ", text)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", " ", text)
    return re.sub(r"(?m)^[ \t]*(?:#|//|>|\*)", " ", text)


@cache
def pattern(*expressions: str) -> re.Pattern[str]:
    """Return what matches any of the expressions, as whole words."""
    spaced = "|".join(expressions).replace(" ", r"\s+")
    return re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE)


def banned(text: str, file: str) -> Iterator[Finding]:
    """Yield the banned words of a text, in order of the list."""
    words = plain(text)
    # Almost every text has none: look for all of them at once before each of them alone.
    if not pattern(*BANNED).search(words):
        return
    for expression, instead in BANNED.items():
        for match in pattern(expression).finditer(words):
            line = words.count("\n", 0, match.start()) + 1
            yield Finding(file, line, " ".join(match[0].split()), instead)


def texts() -> list[str]:
    """Return the tracked files that the check reads, relative to the top."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(
        name
        for name in set(listed.stdout.split("\0"))
        if (Path(name).suffix in SUFFIXES or Path(name).name in FILES)
        and not name.startswith(EXEMPT)
        and (TOP / name).is_file()
    )


def check(measured: dict[str, dict[str, float]], files: Iterable[str]) -> list[str]:
    """Return a line for each banned word and for each rate that is too low."""
    low = [
        f"{package}: '{column}': expected at least {least:g} per 10,000 words, "
        f"got {measured[package][column]:.1f}"
        for (package, column), least in MINIMUM.items()
        if measured[package][column] < least
    ]
    found: list[Finding] = []
    for file in files:
        text = (TOP / file).read_text(encoding="utf-8")
        found += sorted(banned(text, file), key=lambda finding: finding.line)
        found += banned(file, f"{file} (name)")
    return [*map(str, found), *low]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and, with `--check`, what is wrong; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure and check the words of the project.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a banned word is left")
    parser.add_argument("files", nargs="*", help="check these files only (default: all)")
    options = parser.parse_args(arguments)
    measured = {package: measure(package) for package in PACKAGES}
    print(table(measured))
    if not options.check:
        return 0
    known = texts()
    named = [str(Path(file).resolve().relative_to(TOP)) for file in options.files]
    wrong = check(measured, [file for file in named if file in known] if named else known)
    print("", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
