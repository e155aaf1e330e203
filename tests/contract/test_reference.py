"""The contract without its marks says what the reference page says, no less and no more.

Both are brought into one form, the operations with every reference resolved. From the contract go
prose, examples and what is OpenAPI's default anyway; whatever else it holds is compared, so nothing
can be added to it without a mark.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from stripped import stripped

from conformance.contract.contract import Contract
from conformance.contract.evidence import Mark, read_marks
from conformance.contract.pointer import Path, as_pointer, look_up, resolve
from conformance.contract.views import unshared
from conformance.vocabulary import Level

Json = Any

PROSE = {"description", "example", "examples", "externalDocs", "operationId", "tags"}
DEFAULTS = [("additionalProperties", True), ("required", False), ("nullable", False)]
NAMES = {"content", "headers", "properties", "responses"}
UUID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
FORMATS = {"2019-08-24T14:15:22Z": "date-time", UUID: "uuid"}

# --- what the page says ------------------------------------------------------------------------


def page_says(reference: Json) -> Json:
    """The facts of the transcription, in the words of OpenAPI."""
    operations = reference["operations"]
    placed = {(each["name"], each["in"]) for said in operations for each in said["credentials"]}
    return {
        "title": reference["page"],
        "operations": {f"{said['method']} {said['path']}": _operation(said) for said in operations},
        "credentials": [{"type": "apiKey", "name": n, "in": i} for n, i in sorted(placed)],
    }


def _operation(said: Json) -> Json:
    # The page shows no codes. A GET that has a body succeeds with 200; what a POST succeeds with is
    # left open (Q22). The body of errors is that of a framework that sends it with 422.
    success = "200" if said["method"] == "GET" else "2XX"
    codes = {"success": success, "validation error": "422"}
    operation = {
        "summary": said["title"],
        "parameters": [_parameter(each) for each in said["parameters"]],
        "responses": {
            codes[each["means"]]: {"content": {each["media"]: {"schema": _shown(each["sample"])}}}
            for each in said["responses"]
        },
    }
    if request := said.get("request"):
        properties = {field["name"]: _typed(field) for field in request["fields"]}
        schema = {"type": "object", "properties": properties}
        operation["requestBody"] = {"content": {request["media"]: {"schema": schema}}}
    return operation


def _parameter(said: Json) -> Json:
    parameter = {"name": said["name"], "in": said["in"], "schema": _typed(said)}
    return parameter | ({"required": True} if said["presence"] == "required" else {})


def _typed(said: Json) -> Json:
    if said["type"] == "union":
        return {}
    schema = {key: said[key] for key in ("type", "format", "default") if key in said}
    if "values" in said:
        schema["enum"] = said["values"]
    match said.get("range", "").split():
        case ["value", "<=", limit]:
            schema["maximum"] = int(limit)
        case [limit, "<=", "value"]:
            schema["minimum"] = int(limit)
    return schema


def _shown(sample: Json) -> Json:
    """The schema that a sample shows: a 0 may stand for any number, a word for itself or others."""
    match sample:
        case None:
            return {}
        case str():
            return {"type": "string"} | ({"format": FORMATS[sample]} if sample in FORMATS else {})
        case [first]:
            return {"type": "array", "items": _shown(first)}
        case dict():
            properties = {key: _shown(value) for key, value in sample.items()}
            return {"type": "object"} | ({"properties": properties} if properties else {})
    return {"type": "boolean" if isinstance(sample, bool) else "number"}


# --- what the contract says --------------------------------------------------------------------


def contract_says(document: Json, marks: Sequence[Mark]) -> Json:
    """What is left of the contract without the marked places, in the same form."""
    view = stripped(document, marks)
    operations = {}
    for path, item in view["paths"].items():
        shared = item.pop("parameters", [])
        for method, operation in item.items():
            whole = {**operation, "parameters": shared + operation.get("parameters", [])}
            said = _plain(whole, view)
            operations[f"{method.upper()} {path}"] = {
                **said,
                "responses": _numbers(said.get("responses")),
            }
    schemes = _plain(list(view["components"]["securitySchemes"].values()), view)
    rest = set(view) - {"openapi", "info", "servers", "tags", "paths", "components"}
    return {
        "title": view["info"]["title"],
        "operations": operations,
        "credentials": sorted(schemes, key=lambda scheme: str(scheme.get("name"))),
        **{key: view[key] for key in rest},
    }


def _plain(node: Json, document: Json, *, names: bool = False) -> Json:
    node = resolve(document, node)
    if isinstance(node, list):
        return [_plain(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _plain(value, document, names=key in NAMES and not names)
        for key, value in node.items()
        if names or not (key in PROSE or key.startswith("x-") or (key, value) in DEFAULTS)
    }


def _numbers(node: Json) -> Json:
    if isinstance(node, list):
        return [_numbers(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: "number" if (key, value) == ("type", "integer") else _numbers(value)
        for key, value in node.items()
    }


# --- the one against the other -----------------------------------------------------------------


def test_nothing_undocumented_is_unmarked_and_nothing_documented_is_marked(
    contract: Contract, reference: Json
) -> None:
    """Take the marked keywords out, and what is left is the reference page."""
    assert contract_says(contract.full, contract.marks) == page_says(reference)


def test_every_operation_takes_the_same_credentials(reference: Json) -> None:
    """The contract names its credentials once for all; the page repeats them, and they agree."""
    said = [
        {(each["name"], each["in"]) for each in operation["credentials"]}
        for operation in reference["operations"]
    ]
    assert said == [said[0]] * 6


def test_the_commands_on_the_page_are_calls_of_the_contract(
    contract: Contract, reference: Json
) -> None:
    """Each `curl` of the page uses the operation's method and path; the retry's body is `{}`."""
    for said in reference["operations"]:
        curl = said["curl"]
        assert curl["method"] == said["method"]
        assert curl["path"] == said["path"].replace("{run_id}", UUID)
        body = contract.full["paths"][said["path"]][said["method"].lower()].get("requestBody")
        assert ("body" in curl) == (body is not None)
        if body:
            (media,) = curl["headers"].values()
            examples = body["content"][media]["examples"].values()
            assert json.loads(curl["body"]) in [each["value"] for each in examples]


def test_every_fact_names_its_section(reference: Json) -> None:
    """Each fact is on the page under its operation's title and the heading below it."""
    for said in reference["operations"]:
        facts = [*said["parameters"], *said["credentials"], *said["responses"], said["curl"]]
        facts += [said["request"], *said["request"]["fields"]] if "request" in said else []
        assert said["section"] == said["title"]
        assert all(fact["section"].startswith(f"{said['title']} / ") for fact in facts)


# --- and would it be noticed? ------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(contract: Contract) -> Json:
    """The contract without its examples, which are compared nowhere: quicker to copy and read."""

    def without_examples(node: Json) -> Json:
        if isinstance(node, list):
            return [without_examples(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {key: without_examples(node[key]) for key in node if key != "examples"}

    return without_examples(contract.full)


def test_a_missing_mark_is_noticed(bare: Json, reference: Json) -> None:
    """A place that no mark covers any more counts as documented, and the page denies it.

    Some schemas lie behind others: nothing documented leads to them. Descriptions are ours.
    """
    marks = read_marks(bare, "openapi.yaml")
    unnoticed = set()
    for place in {place for mark in marks for place in mark.covers if _stands(bare, place)}:
        fewer = [replace(m, covers=tuple(p for p in m.covers if p != place)) for m in marks]
        if contract_says(bare, fewer) == page_says(reference):
            unnoticed.add(as_pointer(place))
    assert unnoticed == {
        "/components/schemas/Error",
        "/components/schemas/EventFrame",
        "/components/schemas/EventStream",
        "/components/schemas/Run/properties/externalJobId/description",
        "/components/schemas/Run/properties/startedAt/description",
        "/components/schemas/EventType",
        "/components/schemas/RunEvent",
    }


def test_a_mark_on_something_documented_is_noticed(bare: Json, reference: Json) -> None:
    """Mark any one keyword that the page has, and it is missed."""
    marks = read_marks(bare, "openapi.yaml")
    places = [path for path, _ in _documented(bare, marks)]
    unnoticed = [
        as_pointer(place)
        for place in places
        if contract_says(bare, [*marks, Mark("", Level.DERIVED, (place,), "A test.", None)])
        == page_says(reference)
    ]
    assert unnoticed == []
    assert len(places) > 150


def test_an_addition_without_a_mark_is_noticed(bare: Json, reference: Json) -> None:
    """Add a keyword to any object that the page has, and it is one too many."""
    marks = read_marks(bare, "openapi.yaml")
    objects = [path for path, node in _documented(bare, marks) if isinstance(node, dict)]
    unnoticed = []
    for path in objects:
        changed = unshared(bare)
        look_up(changed, path)["deprecated"] = True
        if contract_says(changed, marks) == page_says(reference):
            unnoticed.append(as_pointer(path))
    assert unnoticed == []
    assert len(objects) > 80


def _documented(document: Json, marks: Sequence[Mark]) -> Iterator[tuple[Path, Json]]:
    """Every place in operations and components that is left without marks, and what is there."""
    view = stripped(document, marks)
    roots: list[Path] = [
        ("paths", path, key) for path in view["paths"] for key in view["paths"][path]
    ]
    roots += [("components", kind, name) for kind, of in view["components"].items() for name in of]
    covered = {place for mark in marks for place in mark.covers}
    for path in (path for root in roots for path in _down(look_up(view, root), root)):
        place = tuple("200" if key == "2XX" else key for key in path)
        if place not in covered and _stands(document, place):
            node = look_up(document, place)
            if not (isinstance(node, dict) and (not node or "$ref" in node)):
                yield place, node


def _down(node: Json, path: Path, *, names: bool = False) -> Iterator[Path]:
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            if names or (key not in {*PROSE, "$ref"} and (key, value) not in DEFAULTS):
                yield from _down(value, (*path, key), names=key in NAMES and not names)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _down(value, (*path, index))


def _stands(document: Json, place: Path) -> bool:
    try:
        look_up(document, place)
    except LookupError:
        return False
    return True
