"""Write the report to files. The module that renders each kind is loaded when it is needed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from conformance.errors import ConfigurationError
from conformance.results.events import Event, RunFinished, RunNotStarted
from conformance.results.report import Report
from conformance.vocabulary import FileKind


class FileReporter:
    """Writes the finished report to a file; `failed` says why that did not work, if it did not.

    That the path can be written is known before the run. The report is written to a file next to
    it and renamed: the path always has the last complete report.
    """

    def __init__(self, kind: FileKind, path: Path, render: Callable[[Report], str]) -> None:
        self.failed = ""
        self._path = path
        self._render = render
        self._kind = kind
        prepare(f"--{kind}", path)

    def on(self, event: Event) -> None:
        """Write when all is over, be it before it began."""
        if isinstance(event, RunFinished | RunNotStarted):
            try:
                write(self._path, self._render(event.report))
            except OSError as fault:
                self.failed = f"--{self._kind} {self._path}: {fault.strerror}."
            except Exception as fault:
                # One report must not take the others along.
                why = f"internal error of the kit: {type(fault).__name__}: {fault}"
                self.failed = f"--{self._kind} {self._path}: {why}"


def prepare(option: str, path: Path) -> None:
    """Make the directory of the path. Raise ConfigurationError if no file can be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_special(path):
            _aside(path, "")
    except OSError as fault:
        raise ConfigurationError(
            f"{option} {path}: {fault.strerror}.", "Name a file that can be written."
        ) from None


def write(path: Path, text: str) -> None:
    """Write the text to a file next to the path and rename it. Raise OSError if that fails; the
    path then has what it had before."""
    if _is_special(path):
        path.write_text(text, encoding="utf-8")
        return
    # A link's target is replaced, not the link.
    _aside(path.resolve(), text, rename=True)


def _is_special(path: Path) -> bool:
    """Whether it can be written and not replaced, such as /dev/stdout."""
    return path.exists() and not (path.is_file() and os.access(path.resolve().parent, os.W_OK))


def _aside(path: Path, text: str, *, rename: bool = False) -> None:
    """Write the text to a new file in the same directory; rename it to the path, or remove it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if rename:
            # As a file is created by any other program, or as it was.
            os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            try:
                os.replace(name, path)
            except OSError:
                # A file that is mounted on its own can only be written.
                path.write_text(text, encoding="utf-8")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def file_reporters(wanted: Mapping[FileKind, Path]) -> list[FileReporter]:
    """One for each file; a ConfigurationError names the first that cannot be written."""
    return [FileReporter(kind, path, _render(kind)) for kind, path in wanted.items()]


def _render(kind: FileKind) -> Callable[[Report], str]:
    module, name = _RENDERS[kind]
    render: Callable[[Report], str] = getattr(import_module(f"{__package__}.{module}"), name)
    return render


_RENDERS: Mapping[FileKind, tuple[str, str]] = MappingProxyType(
    {
        FileKind.JSON: ("json", "as_json"),
        FileKind.JUNIT: ("junit", "as_junit"),
        FileKind.HTML: ("html", "as_page"),
        FileKind.MARKDOWN: ("markdown", "as_markdown"),
        FileKind.SARIF: ("sarif", "as_sarif"),
        FileKind.CODEQUALITY: ("codequality", "as_codequality"),
        FileKind.CTRF: ("ctrf", "as_ctrf"),
        FileKind.HAR: ("har", "as_har"),
        FileKind.BADGE: ("badge", "as_badge"),
    }
)
"""The module and the function for each; most runs want few of them, or none."""
