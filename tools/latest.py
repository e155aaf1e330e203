"""Check the project with the newest releases of all libraries, and name the release that breaks it.

    python tools/latest.py [options of pytest]

Install what pyproject.toml permits, in `.venv-latest`, and run the type checks and the tests there.
If one fails, install the locked releases, replace one library at a time by its newest release, and
repeat what failed: so the library that is at fault is named, and not only the test. The locks and
`.venv` stay as they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parent.parent
HOME = TOP / ".venv-latest"
PYTHON = HOME / ("Scripts" if os.name == "nt" else "bin") / "python"
LOCK = TOP / "requirements" / "dev.txt"
PROJECT = "automation-runs-kit"
PYTEST = ("pytest", "-q", "-n", "auto", "-o", f"cache_dir={HOME / 'pytest'}")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to pass: a module and its arguments."""

    name: str
    command: tuple[str, ...]


def checks(options: Sequence[str]) -> list[Check]:
    """Return the type checks and the tests, these with options of pytest."""
    return [
        Check("types", ("mypy", "--cache-dir", str(HOME / "mypy"))),
        Check("tests", (*PYTEST, *options)),
    ]


def failure(check: Check) -> Check:
    """Return what repeats a check that has failed: of the tests, those that failed."""
    cache = HOME / "pytest" / "v" / "cache" / "lastfailed"
    if check.command[0] != "pytest" or not cache.exists():
        return check
    return Check(check.name, (*PYTEST, *json.loads(cache.read_text(encoding="utf-8"))))


def run(command: Sequence[str]) -> bool:
    """Run a module in the environment, printing what it prints; return whether it passed."""
    print(f"$ python -m {' '.join(command)}", flush=True)
    return subprocess.run([PYTHON, "-m", *command], cwd=TOP, check=False).returncode == 0


def uv(*words: str) -> str:
    """Run `uv pip` for the environment and return what it prints. Raise if it fails."""
    action, *rest = words
    command = [sys.executable, "-m", "uv", "pip", action, "--quiet", "--python", str(PYTHON), *rest]
    return subprocess.run(command, cwd=TOP, check=True, stdout=subprocess.PIPE, text=True).stdout


def locked() -> dict[str, str]:
    """Return the locked releases by name."""
    pins = re.findall(
        r"^([a-z0-9.-]+)==([^\s;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE
    )
    return dict(pins)


def installed() -> dict[str, str]:
    """Return the releases in the environment by name."""
    return {item["name"]: item["version"] for item in json.loads(uv("list", "--format", "json"))}


def install_newest() -> dict[str, str]:
    """Install the newest releases that pyproject.toml permits; return those that are not locked."""
    uv("install", "--upgrade", "--editable", ".[mock,store,kit,mcp]", "--group", "dev")
    pins = locked()
    return {
        name: version
        for name, version in installed().items()
        if name != PROJECT and pins.get(name) != version
    }


def install_locked() -> None:
    """Install the locked releases, and nothing else."""
    uv("sync", "--require-hashes", str(LOCK))
    uv("install", "--no-deps", "--no-build-isolation", "--editable", ".")


def held_back() -> list[str]:
    """Return the libraries of which a newer release exists than a bound permits."""
    outdated = json.loads(uv("list", "--outdated", "--format", "json"))
    return [f"{item['name']} {item['version']} < {item['latest_version']}" for item in outdated]


def blame(check: Check, moved: Mapping[str, str]) -> str:
    """Return a sentence that names the release with which a failed check fails."""
    check = failure(check)
    install_locked()
    if not run(check.command):
        return f"{check.name}: fail with the locked releases as well."
    guilty = []
    for name, version in sorted(moved.items()):
        install_locked()
        try:
            uv("install", f"{name}=={version}")
        except subprocess.CalledProcessError:
            continue  # It needs newer releases of others, and is tried with them.
        if not run(check.command):
            guilty.append(f"{name} {locked().get(name, 'none')} -> {version}")
    if guilty:
        return f"{check.name}: broken by {', '.join(guilty)}."
    return f"{check.name}: broken by a combination of newer releases, by none alone."


def main(options: Sequence[str]) -> int:
    """Check with the newest releases; return the exit code."""
    if HOME.exists():
        shutil.rmtree(HOME)
    venv.create(HOME, with_pip=False)
    moved = install_newest()
    newer = [f"{name} {locked().get(name, 'none')} -> {new}" for name, new in sorted(moved.items())]
    print("Newer than the lock:", *(newer or ["none"]), sep="\n  ")
    print("Held back by a bound:", *(held_back() or ["none"]), sep="\n  ")
    failed = [check for check in checks(options) if not run(check.command)]
    for check in failed:
        print(blame(check, moved), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
