"""Verdicts follow the values that schemas accept, whatever way they are written."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import jsonschema_rs
import pytest
import small_contracts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.contract.contract import Contract, load
from conformance.contract.forms import Version, View, as_text, form
from conformance.contract.pointer import Path, look_up
from conformance.contract_diff import reports, verdict
from conformance.contract_diff.change import Audience, Impact
from conformance.contract_diff.compare_contracts import compare
from conformance.contract_diff.value_relation import Comparison
from conformance.contract_diff.witness import candidates, matching
from conformance.errors import ConfigurationError

VALUES = [None, True, 0, 1, 5, 0.5, "", "a", "ab", "abc", [], [0], ["a", "a"], {}, {"a": 1}]
VALUES += [{"a": "a"}, {"b": 0}, {"a": 0, "b": "x"}, [[]], [None]]


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Small schemas; objects are closed, so that the sets of values decide alone."""
    leaves = st.one_of(
        st.builds(
            lambda kind, low: {"type": kind, "minimum": low},
            st.sampled_from(["integer", "number"]),
            st.integers(0, 2),
        ),
        st.builds(lambda low: {"type": "string", "minLength": low}, st.integers(0, 3)),
        st.builds(
            lambda values: {"enum": values},
            st.lists(st.sampled_from(["a", "b", 0, 1]), min_size=1, max_size=3, unique=True),
        ),
        st.sampled_from([{"type": "boolean"}, {"type": ["string", "null"]}, {"type": "integer"}]),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda each: {"type": "array", "items": each}, inner),
            st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(
                lambda each, required: {
                    "type": "object",
                    "properties": each,
                    "required": sorted(set(required) & set(each)),
                    "additionalProperties": False,
                },
                st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                st.lists(st.sampled_from("ab"), unique=True),
            ),
        ),
        max_leaves=4,
    )


@settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(old=schemas(), new=schemas())
def test_a_value_that_is_lost_is_never_called_compatible(
    tmp_path: File, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """Where a value is in one schema only, some change says so or is undecided."""
    accepts = [jsonschema_rs.Draft202012Validator(each) for each in (old, new)]
    found = compare(
        *(
            small_contracts.contract(
                tmp_path, "c.yaml", small_contracts.document("request", each) | {"openapi": "3.1.0"}
            )
            for each in (old, new)
        )
    ).changes
    for first, second, audience in (
        (accepts[0], accepts[1], Audience.SENDER),
        (accepts[1], accepts[0], Audience.BACKEND),
    ):
        apart = [v for v in VALUES if first.is_valid(v) and not second.is_valid(v)]
        impacts = {change.effect(audience).impact for change in found}
        assert not apart or impacts - {Impact.COMPATIBLE}, (apart, found)


@pytest.mark.parametrize(("version", "view"), [(v, w) for v in Version for w in View])
def test_a_form_means_the_same_as_its_source(
    contract: Contract, tmp_path: File, version: Version, view: View
) -> None:
    """The contract in any version of OpenAPI differs in nothing that goes over the wire."""
    files = [tmp_path / "source.json", tmp_path / "form.json"]
    files[0].write_text(as_text(form(contract, Version.V3_0, view)), encoding="utf-8")
    files[1].write_text(as_text(form(contract, version, view)), encoding="utf-8")
    assert compare(load(files[0]), load(files[1])).changes == ()
    assert compare(load(files[1]), load(files[0])).changes == ()


def test_a_change_of_what_is_inferred_breaks_nothing_documented(
    contract: Contract, tmp_path: File
) -> None:
    """The documented view only leaves out; whatever gates is still said there."""
    file = tmp_path / "documented.json"
    file.write_text(as_text(contract.documented), encoding="utf-8")
    changes = compare(contract, load(file)).changes
    assert len(changes) > 20
    clients = (Audience.SENDER, Audience.RECEIVER)
    breaking = [each for each in changes if each.worst(clients, strict=False) is Impact.BREAKING]
    assert breaking == []


@pytest.mark.parametrize(
    ("old", "new", "lost", "gained"),
    [
        (
            {"type": "integer", "maximum": 1000},
            {"type": "integer", "maximum": 500},
            "501..1000",
            "",
        ),
        ({"type": "integer"}, {"type": "integer", "minimum": 1}, "0 or less", ""),
        ({"enum": ["a"]}, {"enum": ["a", "b", "c"]}, "", '"b", "c"'),
        ({"type": "string", "pattern": "^ab?$"}, {"type": "string", "pattern": "^a$"}, '"ab"', ""),
        ({"type": "object"}, {"type": "object", "required": ["a"]}, "{}", ""),
    ],
)
def test_an_example_shows_the_difference(old: Any, new: Any, lost: str, gained: str) -> None:
    """A range for integers, listed values, else a value that one accepts and the other rejects."""
    relation = Comparison({}, {}).relate(old, new)
    assert (relation.lost_example, relation.gained_example) == (lost, gained)


@pytest.mark.parametrize(
    ("schema", "least"),
    [
        ({"type": "string", "format": "uuid"}, 1),
        ({"type": "object", "properties": {"a": {"enum": [1]}}, "required": ["a"]}, 1),
        ({"type": "array", "items": {"type": "integer", "minimum": 5}, "minItems": 3}, 1),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, 2),
        ({"type": "string", "pattern": "^[A-Z]{2,3}-\\d+(x|y)$"}, 3),
        ({"type": "string", "pattern": "["}, 0),
    ],
)
def test_candidates_include_valid_values(schema: Any, least: int) -> None:
    """They are guesses; at least so many of them are right."""
    if schema.get("pattern") == "[":
        assert list(matching("[")) == []
        return
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert sum(map(validator.is_valid, candidates(schema))) >= least


def places(node: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below the node, apart from examples and marks."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if key not in ("examples", "x-evidence"):
            yield (*path, key)
            if isinstance(value, dict | list):
                yield from places(value, (*path, key))


SOURCE = load()
PLACES = [place for place in places(SOURCE.full) if place[0] in ("components", "paths", "security")]
ODD = [None, True, 7, "é\n", [], {}, [{}], {"a": 1}, {"$ref": "#/nowhere"}, {"pattern": "("}]
ODD += [{"$ref": "#/components/schemas/Run"}, {"enum": []}, {"oneOf": [{"type": "null"}]}, ...]


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), min_size=1))
def test_any_document_is_compared_or_rejected(changes: list[tuple[Path, Any]]) -> None:
    """Whatever stands where: a verdict that can be rendered, or an error that names the place."""
    document = json.loads(json.dumps(SOURCE.full))
    for place, value in changes[:3]:
        with suppress(LookupError, TypeError):
            holder = look_up(document, place[:-1])
            if value is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = value
    changed = Contract(document, document, ())
    for old, new in ((SOURCE, changed), (changed, SOURCE)):
        with suppress(ConfigurationError):
            found = verdict.judge(compare(old, new), verdict.Policy())
            assert reports.as_text(found)
            assert reports.as_markdown(found)
            assert reports.as_json(found)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"openapi": "2.0", "paths": {}}, "expected OpenAPI 3.0, 3.1 or 3.2, got '2.0'"),
        ({"paths": {}}, "got 'none'"),
        (
            {"openapi": "3.0.3", "paths": {"/a": {"$ref": "other.yaml#/a"}}},
            "expected references within the document, got 'other.yaml#/a'",
        ),
        (
            {"openapi": "3.0.3", "paths": {"/a": {"get": {"parameters": [{"name": "a"}]}}}},
            '#/paths/~1a/get/parameters/0: expected a valid OpenAPI document, got "in" is',
        ),
        (
            {"openapi": "3.0.3", "paths": {"/a": {"get": {"responses": {"200": 7}}}}},
            "#/paths/~1a/get/responses/200: expected a valid OpenAPI document, got 7 is not",
        ),
        (
            {"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"A": {"type": "text"}}}},
            "#/components/schemas/A/type: expected a valid OpenAPI document",
        ),
        (
            {"openapi": "3.0.3", "paths": {"/a": {"$ref": "#/nowhere"}}},
            "expected references to parts of the document, got '#/nowhere'",
        ),
        (
            {
                "openapi": "3.0.3",
                "paths": {"/a": {"get": {"parameters": [{"$ref": "#/components/schemas/A"}]}}},
                "components": {"schemas": {"A": {"type": "string"}}},
            },
            "expected references to parts of the right kind",
        ),
        (
            {"openapi": "3.1.0", "paths": {}, "servers": [{"url": "http://[:::::]/x"}]},
            "expected URLs of servers",
        ),
    ],
)
def test_a_document_that_cannot_be_compared_is_rejected(
    tmp_path: File, content: dict[str, Any], complaint: str
) -> None:
    """The message names the side and the reason; a hint says what to do."""
    broken = small_contracts.contract(tmp_path, "broken.yaml", content)
    good = small_contracts.contract(tmp_path, "good.yaml", {"openapi": "3.1.0", "paths": {}})
    with pytest.raises(ConfigurationError) as caught:
        compare(good, broken, ("good.yaml", "broken.yaml"))
    assert caught.value.message.startswith("broken.yaml")
    assert complaint in caught.value.message
    assert caught.value.hint
