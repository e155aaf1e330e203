"""Write the report to files. The module that renders each kind is loaded when it is needed."""

from __future__ import annotations

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

    The file is opened at the start, so that a path that cannot be written is known before the run.
    """

    def __init__(self, kind: FileKind, path: Path, render: Callable[[Report], str]) -> None:
        self.failed = ""
        self._path = path
        self._render = render
        self._kind = kind
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8"):
                pass  # It can be written; what stands in it stays until there is something new.
        except OSError as fault:
            raise ConfigurationError(
                f"--{kind} {path}: {fault.strerror}.", "Name a file that can be written."
            ) from None

    def on(self, event: Event) -> None:
        """Write when all is over, be it before it began."""
        if isinstance(event, RunFinished | RunNotStarted):
            try:
                self._path.write_text(self._render(event.report), encoding="utf-8")
            except OSError as fault:
                self.failed = f"--{self._kind} {self._path}: {fault.strerror}."


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
        FileKind.BADGE: ("badge", "as_badge"),
    }
)
"""The module and the function for each; most runs want few of them, or none."""
