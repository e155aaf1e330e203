"""What an OpenAPI document declares, looked up by operation: where each answer stands, which
parameters there are, and which closed vocabularies are sent and received."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.engine.run_state import Json

_METHODS = ("get", "put", "post", "delete", "patch")
_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``responses`` gives the JSON pointer of each declared status; ``event_streams`` are
    the statuses whose body is a stream of events; ``enums`` are the values of the parameters that
    have a closed vocabulary."""

    id: str
    method: str
    path: str
    responses: dict[str, str]
    event_streams: frozenset[str]
    parameters: tuple[str, ...]
    enums: dict[str, tuple[str, ...]]


class ContractIndex:
    """The operations of one document by id; the words that its answers use, by the name of the
    schema and property (``Run.status``); and its security schemes."""

    def __init__(self, document: Json) -> None:
        self._document = document
        server = document["servers"][0]["url"].rstrip("/")
        self.operations: dict[str, Operation] = {}
        self.response_enums: dict[str, tuple[str, ...]] = {}
        for path, item in document["paths"].items():
            for method in _METHODS:
                if method in item:
                    operation = self._operation(server, path, method, item)
                    self.operations[operation.id] = operation
        self.security_schemes = tuple(document.get("components", {}).get("securitySchemes", {}))

    def _operation(self, server: str, path: str, method: str, item: Json) -> Operation:
        declared = item[method]
        pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}/responses"
        parameters_and_refs = [*item.get("parameters", ()), *declared.get("parameters", ())]
        parameters = [self._resolve(one) for one in parameters_and_refs]
        schemas = {one["name"]: self._resolve(one["schema"]) for one in parameters}
        body = self._resolve(declared.get("requestBody", {})).get("content", {})
        for media in body.values():
            properties = self._resolve(media["schema"]).get("properties", {})
            schemas |= {name: self._resolve(schema) for name, schema in properties.items()}
        event_streams = set()
        for status, response in declared["responses"].items():
            content = self._resolve(response).get("content", {})
            if _STREAM in content:
                event_streams.add(str(status))
            for media in content.values():
                self.response_enums |= dict(self._enums(media.get("schema", {}), set()))
        return Operation(
            id=declared["operationId"],
            method=method.upper(),
            path=server + path,
            responses={str(status): f"{pointer}/{status}" for status in declared["responses"]},
            event_streams=frozenset(event_streams),
            parameters=tuple(schemas),
            enums={name: _enum(schema) for name, schema in schemas.items() if "enum" in schema},
        )

    def _enums(self, schema: Json, visited: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The closed vocabularies within ``schema``, each by the schema and property it is of."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in visited:
            return
        if name:
            visited.add(name)
        schema = self._resolve(schema)
        for key, inner in schema.get("properties", {}).items():
            if "enum" in (plain := self._resolve(inner)):
                yield f"{name}.{key}", _enum(plain)
            else:
                yield from self._enums(inner, visited)
        for inner in (*schema.get("anyOf", ()), schema.get("items")):
            if inner is not None:
                yield from self._enums(inner, visited)

    def _resolve(self, value: Any) -> Json:
        """``value``, or what its reference leads to."""
        while "$ref" in value:
            place: Any = self._document
            for key in value["$ref"].removeprefix("#/").split("/"):
                place = place[key]
            value = place
        found: Json = value
        return found


def _enum(schema: Json) -> tuple[str, ...]:
    return tuple(word for word in schema["enum"] if word is not None)
