"""The locked requirements are complete, and fit what pyproject.toml asks for."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from environments import TOP, run
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = {"requirements/run.txt": ["build"], "requirements/dev.txt": ["build", "dev"]}
"""Each lock, with the dependency groups that it holds besides the libraries of both packages."""
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Pin:
    """A locked release: its requirement, and the checksums of its files."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        """The release."""
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return specifier.version


def pins(lock: str) -> Mapping[str, list[Pin]]:
    """Return the releases of a lock by the name of the library: one, or one for each platform."""
    found: dict[str, list[Pin]] = {}
    text = (TOP / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            pin = Pin(Requirement(requirement), tuple(hashes))
            found.setdefault(canonicalize_name(pin.requirement.name), []).append(pin)
    return found


def group(name: str) -> Iterator[str]:
    """Yield the requirements of a dependency group, those of included groups among them."""
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group(entry["include-group"])


def asked_for(groups: list[str]) -> list[Requirement]:
    """Return what pyproject.toml asks for: both packages, the build, and these groups."""
    project: dict[str, Any] = PROJECT["project"]
    lines = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    lines += [line for name in groups for line in group(name)]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_fits_the_project(lock: str) -> None:
    """After a change of pyproject.toml, `make update` has been run."""
    locked = pins(lock)
    for requirement in asked_for(LOCKS[lock]):
        for pin in locked[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(pin.version, prereleases=True), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_every_release_has_checksums(lock: str) -> None:
    """Of its wheels and its source, so that pip installs nothing else."""
    for name, releases in pins(lock).items():
        for pin in releases:
            assert pin.hashes, name
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in pin.hashes), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    """No index, no address, no path: it installs from wherever pip is configured to look."""
    text = (TOP / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted|^[-/.~]", text, re.M)


def test_the_locks_agree() -> None:
    """What the tests run with is what users run with, and more."""
    run_lock, dev_lock = (
        {
            name: [(pin.version, pin.hashes) for pin in releases]
            for name, releases in pins(lock).items()
        }
        for lock in LOCKS
    )
    assert {name: dev_lock.get(name) for name in run_lock} == run_lock


def test_every_library_is_bounded() -> None:
    """A release that is free to break the packages is not installed before it is tried."""
    project: dict[str, Any] = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        assert {each.operator for each in Requirement(line).specifier} == {">=", "<"}, line


@pytest.mark.extended
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize(
    "platform",
    ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin", "windows"],
)
def test_a_lock_installs_elsewhere(tmp_path: Path, platform: str, version: str) -> None:
    """On every supported Python and platform, from wheels alone: no compiler is needed."""
    uv = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    uv += ["--python-version", version, "--python-platform", platform, "--only-binary", ":all:"]
    lock = TOP / "requirements" / "dev.txt"
    printed = run([*uv, "--require-hashes", "--requirement", lock], tmp_path)
    assert "Would install" in printed
