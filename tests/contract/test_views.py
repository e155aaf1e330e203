"""The views of the contract: what gates, what the page says, and how well each place is founded."""

from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import validate
from stripped import stripped

from conformance.contract.contract import Contract
from conformance.contract.evidence import read_marks
from conformance.contract.pointer import look_up, resolve
from conformance.contract.views import documented
from conformance.vocabulary import Level

RUNS = "/paths/~1api~1v1~1automation-runs"
RUN = f"{RUNS}~1{{run_id}}"
SCHEMA = "content/application~1json/schema"
LISTED = f"{RUNS}/get/responses/200/{SCHEMA}/properties/items/items/properties"


def operation(document: dict[str, Any], path: str, method: str = "get") -> Any:
    """An operation by the end of its path."""
    return document["paths"][f"/api/v1/automation-runs{path}"][method]


VIEWS: dict[str, Callable[[Contract], dict[str, Any]]] = {
    "full": lambda contract: contract.full,
    "documented": lambda contract: contract.documented,
    "stripped": lambda contract: stripped(contract.full, contract.marks),
}


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_is_valid(contract: Contract, view: str) -> None:
    """Each is an OpenAPI document that any tool can read."""
    validate(VIEWS[view](contract))


@pytest.mark.parametrize("view", ["documented", "stripped"])
def test_a_view_bears_no_marks_and_no_loose_ends(contract: Contract, view: str) -> None:
    """What is left counts; every reference leads somewhere and every component is referred to."""
    text = str(VIEWS[view](contract))
    assert "'x-evidence':" not in text
    assert "EventStream" not in text
    assert "RateLimit" not in text
    assert "/schemas/Error'" not in text


def test_silence_permits_null(contract: Contract) -> None:
    """Every field of a run may be null, also one that the contract says is never null."""
    run = contract.documented["components"]["schemas"]["Run"]
    assert "required" not in run
    assert len(run["properties"]) == 18
    assert all(each["nullable"] is True for each in run["properties"].values())
    assert run["properties"]["status"]["type"] == "string"
    assert "enum" not in run["properties"]["status"]


def test_silence_permits_alternatives(contract: Contract) -> None:
    """The documented alternative alone would be tighter than both."""
    error = contract.documented["components"]["schemas"]["ValidationError"]
    loc = look_up(error, ("properties", "detail", "items", "properties", "loc", "items"))
    assert [each["type"] for each in loc["anyOf"]] == ["string", "integer"]
    events = operation(contract.documented, "/{run_id}/events")
    assert events["responses"]["200"]["content"] == {
        "application/json": {"schema": {}},
        "text/event-stream": {},
    }


def test_silence_permits_to_go_without_a_credential(contract: Contract) -> None:
    """The page lists the credentials and does not ask for one."""
    assert contract.documented["security"] == [*contract.full["security"], {}]
    assert contract.documented["components"]["securitySchemes"]["bearer"]["name"] == "authorization"


def test_silence_permits_any_code_of_success(contract: Contract) -> None:
    """Where the code is open, the body is not."""
    run = {"$ref": "#/components/schemas/Run"}
    cancel = operation(contract.documented, "/{run_id}/cancel", "post")
    assert set(cancel["responses"]) == {"2XX", "422"}
    assert cancel["responses"]["2XX"]["content"]["application/json"]["schema"] == run
    assert set(operation(contract.documented, "/{run_id}/events")["responses"]) == {"200", "422"}


def test_what_is_documented_or_derived_stays(contract: Contract) -> None:
    """Defaults, ranges, formats, the modes of retry; and that its `stepKey` is text or null."""
    schemas = contract.documented["components"]["schemas"]
    parameters = contract.documented["components"]["parameters"]
    retry = schemas["RetryRequest"]["properties"]
    assert parameters["Limit"]["schema"] == {"type": "integer", "default": 100, "maximum": 1000}
    assert parameters["Status"]["schema"] == {}
    assert parameters["RunId"]["schema"] == {"type": "string", "format": "uuid"}
    assert "LastEventId" not in parameters
    assert "parameters" not in operation(contract.documented, "/{run_id}/events")
    assert retry["mode"]["enum"] == ["from_failed", "from_step", "full"]
    assert (retry["stepKey"]["type"], retry["stepKey"]["nullable"]) == ("string", True)
    assert schemas["Run"]["properties"]["createdAt"]["format"] == "date-time"


def test_what_is_derived_is_stripped(contract: Contract) -> None:
    """The page does not say what `stepKey` is."""
    view = stripped(contract.full, contract.marks)
    retry = view["components"]["schemas"]["RetryRequest"]["properties"]
    assert set(retry["stepKey"]) == {"description"}


def small(*marks: dict[str, Any]) -> dict[str, Any]:
    """A contract whose one answer is an A, which bears the marks; its fields are a B and a word."""
    whole = [{"level": "inferred", "because": "A test says so."} | mark for mark in marks]
    word = {"type": "string", "nullable": True, "enum": ["a"]}
    fields = {"b": {"$ref": "#/components/schemas/B"}, "word": word}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
    a = {"type": "object", "properties": fields} | ({"x-evidence": whole} if whole else {})
    b = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    return {
        "paths": {"/": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"A": a, "B": b}},
    }


def documented_of(*marks: dict[str, Any]) -> Any:
    """The answer's schema and the schemas there are, in the view that gates."""
    document = small(*marks)
    view = documented(document, read_marks(document, "openapi.yaml"))
    answer = view["paths"]["/"]["get"]["responses"]["200"]["content"]["application/json"]
    return answer["schema"], view["components"].get("schemas", {})


def test_a_reference_to_what_is_open_is_open() -> None:
    """A schema of which nothing is documented allows any value wherever it is referred to."""
    assert documented_of({"covers": ["."]}) == ({}, {})


def test_null_is_allowed_next_to_values_and_alternatives() -> None:
    """Wherever `nullable` alone would not do: an enum must name null, and so must a choice."""
    _, schemas = documented_of({"covers": ["properties.*.nullable"]})
    fields = schemas["A"]["properties"]
    assert fields["word"] == {"type": "string", "nullable": True, "enum": ["a", None]}
    assert fields["b"] == {"oneOf": [{"type": "string"}, {"type": "integer"}, {"enum": [None]}]}


def test_marks_may_overlap() -> None:
    """A field that is open needs nothing more; the order of marks does not matter."""
    marks = [{"covers": ["properties.*.nullable"]}, {"covers": ["properties.word"]}]
    assert documented_of(*marks) == documented_of(*reversed(marks))
    assert set(documented_of(*marks)[1]["A"]["properties"]) == {"b"}


def test_a_derived_mark_changes_nothing() -> None:
    """What follows from the page by logic alone gates like the page."""
    assert documented_of({"level": "derived", "covers": ["properties"]}) == documented_of()


def test_a_view_leaves_the_contract_as_it_was(contract: Contract) -> None:
    """Views are copies: making them again from the same document gives the same."""
    assert documented(contract.full, contract.marks) == contract.documented
    assert "x-evidence" in contract.full


@pytest.mark.parametrize(
    ("pointer", "level", "question"),
    [
        (f"{RUNS}/get/parameters/1/schema/maximum", "documented", None),
        (f"{RUNS}/get/responses/200", "documented", None),
        (f"{LISTED}/id/type", "documented", None),
        (f"{LISTED}/status/type", "documented", None),
        (f"{LISTED}/status/enum", "analogue", None),
        (f"{LISTED}/status/$ref/enum", "analogue", None),
        (f"{RUNS}/get/responses/200/{SCHEMA}/$ref/required", "inferred", None),
        (f"{LISTED}/createdAt/nullable", "inferred", "Q19"),
        (f"{LISTED}/createdAt/format", "documented", None),
        (f"{RUN}~1cancel/post/responses/200", "inferred", "Q22"),
        (f"{RUN}~1cancel/post/responses/200/{SCHEMA}/properties/id/type", "documented", None),
        (f"{RUN}~1retry/post/requestBody/{SCHEMA}/properties/stepKey/type", "derived", None),
        (f"{RUN}/get/responses/404/{SCHEMA}/properties/detail/type", "inferred", "Q20"),
        (f"{RUN}/get/responses/404", "analogue", "Q09"),
        (f"{RUN}~1events/get/responses/204", "inferred", "Q14"),
        (
            f"{RUN}~1events/get/responses/200/content/text~1event-stream/schema/anyOf/1/properties/id",
            "inferred",
            "Q12",
        ),
        ("#/security", "analogue", "Q08"),
    ],
)
def test_each_place_has_the_level_of_its_weakest_mark(
    contract: Contract, pointer: str, level: str, question: str | None
) -> None:
    """Through references, and with all that covers an object on the way."""
    assert contract.level_of(pointer) is Level(level)
    cited = [mark.question for mark in contract.marks_for(pointer)]
    assert (question in cited) if question else not any(cited)


def test_a_schema_that_the_page_does_not_have_says_so_itself(contract: Contract) -> None:
    """Looked up by its name, nothing in it is documented."""
    view = stripped(contract.full, contract.marks)
    beyond = contract.full["components"]["schemas"].keys() - view["components"]["schemas"]
    assert beyond == {"Error", "EventStream", "EventFrame", "EventType", "RunEvent"}
    for name in beyond:
        assert contract.level_of(f"/components/schemas/{name}/type") is not Level.DOCUMENTED


@pytest.mark.parametrize(
    "pointer",
    [
        f"{RUN}/put/responses",
        "/components/schemas/Nothing/type",
        "/components/schemas/Run/type/string/type",
        "/security/first/bearer",
    ],
)
def test_a_pointer_that_leads_nowhere_is_an_error(contract: Contract, pointer: str) -> None:
    """Silence there would read as documented."""
    with pytest.raises(LookupError):
        contract.level_of(pointer)


def test_what_the_whole_contract_permits_the_documented_permits(contract: Contract) -> None:
    """Taking weak evidence out never tightens: no schema of the view has a keyword that its
    original lacks, but for null that is allowed."""

    def check(view: Any, whole: Any, place: str) -> None:
        view, whole = resolve(contract.documented, view), resolve(contract.full, whole)
        if isinstance(view, dict):
            for key in view.keys() - {"nullable"}:
                assert key in whole, f"{place}/{key}"
                check(view[key], whole[key], f"{place}/{key}")
        elif view != whole:
            assert place.endswith("/enum"), place
            assert set(whole) < set(view), place

    for name, schema in contract.documented["components"]["schemas"].items():
        check(schema, contract.full["components"]["schemas"][name], name)


def test_a_mark_covers_a_keyword_through_a_reference(contract: Contract) -> None:
    """`properties.*.nullable` of a run is said of its status too, which is a reference."""
    status = "/components/schemas/Run/properties/status"
    assert contract.level_of(f"{status}/nullable") is Level.INFERRED
    assert contract.level_of(f"{status}/$ref/nullable") is Level.INFERRED
    assert contract.place_of(f"{status}/$ref/nullable") == "/components/schemas/RunStatus/nullable"
    assert contract.level_of(f"{status}/enum") is Level.ANALOGUE


def test_a_reference_is_as_well_founded_as_its_target(contract: Contract) -> None:
    """A parameter that is inferred is inferred wherever it is listed."""
    assert contract.level_of(f"{RUN}~1events/get/parameters/0") is Level.INFERRED
    assert contract.level_of(f"{RUNS}/get/parameters/1") is Level.DOCUMENTED
