"""The settings of commands that judge traffic: a part of those of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from conformance.catalogue.requirements import load as load_catalogue
from conformance.catalogue.versions import LATEST
from conformance.client.connection import Connection
from conformance.config.options import OPTIONS
from conformance.config.settings import STRICT, connection_of, report_files
from conformance.config.sources import Resolution, resolve
from conformance.config.waivers import read_waivers
from conformance.results.waivers import Waiver
from conformance.vocabulary import FileKind, Verdict


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """How to judge and what to write. `settle` is how many seconds the list may lag."""

    config: str
    base_url: str
    catalogue: str
    fail_on: frozenset[Verdict]
    settle: float
    reports: Mapping[FileKind, Path]
    waivers: tuple[Waiver, ...]
    connection: Connection


def traffic_settings(ctx: click.Context) -> TrafficSettings:
    """Return the settings of a command. Raise ConfigurationError with all errors together."""
    values = resolve(ctx, OPTIONS)
    resolution = Resolution.of(ctx)
    if resolution.file_error is not None:
        raise resolution.file_error
    errors, file = resolution.errors, resolution.file
    named = frozenset({Verdict.VIOLATION, *(values["fail_on"] or ())})
    settings = TrafficSettings(
        config="" if file is None else str(file.path),
        base_url=values["base_url"] or "",
        catalogue=values["catalogue"] or LATEST,
        fail_on=STRICT if values["strict"] else named,
        settle=values["settle"],
        reports=report_files(values, errors),
        waivers=() if file is None else read_waivers(file, load_catalogue(), errors),
        connection=connection_of(values, errors),
    )
    errors.raise_all()
    return settings
