"""What a run is told: for every option the value that counts, and who gave it. An option on the
command line counts before a variable of the environment, that before the configuration file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.config.options import BY_KEY, OPTIONS, Option
from conformance.config.toml_file import ConfigFile, nearest
from conformance.errors import ConfigurationError, ErrorCollector

_WAIVERS = "waivers"


@dataclass(frozen=True, slots=True)
class SettingValue:
    """A value and who gave it; text, yes or no, or several texts. If it is `wrong`, which was told
    by then, the value is the default."""

    value: Any
    option: Option
    file: ConfigFile | None = None
    variable: str = ""
    wrong: bool = False

    @property
    def where(self) -> str:
        """The option, the variable, or the line of the file, to begin a message with."""
        if self.file is not None:
            return self.file.where(*self.option.place)
        return self.variable or f"--{self.option.name}"


def gather(
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    file: ConfigFile | None,
    mistakes: ErrorCollector,
) -> dict[str, SettingValue]:
    """What is told for every option, by key: by an option, else by the environment, else by the
    file, else by default."""
    for key in given:
        if key not in BY_KEY:
            raise ConfigurationError(f"There is no option {key!r}.", nearest(key, BY_KEY))
    if file is not None:
        _refuse_unknown(file, mistakes)
    return {
        option.key: mistakes.attempt(_told, option, given, environment, file)
        or SettingValue(option.nothing, option, wrong=True)
        for option in OPTIONS
    }


def _refuse_unknown(file: ConfigFile, mistakes: ErrorCollector) -> None:
    """Every key must be an option's place, or the waivers, which are no option."""
    places = [option.place for option in OPTIONS if option.in_file]
    known = {place[0] for place in places} | {_WAIVERS}
    known |= {option.key for option in OPTIONS if option.secret}
    mistakes.attempt(file.refuse_unknown, file.data, known)
    for table in dict.fromkeys(place[0] for place in places if len(place) > 1):
        keys = mistakes.attempt(file.expect, dict, file.data.get(table, {}), table) or {}
        known = {place[1] for place in places if place[0] == table}
        mistakes.attempt(file.refuse_unknown, keys, known, table)


def _told(
    option: Option,
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    file: ConfigFile | None,
) -> SettingValue:
    if file is not None and option.secret and option.key in file.data:
        raise ConfigurationError(
            f"{file.where(option.key)} holds a credential in clear.",
            "Put it into a variable of the environment and name that: "
            f'{option.key}_env = "{option.example}"',
        )
    value = given.get(option.key)
    if value not in (None, "", False, (), []):
        return SettingValue(value, option)
    if text := environment.get(option.variable, ""):
        return SettingValue(_from_text(option, text), option, variable=option.variable)
    if file is not None and option.in_file:
        found = file.get(*option.place)
        if found is not None:
            return SettingValue(_from_file(option, found, environment, file), option, file)
    return SettingValue(option.nothing, option)


def _from_text(option: Option, text: str) -> Any:
    if option.many:
        return tuple(text.splitlines() if option.lines else text.split())
    if not option.flag:
        return text
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ConfigurationError(
                f"{option.variable}={text!r} is neither yes nor no.", "Set it to 1 or 0."
            )


def _from_file(option: Option, value: Any, environment: Mapping[str, str], file: ConfigFile) -> Any:
    place = option.place
    if option.flag:
        return file.expect(bool, value, *place)
    if option.pairs:
        named = file.expect(dict, value, *place)
        return tuple(f"{k}={v}" for k, vs in named.items() for v in _texts(file, vs, *place, k))
    if option.many:
        return _texts(file, value, *place)
    if option.secret:
        return _referred(file, file.expect(str, value, *place), environment, *place)
    if option.metavar == "JSON" and isinstance(value, dict | list):
        return json.dumps(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else file.expect(str, value, *place)


def _referred(file: ConfigFile, name: str, environment: Mapping[str, str], *place: str) -> str:
    if not environment.get(name):
        raise ConfigurationError(
            f"{file.where(*place)}: the environment has no {name!r}.",
            "Set the variable to the credential, or leave the line out.",
        )
    return environment[name]


def _texts(file: ConfigFile, value: Any, *place: str) -> tuple[str, ...]:
    several = value if isinstance(value, list) else [value]
    return tuple(file.expect(str, each, *place) for each in several)
