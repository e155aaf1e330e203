"""What the directory of ``--scenarios`` holds: scenarios, or a recording with worlds as well."""

from pathlib import Path

from mock_server import yaml_model


def scenario_folder(directory: Path | None) -> Path | None:
    """Return the directory with the scenarios themselves: that, or its folder ``scenarios``."""
    if directory is None:
        return None
    inner = directory / "scenarios"
    return inner if inner.is_dir() else directory


def start_files(directory: Path | None, start: str) -> tuple[str, tuple[Path, ...]]:
    """Return the name of the start, and the files of starts that do not come with the mock: those
    in the folder ``worlds`` of the directory, and ``start`` itself where it is a file.

    Raise FileError for two files of one name.
    """
    worlds = None if directory is None else directory / "worlds"
    is_recording = scenario_folder(directory) != directory
    found = yaml_model.files(worlds) if is_recording and worlds and worlds.is_dir() else []
    if not start.endswith(yaml_model.SUFFIXES):
        return start, tuple(found)
    own = Path(start)
    return own.stem, (*(path for path in found if path.stem != own.stem), own)
