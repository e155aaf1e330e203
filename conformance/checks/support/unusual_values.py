"""Values that are well-formed HTTP and fit no parameter of the contract, and the pages that a list
returns for them."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.client.response import Response
from conformance.harness.context import CheckContext

UNUSUAL_IDS = (
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "a" * 4000,
    "%F0%9F%92%A9",
    "'%20OR%201=1--",
)
UNUSUAL_VALUES = (
    "9" * 400,
    "-" + "9" * 40,
    "\0",
    "1e400",
    "\u0663",
    "{}",
    "\U0001f4a9",
    "\u202e\ufeff\u0000x",
    "a" * 4000,
)
# A header cannot carry NUL, and the client sends none beyond ASCII.
UNUSUAL_HEADERS = ("9" * 400, "-1", "1e400", "{}", "a" * 4000)


def pages_of_unusual_values(context: CheckContext, parameter: str) -> Mapping[str, Response]:
    """Return the responses of the list to unusual values of this parameter, by the values. Several
    checks look at them."""
    return context.cache.once(
        f"unusual {parameter}",
        lambda: {value: context.api.list_runs(**{parameter: value}) for value in UNUSUAL_VALUES},
    )
