"""Values held against the contract's schemas, each fault with the level of the evidence behind the
keyword that is not met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from conformance.contract.contract import Contract
from conformance.contract.pointer import as_pointer, look_up, resolve
from conformance.vocabulary import Level

_ABSENT_OR_NULL = "Q19"


@dataclass(frozen=True, slots=True)
class Fault:
    """One keyword that a value does not meet, how well it is founded, and a JSON pointer to it in
    the contract."""

    message: str
    level: Level
    contract_location: str


class Schemas:
    """The schemas of the whole contract, compiled when they are first asked for."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._components = modern(contract.full["components"]["schemas"])
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def faults(self, name: str, value: Any) -> list[Fault]:
        """Return the faults of the value, best founded first.

        Where an open question has more than one accepted answer, none of them is a fault: a field
        that may be null may as well be absent.
        """
        found = [
            self._fault(name, error)
            for error in self._validator(name).iter_errors(value)
            if not self._is_open(error)
        ]
        return sorted(found, key=lambda fault: list(Level).index(fault.level))

    def _validator(self, name: str) -> jsonschema_rs.Draft202012Validator:
        if name not in self._validators:
            self._validators[name] = jsonschema_rs.Draft202012Validator(
                {
                    "$ref": f"#/components/schemas/{name}",
                    "components": {"schemas": self._components},
                },
                validate_formats=True,
            )
        return self._validators[name]

    def _fault(self, name: str, error: jsonschema_rs.ValidationError) -> Fault:
        # The way through references: a mark may cover a keyword of the referrer.
        keys = ["components", "schemas", name, *error.evaluation_path[1:]]
        if keys[-1] == "type" and error.instance is None:
            keys = [*keys[:-1], "nullable"]
        pointer = as_pointer(tuple(keys))
        contract_location = self._contract.place_of(pointer)
        return Fault(_message(error), self._contract.level_of(pointer), contract_location)

    def _is_open(self, error: jsonschema_rs.ValidationError) -> bool:
        *above, keyword = error.schema_path
        if keyword != "required":
            return False
        marks = self._contract.marks_for(as_pointer((*above, keyword)))
        if not any(mark.question == _ABSENT_OR_NULL for mark in marks):
            return False
        absent = error.kind.as_dict()["property"]
        schema = look_up(self._contract.full, (*above, "properties", absent))
        return bool(resolve(self._contract.full, schema).get("nullable"))


def _message(error: jsonschema_rs.ValidationError) -> str:
    where = ".".join(map(str, error.instance_path)) or "the body"
    text = error.message
    return f"{where}: {text if len(text) <= 200 else text[:200] + ' ...'}"


def modern(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the terms of JSON Schema 2020-12; the places stay the same."""
    if isinstance(node, list):
        return [modern(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {key: modern(value) for key, value in node.items()}
    if schema.get("nullable") is True:
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    return schema
