"""Believable words for results: names, addresses, companies, drawn from a run's own chance.

A text in a scenario's result may hold ``{{provider}}`` placeholders of Faker, such as
``{{company}}`` or ``{{first_name}}``.
"""

import re
from functools import cache
from typing import Any

from faker.factory import Factory

from mock_server.engine.randomness import SeededRandom
from mock_server.engine.run_state import Json

# Loading only these makes the start several times faster than loading all of Faker's.
_PROVIDERS = [
    f"faker.providers.{name}"
    for name in ("address", "company", "internet", "lorem", "misc", "person", "python")
]


class FakeData:
    """Fills placeholders. One instance serves any number of worlds, one after the other."""

    def __init__(self) -> None:
        self._fake = Factory.create("en_US", providers=_PROVIDERS, use_weighting=False)

    def fill(self, result: Json | None, rng: SeededRandom, *purpose: object) -> Json | None:
        """``result`` with every placeholder filled by what is drawn for ``purpose``; itself where
        there is none."""
        if result is None or not _has_placeholder(result):
            return result
        self._fake.random = rng.stream(*purpose)
        filled: Json = self._fill(result)
        return filled

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._fake.parse(value) if "{{" in value else value
        if isinstance(value, dict):
            return {key: self._fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._fill(inner) for inner in value]
        return value


def check_placeholders(result: Json | None) -> None:
    """Raises ValueError naming the first placeholder that nothing fills."""
    try:
        _shared_fake_data().fill(result, SeededRandom(0))
    except AttributeError as error:
        name = next(iter(re.findall(r"'(\w+)'", str(error))), str(error))
        raise ValueError(
            f"nothing fills {{{{{name}}}}}; there are Faker's words for people, companies, "
            "addresses and the internet, such as {{name}}, {{company}}, {{city}} or {{email}}, but "
            "none for times, which would not be the world's"
        ) from None


@cache
def _shared_fake_data() -> FakeData:
    return FakeData()


def _has_placeholder(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(_has_placeholder, value.values()))
    return isinstance(value, list) and any(map(_has_placeholder, value))
