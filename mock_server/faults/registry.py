"""All kinds of fault, found by their classes, and what is derived from them."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, Field, create_model

from mock_server import yaml_model
from mock_server.faults import altered, rate_limit, response_faults, stream_faults
from mock_server.faults.fault import Fault
from mock_server.faults.rate_limit import RateLimit


def _classes(base: type[Fault]) -> Iterator[type[Fault]]:
    """Yield the kinds of fault below ``base``: the classes that have a name of their own."""
    for kind in base.__subclasses__():
        if "name" in vars(kind) and kind.__module__ in _MODULES:
            yield kind
        yield from _classes(kind)


_MODULES = frozenset(module.__name__ for module in (altered, response_faults, stream_faults))


def by_name(kinds: Iterable[type[Fault]]) -> dict[str, type[Fault]]:
    """Return the kinds by name, in the order in which they wrap a response.

    Raises:
        ValueError: Two of them have the same name.
    """
    found: dict[str, type[Fault]] = {}
    for kind in sorted(kinds, key=lambda kind: kind.order):
        if (other := found.setdefault(kind.name, kind)) is not kind:
            message = f"{kind.__qualname__}: expected a name of its own, got {kind.name!r}"
            raise ValueError(f"{message} of {other.__qualname__}. Choose another `name`.")
    return found


KINDS = by_name(_classes(Fault))
"""Every kind of fault by name."""


def description(kind: type[BaseModel]) -> str:
    """Return what the class's docstring says, on one line."""
    return " ".join((kind.__doc__ or "").split())


_fields: dict[str, Any] = {
    name: (kind | None, Field(default=None, description=description(kind)))
    for name, kind in KINDS.items()
}
FaultFields: Any = create_model("FaultFields", __base__=yaml_model.Model, **_fields)
"""The base of a rule: a field for every kind."""


def help_rows() -> list[tuple[str, str]]:
    """Return how to write each kind on the command line, and what it does."""
    rows = [(kind.example, description(kind)) for kind in KINDS.values()]
    return [*rows, (rate_limit.EXAMPLE, description(RateLimit))]
