"""What is wrong with a request, reported as the contract reports it: every fault, and where it is.

{"detail": [{"loc": ["query", "limit"], "msg": "...", "type": "..."}]}
"""

import json
import re
from collections.abc import Collection
from typing import Any

from flask import Request

from .run import STATUSES, Json

MODES = ("from_failed", "from_step", "full")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
INTEGER = re.compile(r"-?[0-9]{1,1000}")
LARGEST = 2**63 - 1


class InvalidError(Exception):
    """The request is not what the contract asks for; `faults` says all that is wrong with it."""

    def __init__(self, faults: list[Json]) -> None:
        super().__init__(faults)
        self.faults = faults


class Checks:
    """Reads a request inside a `with` and raises InvalidError at its end if anything was wrong;
    only behind it is what was read worth anything. Of a repeated parameter the last counts."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._faults: list[Json] = []

    def __enter__(self) -> "Checks":
        return self

    def __exit__(self, *_: object) -> None:
        if self._faults:
            raise InvalidError(self._faults)

    def fault(self, kind: str, message: str, *loc: str) -> None:
        """Note a fault."""
        self._faults.append({"loc": loc, "msg": message, "type": kind})

    def one_of(self, allowed: Collection[str], value: Any, *loc: str) -> None:
        """Note a fault unless the value is one of those allowed."""
        if not isinstance(value, str) or value not in allowed:
            self.fault("enum", f"Input should be one of {', '.join(allowed)}", *loc)

    def run_id(self, text: str) -> str:
        """The id of a run, as the store spells it."""
        if not UUID.fullmatch(text):
            self.fault("uuid_parsing", "Input should be a valid UUID", "path", "run_id")
        return text.lower()

    def status(self) -> str | None:
        """The status to list, None for all."""
        text = self._query("status")
        if text is not None:
            self.one_of(STATUSES, text, "query", "status")
        return text

    def integer(self, name: str, default: int, least: int, most: int = LARGEST) -> int:
        """An integer of the query. One that the database cannot count to becomes the largest that
        it can: nothing is to be found behind either."""
        text = self._query(name)
        if text is None:
            return default
        if not INTEGER.fullmatch(text):
            self.fault("int_parsing", "Input should be a valid integer", "query", name)
            return default
        value = min(int(text), LARGEST)
        if value < least:
            message = f"Input should be greater than or equal to {least}"
            self.fault("greater_than_equal", message, "query", name)
        if value > most:
            message = f"Input should be less than or equal to {most}"
            self.fault("less_than_equal", message, "query", name)
        return value

    def retry(self) -> tuple[str, str | None]:
        """The mode of a retry and the key of the step to begin with."""
        body = self.json_object()
        mode, step_key = body.get("mode", "from_failed"), body.get("stepKey")
        self.one_of(MODES, mode, "body", "mode")
        if step_key is not None and not isinstance(step_key, str):
            self.fault("string_type", "Input should be a string", "body", "stepKey")
        if step_key is None and mode == "from_step":
            self.fault("missing", "Mode from_step needs a step", "body", "stepKey")
        return mode, step_key

    def json_object(self) -> Json:
        """The body; none is the same as `{}`."""
        value: Any = {}
        try:
            text = self._request.get_data().decode("utf-8")
            if text and not self._request.is_json:
                message = "Content-Type should be application/json"
                self.fault("content_type", message, "header", "content-type")
            elif text:
                value = json.loads(text, parse_constant=_refuse)
        except (OSError, RecursionError, ValueError):
            self.fault("json_invalid", "Body should be JSON in UTF-8", "body")
        if isinstance(value, dict):
            return value
        self.fault("dict_type", "Input should be an object", "body")
        return {}

    def _query(self, name: str) -> str | None:
        values = self._request.args.getlist(name)
        return values[-1] if values else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
