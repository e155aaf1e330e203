"""Resolve settings. click reads each from the command line, the environment and the configuration
file, in this order; all errors are collected and reported together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from conformance.config.toml_file import ConfigFile
from conformance.errors import ConfigurationError, ErrorCollector

ENVIRONMENT = "RUNS_CONFORMANCE_"
_META = "conformance.config"
_WAIVERS = "waivers"


class Resolution:
    """The state kept with a click context while its settings are resolved."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.errors = ErrorCollector()
        self.invalid: set[str] = set()
        self.file: ConfigFile | None = None
        self.file_error: ConfigurationError | None = None

    @classmethod
    def begin(cls, ctx: click.Context, environment: Mapping[str, str]) -> None:
        """Resolve the context's settings with this environment."""
        ctx.meta[_META] = cls(environment)

    @classmethod
    def of(cls, ctx: click.Context) -> Resolution:
        """Return the resolution of the context; begin one with the process's environment."""
        found: Resolution = ctx.meta.setdefault(_META, cls(os.environ))
        return found


class Setting(click.Option):
    """One setting: an option of the command line, a variable and a key of the configuration file.

    `at` is its key there, as KEY or TABLE.KEY (by default its name); with `pairs` it is a table,
    written NAME=VALUE elsewhere. A secret is never in the file: KEY_env names the variable that
    holds it. In the environment, spaces separate `multiple` values, or line breaks if they are
    `lines`. `convert` checks one value. `example` is shown in the template without a default,
    `group` is the heading in `--help`.
    """

    def __init__(  # noqa: PLR0913 - the columns of the table
        self,
        name: str,
        help: str,  # noqa: A002 - click's own word
        convert: Callable[[str], Any] = str,
        *,
        group: str,
        metavar: str = "",
        flag: bool = False,
        multiple: bool = False,
        lines: bool = False,
        pairs: bool = False,
        in_file: bool = True,
        at: str = "",
        example: str = "",
        **more: Any,
    ) -> None:
        key = name.replace("-", "_")
        more.setdefault("default", False if flag else () if multiple else None)
        super().__init__(
            [f"--{name}", key],
            help=help,
            type=click.BOOL if flag else click.types.FuncParamType(convert),
            metavar=None if flag else metavar,
            is_flag=flag,
            multiple=multiple,
            envvar=ENVIRONMENT + key.upper(),
            show_default=isinstance(more["default"], str),
            **more,
        )
        self.group = group
        self.lines = lines
        self.pairs = pairs
        self.in_file = in_file
        self.example = example
        self.at = tuple((at or key).split("."))

    @property
    def key(self) -> str:
        """The name as an identifier."""
        return str(self.name)

    @property
    def secret(self) -> bool:
        """Whether the value must not be written down."""
        return self.metavar == "SECRET"

    @property
    def place(self) -> tuple[str, ...]:
        """The keys that lead to it in the configuration file."""
        return (*self.at[:-1], f"{self.at[-1]}_env") if self.secret else self.at

    def where(self, ctx: click.Context) -> str:
        """Return where the value comes from, to begin a message with."""
        file = Resolution.of(ctx).file
        match ctx.get_parameter_source(self.key):
            case ParameterSource.ENVIRONMENT:
                return str(self.envvar)
            case ParameterSource.DEFAULT_MAP if file is not None:
                return file.where(*self.place)
            case _:
                return self.opts[0]

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, Any]:
        """Take an empty text, list or flag for no value."""
        given = {k: v for k, v in opts.items() if v not in ("", None, (), [], False)}
        return super().consume_value(ctx, given)

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Read the environment of this resolution, which may not be that of the process."""
        return Resolution.of(ctx).environment.get(str(self.envvar)) or None

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Split several values at line breaks if they are `lines`, else at spaces."""
        value = self.resolve_envvar_value(ctx)
        if value is None or not self.multiple:
            return value
        return value.splitlines() if self.lines else value.split()

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert the value; collect the error of each part of it and go on without."""
        if value is None:
            return () if self.multiple else None
        if not self.multiple:
            return self._convert(ctx, value)
        parts = [self._convert(ctx, each) for each in value if str(each).strip()]
        return tuple(each for each in parts if each is not None)

    def _convert(self, ctx: click.Context, value: Any) -> Any:
        try:
            return self.type(value, self, ctx)
        except click.BadParameter:
            self._note(ctx, f"expected a boolean (1 or 0), got {value!r}.", "Set it to 1 or 0.")
        except ConfigurationError as fault:
            self._note(ctx, fault.message, fault.hint)
        return None

    def _note(self, ctx: click.Context, message: str, hint: str) -> None:
        resolution = Resolution.of(ctx)
        resolution.invalid.add(self.key)
        resolution.errors.note(f"{self.where(ctx)}: {message}", hint)


class Values:
    """The values of all settings, by key, and where each comes from."""

    def __init__(self, ctx: click.Context, settings: Iterable[Setting]) -> None:
        self._ctx = ctx
        self._settings = {setting.key: setting for setting in settings}

    def __getitem__(self, key: str) -> Any:
        """The value; None, () or False if there is none, or if it is invalid."""
        return self._ctx.params[key]

    def where(self, key: str) -> str:
        """Return where the value comes from, to begin a message with."""
        return self._settings[key].where(self._ctx)

    def invalid(self, key: str) -> bool:
        """Whether an error is collected for it already."""
        return key in Resolution.of(self._ctx).invalid

    def given(self, key: str) -> bool:
        """Whether there is a value, valid or not."""
        return bool(self._ctx.params[key]) or self.invalid(key)


def resolve(
    ctx: click.Context, settings: Sequence[Setting], given: Mapping[str, Any] | None = None
) -> Values:
    """Return the values; resolve the settings that the context's command does not offer, from
    `given`, the environment and the file."""
    for setting in settings:
        if setting.key not in ctx.params:
            setting.handle_parse_result(ctx, given or {}, [])
    return Values(ctx, settings)


def read_file(ctx: click.Context, file: ConfigFile, settings: Sequence[Setting]) -> None:
    """Make the file's values the context's defaults. A value is looked at only if neither the
    command line nor the environment gives one."""
    resolution = Resolution.of(ctx)
    resolution.file = file
    _reject_unknown(file, settings, resolution.errors)
    for setting in settings:
        if setting.secret and setting.key in file.data:
            resolution.invalid.add(setting.key)
            resolution.errors.note(
                f"{file.where(setting.key)}: expected no credential in the file, got one.",
                "Put it into an environment variable and name that: "
                f'{setting.key}_env = "{setting.example}"',
            )
    ctx.default_map = {
        setting.key: partial(_from_file, resolution, file, setting)
        for setting in settings
        if setting.in_file and _is_set(file, setting, resolution)
    }


def _is_set(file: ConfigFile, setting: Setting, resolution: Resolution) -> bool:
    return resolution.errors.attempt(file.get, *setting.place) is not None


def _from_file(resolution: Resolution, file: ConfigFile, setting: Setting) -> Any:
    """Return the value in the file, or None after collecting its error."""
    try:
        return _read(file, setting, resolution.environment)
    except ConfigurationError as fault:
        resolution.invalid.add(setting.key)
        resolution.errors.note(fault.message, fault.hint)
        return None


def _reject_unknown(file: ConfigFile, settings: Sequence[Setting], errors: ErrorCollector) -> None:
    """Every key must be that of a setting, or the waivers, which are not a setting."""
    places = [setting.place for setting in settings if setting.in_file]
    known = {place[0] for place in places} | {_WAIVERS}
    known |= {setting.key for setting in settings if setting.secret}
    errors.attempt(file.reject_unknown, file.data, known)
    for table in dict.fromkeys(place[0] for place in places if len(place) > 1):
        keys = errors.attempt(file.expect, dict, file.data.get(table, {}), table) or {}
        known = {place[1] for place in places if place[0] == table}
        errors.attempt(file.reject_unknown, keys, known, table)


def _read(file: ConfigFile, setting: Setting, environment: Mapping[str, str]) -> Any:
    value, place = file.get(*setting.place), setting.place
    if setting.pairs:
        named = file.expect(dict, value, *place)
        return tuple(f"{k}={v}" for k, vs in named.items() for v in _texts(file, vs, *place, k))
    if setting.multiple:
        return _texts(file, value, *place)
    if setting.is_flag:
        return file.expect(bool, value, *place)
    return _text(setting, environment, file, value)


def _text(setting: Setting, environment: Mapping[str, str], file: ConfigFile, value: Any) -> str:
    if setting.secret:
        return _variable(file, file.expect(str, value, *setting.place), environment, *setting.place)
    if setting.metavar == "JSON" and isinstance(value, dict | list):
        return json.dumps(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else file.expect(str, value, *setting.place)


def _variable(file: ConfigFile, name: str, environment: Mapping[str, str], *place: str) -> str:
    if not environment.get(name):
        raise ConfigurationError(
            f"{file.where(*place)}: expected the environment variable {name!r} to be set.",
            "Set it to the credential, or leave the line out.",
        )
    return environment[name]


def _texts(file: ConfigFile, value: Any, *place: str) -> tuple[str, ...]:
    several = value if isinstance(value, list) else [value]
    return tuple(file.expect(str, each, *place) for each in several)
