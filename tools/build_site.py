"""Build the site of the guides into site/, from docs/.

    python tools/build_site.py

A guide may link to any file of a checkout, and the site contains the guides only. So a copy of them
is built, in which such a link is its text with the path after it. A link that leads nowhere is an
error, here or in Zensical, which checks the links between pages and their anchors.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent
COPIED = ("assets", "images")
"""Folders of docs/ that the site contains as they are."""

_CODE = re.compile(r"`[^`\n]+`")
_OUTSIDE = re.compile(r"\[([^][]+)\]\((\.\./[^)\s]*)\)")


class BrokenLinkError(Exception):
    """A page links to a file that does not exist."""


def without_outside_links(text: str, page: Path) -> str:
    """Return the text of a page in which each link to a file outside of its folder is the name of
    that file. Raise BrokenLinkError for one that does not exist."""

    def named(link: re.Match[str]) -> str:
        label, address = link.groups()
        target = (page.parent / address.partition("#")[0]).resolve()
        if not target.exists() or not target.is_relative_to(page.parents[1].resolve()):
            raise BrokenLinkError(f"{page}: expected a file of the project, got {address!r}.")
        path = str(target.relative_to(page.parents[1].resolve()))
        return label if path == label.strip("`").rstrip("/") else f"{label} (`{path}`)"

    return _OUTSIDE.sub(named, text)


def with_plain_pipes(text: str) -> str:
    """Return the text of a page in which code in tables has its pipes without a backslash: code
    hosts require it, and Python-Markdown shows it."""
    return "\n".join(
        _CODE.sub(lambda code: code[0].replace("\\|", "|"), line) if line.startswith("|") else line
        for line in text.split("\n")
    )


def prepare(source: Path, target: Path) -> None:
    """Write the pages of `source` to `target` as the site contains them."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for page in sorted(source.glob("*.md")):
        text = without_outside_links(page.read_text(encoding="utf-8"), page)
        (target / page.name).write_text(with_plain_pipes(text), encoding="utf-8")
    for name in COPIED:
        if (source / name).is_dir():
            hidden = shutil.ignore_patterns(".*")
            shutil.copytree(source / name, target / name, ignore=hidden)


def build(work: Path) -> int:
    """Build the site of the pages that were prepared in `work`/build/docs. Return the exit code."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=work, check=False).returncode


def main() -> int:
    """Build the site of this project."""
    try:
        prepare(TOP / "docs", TOP / "build" / "docs")
        return build(TOP)
    except BrokenLinkError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
