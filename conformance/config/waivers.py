"""Read the waivers, `[[waivers]]` in the configuration file. Each entry needs the requirements that
it is about, a reason, an owner and the date on which it expires."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from conformance.catalogue.requirements import Catalogue
from conformance.config.toml_file import ConfigFile
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.results.waivers import Waiver

_KEYS = ("requirements", "reason", "owner", "expires")
_EXAMPLE = {
    "requirements": '["CANCEL-0[67]"]',
    "reason": '"Races are fixed in 2.4: TICKET-17"',
    "owner": '"platform team"',
    "expires": "2027-01-31",
}


def read_waivers(
    file: ConfigFile, catalogue: Catalogue, errors: ErrorCollector
) -> tuple[Waiver, ...]:
    """Return the waivers of the file. Collect the errors, each with its line: an incomplete entry,
    or a pattern that matches no requirement."""
    listed = errors.attempt(file.expect, list, file.data.get("waivers", []), "waivers") or []
    waivers = [errors.attempt(_read, file, index, raw) for index, raw in enumerate(listed)]
    for waiver in filter(None, waivers):
        for pattern in waiver.patterns:
            errors.attempt(_match, catalogue, pattern, waiver.where)
    return tuple(waivers)


def _match(catalogue: Catalogue, pattern: str, where: str) -> None:
    try:
        catalogue.matching(pattern)
    except ConfigurationError as fault:
        raise ConfigurationError(f"{where}: {fault.message}", fault.hint) from None


def _read(file: ConfigFile, index: int, raw: Any) -> Waiver:
    place = ("waivers", index)
    entry = file.expect(dict, raw, *place)
    file.reject_unknown(entry, _KEYS, *place)
    errors = ErrorCollector()
    for key in _KEYS:
        if entry.get(key) in (None, "", []) or not str(entry[key]).strip():
            errors.note(
                f"{file.where(*place)}: expected {key}, got none.",
                f"Add {key} = {_EXAMPLE[key]}",
            )
    errors.raise_all()
    given = entry["requirements"]
    patterns = [given] if isinstance(given, str) else file.expect(list, given, *place, _KEYS[0])
    return Waiver(
        patterns=tuple(file.expect(str, each, *place, _KEYS[0]) for each in patterns),
        reason=file.expect(str, entry["reason"], *place, "reason").strip(),
        owner=file.expect(str, entry["owner"], *place, "owner").strip(),
        expires=_date(file, entry["expires"], (*place, "expires")),
        where=file.where(*place),
    )


def _date(file: ConfigFile, value: Any, place: tuple[str | int, ...]) -> str:
    try:
        # A TOML date, or the same in quotes; a time of day would be more than is meant.
        if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
            return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        pass
    raise ConfigurationError(
        f"{file.where(*place)}: expected a date, got {str(value)!r}.",
        "Write it as expires = 2027-01-31",
    )
