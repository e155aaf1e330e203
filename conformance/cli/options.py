"""Give commands the settings, grouped by topic in their help."""

from __future__ import annotations

from collections.abc import Collection

import click

from conformance.config.options import OPTIONS, REPORT_KEYS
from conformance.config.shard_options import SHARD_OPTIONS
from conformance.config.sources import Setting

SHARD_KEYS = tuple(setting.key for setting in SHARD_OPTIONS)
VERDICT_KEYS = (
    *("include", "exclude", "strict", "fail_on", *REPORT_KEYS, "failures", "github"),
    *SHARD_KEYS,
)
"""The settings that only a command with a verdict offers."""

TRAFFIC_KEYS = ("catalogue", "strict", "fail_on", "settle", *REPORT_KEYS)
"""The settings of commands that judge traffic."""


class SettingsCommand(click.Command):
    """A command that shows its settings in groups, and its other options last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            # An argument stands in the first line, and has no text of its own.
            if record is not None and record[1]:
                group = param.group if isinstance(param, Setting) else "Output"
                sections.setdefault(group, []).append(record)
        for group, records in sections.items():
            with formatter.section(group):
                formatter.write_dl(records)


def setting_params(*, without: Collection[str] = ()) -> list[click.Parameter]:
    """Return the settings as parameters of a command, except those with these keys."""
    return [setting for setting in OPTIONS if setting.key not in without]


def chosen_params(keys: Collection[str]) -> list[click.Parameter]:
    """Return the settings with these keys as parameters of a command."""
    return [setting for setting in OPTIONS if setting.key in keys]
