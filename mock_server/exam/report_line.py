"""What a client reports to show its user: one JSON object for each thing, as it is shown.

A client under test prints a report as a line on its standard output, or sends it to
``POST /_mock/exam/reports``. ``shown`` is the kind; text that is longer than a field allows is an
error, because a report is kept until the sitting ends.
"""

import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from mock_server import yaml_model

MAX_LINE = 65_536
"""The bytes of one report."""

_MEANT = re.compile(rb'\{\s*"shown"')

_Text = Annotated[str, Field(max_length=2_000)]


class ReportModel(yaml_model.Model):
    # Reports come as JSON, in which an id may be a number.
    model_config = ConfigDict(coerce_numbers_to_str=True, strict=False)


class ShownEvent(ReportModel):
    """An event of the followed run: its id and type, and the name of the step it is about."""

    shown: Literal["event"]
    id: _Text | None = None
    event: _Text
    name: _Text | None = None


class ShownRun(ReportModel):
    """The state of a run."""

    shown: Literal["run"]
    id: _Text | None = None
    status: _Text


class ShownRuns(ReportModel):
    """A list of runs, by their ids; several reports are one list."""

    shown: Literal["runs"]
    ids: Annotated[list[_Text], Field(max_length=10_000)]


class ShownError(ReportModel):
    """An error message, with the status code of the response that caused it, if any."""

    shown: Literal["error"]
    status: int | None = None
    message: Annotated[str, Field(max_length=20_000)]


Report = ShownEvent | ShownRun | ShownRuns | ShownError

REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="shown")])


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return the report in a line of output; None for a line that is something else.

    Raise ValueError for an object with ``shown`` that is not a valid report.
    """
    text = line.strip()
    if len(text) > MAX_LINE or not text.startswith(b"{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if _MEANT.match(text):
            raise ValueError(f"expected JSON: {error}") from None
        return None
    if not isinstance(value, dict) or "shown" not in value:
        return None
    try:
        REPORT.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"][1:])) or "shown"
        raise ValueError(f"{where}: {first['msg']}") from None
    return value
