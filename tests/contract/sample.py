"""A sample of what a schema describes, rendered as the reference page renders its own.

The first value of an enum, the first of several alternatives, one fixed date and one fixed uuid,
zeros, empty objects, the word "string", and keys in alphabetical order. So a contract can be read
next to the page that it was reconstructed from, character by character.
"""

from typing import Any

from conformance.contract.pointer import Document, resolve

_BY_FORMAT = {
    "date-time": "2019-08-24T14:15:22Z",
    "uuid": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
}
_BY_TYPE = {"boolean": False, "integer": 0, "number": 0, "string": "string"}


def sample(schema: dict[str, Any], document: Document) -> Any:
    """A value of the schema, as JSON would have it; null where the schema says nothing.

    References are looked up in the document. A schema that contains itself has no finite sample
    and raises a RecursionError.
    """
    schema = resolve(document, schema)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema:
            return sample(schema[alternatives][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        return [sample(schema.get("items", {}), document)]
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: sample(properties[name], document) for name in sorted(properties)}
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(schema.get("type", "")))
