"""Realistic values for results: names, addresses, companies, drawn from a run's own seed.

A text in a scenario's result may contain placeholders such as ``{{company}}`` or
``{{first_name}}``. ``PLACEHOLDERS`` lists all of them; Faker generates the values, from
``word_lists`` where the worlds of the mock use them. None is a time: it would not be the world's.
"""

import re
from collections.abc import Iterator
from typing import Any

from faker.factory import Factory

from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Json
from mock_server.engine.word_lists import WordLists

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

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class FakeData:
    """Fills placeholders. One instance serves any number of worlds."""

    def __init__(self) -> None:
        self._faker = Factory.create("en_US", providers=_PROVIDERS, use_weighting=False)
        self._faker.add_provider(WordLists(self._faker))

    def fill(self, result: Json | None, rng: SeededRandom, *purpose: object) -> Json | None:
        """Return ``result`` with a value drawn for ``purpose`` in place of each placeholder.

        Return ``result`` itself where it has none.
        """
        if result is None or next(_placeholders(result), None) is None:
            return result
        self._faker.random = rng.generator(*purpose)
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


def check_placeholders(result: Json | None) -> None:
    """Raise ValueError for the first unknown placeholder."""
    for name in _placeholders(result):
        if name not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise ValueError(
                f"{{{{{name[:60]}}}}} is not a placeholder; use one of {known}. None is a time, "
                "because it would not be the world's"
            )


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
