"""Realistic values for results: names, addresses, companies, drawn from a run's own seed.

A text in a scenario's result may contain placeholders such as ``{{company}}`` or
``{{first_name}}``, and nothing else that begins with two braces. ``PLACEHOLDERS`` lists all of
them; Faker generates the values, from ``word_lists`` where the worlds of the mock use them. None is
a time: it would not be the world's.
"""

import re
from collections.abc import Iterator
from typing import Any

from faker.factory import Factory

from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Json
from mock_server.engine.word_lists import WordLists
from mock_server.errors import LocatedError

PLACEHOLDERS = frozenset(
    [
        "address",
        "building_number",
        "city",
        "country",
        "country_code",
        "postcode",
        "state",
        "state_abbr",
        "street_address",
        "street_name",
        "zipcode",
        "bs",
        "catch_phrase",
        "company",
        "company_suffix",
        "company_email",
        "domain_name",
        "email",
        "free_email",
        "hostname",
        "http_method",
        "http_status_code",
        "image_url",
        "ipv4",
        "ipv4_private",
        "ipv6",
        "mac_address",
        "port_number",
        "safe_email",
        "slug",
        "tld",
        "uri",
        "url",
        "user_name",
        "paragraph",
        "sentence",
        "text",
        "word",
        "boolean",
        "md5",
        "password",
        "pybool",
        "pyfloat",
        "pyint",
        "pystr",
        "random_digit",
        "random_int",
        "random_letter",
        "sha1",
        "sha256",
        "uuid4",
        "first_name",
        "first_name_female",
        "first_name_male",
        "last_name",
        "name",
        "name_female",
        "name_male",
        "prefix",
        "suffix",
    ]
)

# Loading only these providers is several times faster than loading all of them.
_PROVIDERS = [
    f"faker.providers.{name}"
    for name in ("address", "company", "internet", "lorem", "misc", "person", "python")
]
_MAX_VALUE = 1_000
"""The maximum length of the value of a placeholder."""

_MAX_SHOWN = 60
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class FakeData:
    """Fills placeholders. One instance serves any number of worlds."""

    def __init__(self) -> None:
        self._faker = Factory.create("en_US", providers=_PROVIDERS, use_weighting=False)
        self._faker.add_provider(WordLists(self._faker))
        self._faker.random = SeededRandom(0).generator()

    def fill(self, result: Json | None, rng: SeededRandom, *purpose: object) -> Json | None:
        """Return ``result`` with a value drawn for ``purpose`` in place of each placeholder.

        Return ``result`` itself where it has none.
        """
        if result is None or next(_placeholders(result), None) is None:
            return result
        rng.reseed(self._faker.random, *purpose)
        filled: Json = self._fill(result)
        return filled

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            return _PLACEHOLDER.sub(self._value, value) if "{{" in value else value
        if isinstance(value, dict):
            return {key: self._fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._fill(inner) for inner in value]
        return value

    def _value(self, match: re.Match[str]) -> str:
        name = match[1]
        # Faker's attributes are more than words: only those of the list are called.
        return str(getattr(self._faker, name)()) if name in PLACEHOLDERS else match[0]


def check_placeholders(value: Any, path: tuple[str | int, ...] = ()) -> None:
    """Raise LocatedError for the first placeholder in a result, at ``path`` of it, that is
    malformed, unknown or in a key."""
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_placeholders(inner, (*path, key))
            try:
                reject_placeholders(key)
            except ValueError as error:
                raise LocatedError((*path, key), f"the key {error}") from None
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_placeholders(inner, (*path, index))


def reject_placeholders(text: str) -> str:
    """Return ``text``. Raise ValueError for a placeholder, which would never be filled."""
    _, begin, rest = text.partition("{{")
    if begin:
        raise ValueError(
            f"{_shown(begin + rest)} would stay as it is: placeholders are for values in results "
            "only; remove it"
        )
    return text


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    at = text.find("{{")
    while at >= 0:
        match = _PLACEHOLDER.match(text, at)
        if match is None or match[1] not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise LocatedError(
                path,
                f"{_shown(text[at:])} is not a placeholder; use one of {known}, such as "
                "'{{name}}'. None is a time, because it would not be the world's",
            )
        at = text.find("{{", match.end())


def _shown(text: str) -> str:
    """Return what begins as a placeholder, up to its end."""
    inner, end, _ = text.partition("}}")
    return (inner + end)[:_MAX_SHOWN]


def added_size(result: Json | None) -> int:
    """Return how many characters the values of all placeholders have at most."""
    return _MAX_VALUE * sum(1 for _ in _placeholders(result))


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value:
            yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _placeholders(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _placeholders(inner)
