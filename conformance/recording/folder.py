"""The folder of a recording: the mock's own files, with the schemas that an editor checks them by.
Files are written aside and moved into place when all of them are complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from conformance.config.converters import output_directory
from conformance.errors import ConfigurationError, KitError
from conformance.resources import schemas_dir

BEHAVIOUR = "behaviour.yaml"
SCENARIOS = "scenarios"
WORLD = "worlds/recorded.yaml"
_SCHEMAS = "schemas"
_MARK = "# Recorded by runs-conformance"
_FORBIDDEN = "Name another directory."


class RecordingFolder:
    """A directory that is new or empty; with `force`, one in which the files of an earlier
    recording are replaced and others stay; `option` names it. Raise ConfigurationError."""

    def __init__(self, path: Path, option: str = "--out", *, force: bool = False) -> None:
        self._path = path
        self._option = option
        try:
            output_directory(str(path))
        except ConfigurationError as fault:
            raise ConfigurationError(f"{option}: {fault.message}", fault.hint) from None
        try:
            full = path.is_dir() and next(path.iterdir(), None) is not None
        except OSError as fault:
            raise ConfigurationError(f"{option}: {path}: {fault.strerror}.", _FORBIDDEN) from None
        if full and not force:
            raise ConfigurationError(
                f"{option}: expected a directory that is new or empty, got {path} with files.",
                "Name another one, or replace the recording in it with --force.",
            )

    def write(self, files: Mapping[str, str]) -> None:
        """Write the files, by their path in the folder. Raise KitError if one cannot be written;
        then nothing is changed."""
        folder = self._path.resolve()
        is_new = not folder.exists()
        # One that exists may be a mount point, or its parent one that must not be changed.
        place = folder.parent if is_new else folder
        aside: Path | None = None
        try:
            place.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=place))
            for name, text in {**files, **_schemas()}.items():
                file = aside / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            if is_new:
                aside.chmod(0o755)
                aside.rename(folder)
            else:
                self._move(aside, folder)
        except OSError as fault:
            raise KitError(
                f"{self._option}: cannot write {fault.filename or self._path}: {fault.strerror}.",
                "Choose another directory, or make room; nothing was recorded.",
            ) from None
        finally:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)

    def _move(self, aside: Path, folder: Path) -> None:
        written = [file for file in aside.rglob("*") if file.is_file()]
        for old in _recorded(folder):
            if not (aside / old.relative_to(folder)).exists():
                old.unlink()
        for file in written:
            target = folder / file.relative_to(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)


def _recorded(folder: Path) -> list[Path]:
    """Return the scenarios of an earlier recording."""
    return [
        file
        for file in (folder / SCENARIOS).glob("*.yaml")
        if file.is_file() and _MARK in file.read_text("utf-8", "replace")[:1_000]
    ]


def document(kind: str, data: Mapping[str, Any], *comments: str) -> str:
    """Return a file of the mock as YAML; `kind` is its schema: scenario or world."""
    lines = [f"# yaml-language-server: $schema=../{_SCHEMAS}/{kind}.json", f"{_MARK}."]
    lines += [f"# {line}" for comment in comments for line in comment.splitlines()]
    text = yaml.dump(
        dict(data),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )
    return "\n".join([*lines, text])


def behaviour_document(profile: str) -> str:
    """Return a behaviour profile with the name of its schema."""
    return f"# yaml-language-server: $schema={_SCHEMAS}/behaviour.json\n{profile}"


# The compiled writer, where it is there, is many times as fast.
_SAFE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SAFE):  # type: ignore[misc]
    """Writes a value that is used twice in full: the mock reads no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _schemas() -> dict[str, str]:
    kinds = ("scenario", "world", "behaviour")
    return {
        f"{_SCHEMAS}/{kind}.json": (schemas_dir() / f"{kind}.json").read_text(encoding="utf-8")
        for kind in kinds
    }
