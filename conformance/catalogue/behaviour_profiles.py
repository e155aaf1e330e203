"""The behaviour profiles that come with the project: sets of answers to the open questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.contract.yaml_file import parse
from conformance.resources import behaviours_dir


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. A question without an entry in `answers` has its default answer."""

    summary: str
    answers: Mapping[str, str]


def load() -> dict[str, Profile]:
    """Return the profiles by name, the default one first."""
    files = sorted(behaviours_dir().glob("*.yaml"), key=lambda file: (file.stem != "default", file))
    found = {file.stem: parse(file.read_text(encoding="utf-8")) for file in files}
    return {name: Profile(each["summary"], each["answers"]) for name, each in found.items()}
