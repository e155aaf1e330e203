"""What an OpenAPI document declares, by operation: responses, parameters and enums."""

from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.engine.run_state import Json
from mock_server.openapi_document import OpenApiDocument

_METHODS = ("get", "put", "post", "delete", "patch")
_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    ``responses`` maps each declared status code to the JSON pointer of its response;
    ``event_streams`` are the status codes whose body is a stream of events; ``parameters`` are the
    names of all parameters and of the body's properties, ``query`` those in the query; ``enums``
    are the values of parameters that have an enum.
    """

    id: str
    method: str
    path: str
    responses: dict[str, str]
    event_streams: frozenset[str]
    parameters: tuple[str, ...]
    query: frozenset[str]
    enums: dict[str, tuple[str, ...]]


class ContractIndex:
    """The operations of one document by id, and its security schemes.

    ``response_enums`` maps the schema and property of each enum in a response (``Run.status``) to
    its values.
    """

    def __init__(self, document: OpenApiDocument) -> None:
        self._resolve = document.resolve
        content = document.content
        server = content["servers"][0]["url"].rstrip("/")
        self.operations: dict[str, Operation] = {}
        self.response_enums: dict[str, tuple[str, ...]] = {}
        for path, item in content["paths"].items():
            for method in _METHODS:
                if method in item:
                    operation = self._operation(server, path, method, item)
                    self.operations[operation.id] = operation
        self.security_schemes = tuple(content.get("components", {}).get("securitySchemes", {}))

    def _operation(self, server: str, path: str, method: str, item: Json) -> Operation:
        declared = item[method]
        pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}/responses"
        parameters = [*item.get("parameters", ()), *declared.get("parameters", ())]
        resolved = [self._resolve(parameter) for parameter in parameters]
        schemas = {one["name"]: self._resolve(one["schema"]) for one in resolved}
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
            query=frozenset(one["name"] for one in resolved if one["in"] == "query"),
            enums={name: _enum(schema) for name, schema in schemas.items() if "enum" in schema},
        )

    def _enums(self, schema: Json, visited: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the enums within ``schema``, each with the name of its schema and property."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in visited:
            return
        if name:
            visited.add(name)
        schema = self._resolve(schema)
        for key, inner in schema.get("properties", {}).items():
            if "enum" in (resolved := self._resolve(inner)):
                yield f"{name}.{key}", _enum(resolved)
            else:
                yield from self._enums(inner, visited)
        for inner in (*schema.get("anyOf", ()), schema.get("items")):
            if inner is not None:
                yield from self._enums(inner, visited)


def _enum(schema: Json) -> tuple[str, ...]:
    return tuple(value for value in schema["enum"] if value is not None)
