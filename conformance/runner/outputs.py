"""Choose the reporters that the configuration asks for: files and annotations, or for a shard its
blob alone, since what it found is not the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conformance.config.settings import Settings
from conformance.reporters.blob import BlobReporter
from conformance.reporters.failures import FailuresReporter
from conformance.reporters.files import file_reporters
from conformance.reporters.github import GithubReporter
from conformance.results.events import Reporter


class Output(Reporter, Protocol):
    """A reporter that writes something; `failed` says why that did not work, if it did not."""

    failed: str


def configured_reporters(settings: Settings) -> Sequence[Output]:
    """Return the reporters. Raise ConfigurationError if a file cannot be written."""
    if settings.blob is not None:
        return [BlobReporter(settings.blob)]
    annotating = [GithubReporter()] if settings.github else []
    failures = [FailuresReporter(settings.failures)] if settings.failures else []
    return [*file_reporters(settings.reports), *failures, *annotating]
