"""The file of a failure, as ``runs-conformance run --failures`` writes it: what shows runs in it.

Its format is documented in ``docs/failures.md``. What else a file holds is ignored; every text in
it comes from elsewhere.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mock_server.yaml_model import validate_request

MAX_SIZE = 16 * 1_048_576
"""The bytes of a file."""


class _Part(BaseModel):
    """A part of the file; other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


Seconds = Annotated[float, Field(ge=0, le=1e9)]


class EventRecord(_Part):
    """An event of a stream, ``at`` seconds after its request."""

    at: Seconds
    event: str
    data: str


class ExchangeRecord(_Part):
    """A request, ``at`` seconds after the recording began, and its response."""

    at: Seconds
    seconds: Seconds
    method: str
    url: str
    status: int | None
    body: str = Field(alias="responseBody")
    events: Annotated[list[EventRecord], Field(max_length=500)]


class CheckRecord(_Part):
    """A check that failed, with its exchanges."""

    message: str
    recording_started: str = Field(alias="recordingStarted")
    exchanges: Annotated[list[ExchangeRecord], Field(max_length=200)]


class RequirementRecord(_Part):
    """The requirement that failed."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)+$", max_length=40)]
    statement: str


class FailureFile(_Part):
    """The file."""

    kind: Literal["runs-conformance failure"]
    format: Annotated[int, Field(ge=1, le=1)]
    requirement: RequirementRecord
    checks: Annotated[list[CheckRecord], Field(min_length=1, max_length=5)]


def read(document: Any, loc: tuple[str, ...]) -> FailureFile:
    """Return the failure in ``document``, which is at ``loc``. Raise RequestValidationError."""
    return validate_request(FailureFile, document, loc)
