"""Rules: which faults apply to which requests, how often and how long; and presets of rules.

A rule names one or more faults and, unless it applies to every request, the operations, the
probability, the number of times and the duration on the world's clock. Rules in a file under
``fixtures/faults`` and rules from the control API are validated by the same model.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from mock_server import yaml_model
from mock_server.engine.duration import format_duration, parse_span
from mock_server.engine.enums import STREAMING, Operation
from mock_server.engine.run_state import Json
from mock_server.faults import rate_limit
from mock_server.faults.fault import DURATION_SCHEMA, Fault
from mock_server.faults.rate_limit import RateLimit
from mock_server.faults.registry import KINDS, FaultFields, description

MAX_RULES = 100


def _lasts(text: object) -> int:
    span = parse_span(text)
    if span.minimum != span.maximum or not span.minimum:
        raise ValueError(f"expected one duration such as 30s or 5m, got {text!r}")
    return span.minimum


class Rule(FaultFields):  # type: ignore[misc]
    """One or more faults and the conditions under which they apply."""

    rate_limit: RateLimit | None = Field(
        default=None, alias=rate_limit.NAME, description=description(RateLimit)
    )
    operations: list[Annotated[Operation, Field(strict=False)]] = Field(
        default=[],
        max_length=len(Operation),
        description="Operations of the contract; by default all.",
    )
    probability: float = Field(
        default=1, gt=0, le=1, description="Drawn from the seed of the world."
    )
    count: int | None = Field(
        default=None, ge=1, le=2**53 - 1, description="Maximum number of requests to apply to."
    )
    lasts: (
        Annotated[int, BeforeValidator(_lasts), PlainSerializer(format_duration), DURATION_SCHEMA]
        | None
    ) = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        faults = self.faults()
        if not faults and self.rate_limit is None:
            raise ValueError(f"names no fault; there are: {', '.join(KINDS)}, {rate_limit.NAME}")
        if self.rate_limit and (faults or self.count is not None or self.probability != 1):
            raise ValueError(
                f"{rate_limit.NAME} stands alone: without other faults, count and probability"
            )
        if faults and not any(map(self.faults_for, Operation)):
            names = ", ".join(fault.name for fault in faults)
            kind = "event streams" if faults[0].affects_streams else "responses with a body"
            raise ValueError(
                f"{names} applies to {kind} only, and no operation of the rule has any"
            )
        return self

    def dump(self) -> Json:
        """Return the rule as it is written, with defaults."""
        dumped: Json = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return dumped

    def faults(self) -> list[Fault]:
        """Return the faults it names, the innermost first."""
        values = (getattr(self, name) for name in KINDS)
        return [fault for fault in values if fault is not None]

    def applies_to(self, operation: str) -> bool:
        """Return whether the rule is for that operation."""
        return not self.operations or operation in self.operations

    def faults_for(self, operation: Operation) -> list[Fault]:
        """Return the faults that apply to responses of that operation."""
        if not self.applies_to(operation):
            return []
        streams = operation in STREAMING
        return [
            one for one in self.faults() if (one.affects_streams if streams else one.affects_bodies)
        ]


class Preset(yaml_model.Model):
    """Rules under a name, as in a file under ``fixtures/faults``."""

    summary: str
    rules: list[Rule] = Field(min_length=1, max_length=MAX_RULES)


def presets(directory: Path) -> dict[str, Preset]:
    """Return the presets in ``directory`` by name. Raise FileError."""
    return {path.stem: yaml_model.load(path, Preset)[0] for path in yaml_model.files(directory)}
