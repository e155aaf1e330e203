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

_SUBJECT = "requirements"
_KEYS = ("reason", "owner", "expires")
_EXAMPLE = {
    "requirements": '["CANCEL-0[67]"]',
    "changes": '["response-property-removed@*"]',
    "reason": '"Races are fixed in 2.4: TICKET-17"',
    "owner": '"platform team"',
    "expires": "2027-01-31",
}
_TEXT = {"type": "string", "pattern": r"\S"}
WAIVER_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        _SUBJECT: {
            "anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": {"type": "string"}}],
            "description": "Patterns of the ids of requirements.",
        },
        **dict.fromkeys(_KEYS, _TEXT),
        "expires": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d\d-\d\d$"},
    },
    "required": [_SUBJECT, *_KEYS],
}
"""The JSON Schema of an entry; a date of TOML counts as text."""


def read_waivers(
    file: ConfigFile, catalogue: Catalogue, errors: ErrorCollector
) -> tuple[Waiver, ...]:
    """Return the waivers of the file. Collect the errors, each with its line: an incomplete entry,
    or a pattern that matches no requirement."""
    waivers = read_entries(file, errors, _SUBJECT)
    for waiver in waivers:
        for pattern in waiver.patterns:
            errors.attempt(_match, catalogue, pattern, waiver.where)
    return waivers


def read_entries(file: ConfigFile, errors: ErrorCollector, subject: str) -> tuple[Waiver, ...]:
    """Return the waivers of the file, whose patterns are under the key `subject`. Collect the
    errors of incomplete entries."""
    listed = errors.attempt(file.expect, list, file.data.get("waivers", []), "waivers") or []
    found = [errors.attempt(_read, file, index, raw, subject) for index, raw in enumerate(listed)]
    return tuple(filter(None, found))


def _match(catalogue: Catalogue, pattern: str, where: str) -> None:
    try:
        catalogue.matching(pattern)
    except ConfigurationError as fault:
        raise ConfigurationError(f"{where}: {fault.message}", fault.hint) from None


def _read(file: ConfigFile, index: int, raw: Any, subject: str) -> Waiver:
    place = ("waivers", index)
    entry = file.expect(dict, raw, *place)
    keys = (subject, *_KEYS)
    file.reject_unknown(entry, keys, *place)
    errors = ErrorCollector()
    for key in keys:
        if entry.get(key) in (None, "", []) or not str(entry[key]).strip():
            errors.note(
                f"{file.where(*place)}: expected {key}, got none.",
                f"Add {key} = {_EXAMPLE[key]}",
            )
    errors.raise_all()
    given = entry[subject]
    patterns = [given] if isinstance(given, str) else file.expect(list, given, *place, subject)
    return Waiver(
        patterns=tuple(file.expect(str, each, *place, subject) for each in patterns),
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
