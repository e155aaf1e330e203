"""Choose a version of the catalogue. A version freezes which requirements exist and at which level,
so that an update of the kit does not fail a gate that asks for an older version.

`versions/*.yaml` hold the released versions, an id and its level on each line. `requirements.yaml`
is the latest one, which the next release freezes as `NEXT`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from conformance.catalogue.requirements import Catalogue, load
from conformance.contract.yaml_file import parse
from conformance.errors import ConfigurationError
from conformance.vocabulary import Level

LATEST = "latest"
NEXT = "1.1"
DIRECTORY = Path(__file__).parent / "versions"


@cache
def released() -> tuple[str, ...]:
    """Return the released versions, oldest first."""
    found = [file.stem for file in DIRECTORY.glob("*.yaml")]
    return tuple(sorted(found, key=_order))


@cache
def levels(version: str) -> dict[str, Level]:
    """Return the ids of a released version with their levels."""
    text = (DIRECTORY / f"{version}.yaml").read_text(encoding="utf-8")
    return {name: Level(level) for name, level in parse(text).items()}


def known(text: str) -> str:
    """Return the version if it exists. Raise ConfigurationError else."""
    choices = (*released(), LATEST)
    if text not in choices:
        raise ConfigurationError(
            f"expected a version of the catalogue, got {text!r}.",
            f"The versions are {', '.join(choices)}.",
        )
    return text


def load_version(version: str = LATEST) -> Catalogue:
    """Return the catalogue of the version: its requirements at its levels, in the latest words.

    Newer requirements stay known, so that their ids are not taken for misspelt, and are never
    selected.
    """
    catalogue = load()
    if version == LATEST:
        return catalogue
    frozen = levels(version)
    requirements = {
        name: replace(each, level=frozen.get(name, each.level))
        for name, each in catalogue.requirements.items()
    }
    return Catalogue(requirements, included=frozenset(frozen))


def is_newer(since: str, version: str) -> bool:
    """Return whether a check that exists since a version is newer than the chosen version."""
    return bool(since) and version != LATEST and _order(since) > _order(version)


def freeze(catalogue: Catalogue) -> str:
    """Return the text of a file that freezes the catalogue."""
    lines = [f"{each.id}: {each.level.value}" for each in catalogue.requirements.values()]
    return "\n".join(lines) + "\n"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
