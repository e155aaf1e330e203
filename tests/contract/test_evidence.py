"""Marks are well-formed, and a malformed one is refused with its place and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.contract.contract import Contract, load
from conformance.contract.evidence import QUESTIONS, read_marks
from conformance.errors import ConfigurationError
from conformance.vocabulary import Level

RUNS = "/paths/~1api~1v1~1automation-runs"
RUN = f"{RUNS}~1{{run_id}}"

# Where the contract itself, not only its prose, gives the default answer to an open question.
ANSWERS = {
    "Q02": f"{RUN}~1cancel/post/responses/409",
    "Q03": f"{RUN}~1retry/post/responses/409",
    "Q04": f"{RUN}~1retry/post/responses/409",
    "Q05": f"{RUNS}/get/parameters/0/schema",
    "Q08": "/security",
    "Q09": f"{RUN}/get/responses/404",
    "Q12": f"{RUN}~1events/get/responses/200/content/text~1event-stream",
    "Q14": f"{RUN}~1events/get/responses/204",
    "Q16": f"{RUN}~1retry/post/responses/404",
    "Q19": "/components/schemas/Run/required",
    "Q20": "/components/schemas/Error",
    "Q22": f"{RUN}~1cancel/post/responses/200",
}


def document(**mark: Any) -> dict[str, Any]:
    """A small contract whose one schema bears one mark."""
    whole = {"level": "inferred", "covers": ["enum"], "because": "A test says so."} | mark
    schema = {
        "type": "string",
        "enum": ["a"],
        "x-evidence": [{key: value for key, value in whole.items() if value is not ...}],
    }
    return {"openapi": "3.0.3", "paths": {}, "components": {"schemas": {"A": schema}}}


def test_every_mark_has_a_level_places_and_a_reason(contract: Contract) -> None:
    """The contract's own marks: none is documented, all say why, in a sentence."""
    assert len(contract.marks) > 30
    for mark in contract.marks:
        assert mark.level is not Level.DOCUMENTED
        assert mark.covers
        assert mark.because.endswith(".")
        assert mark.question is None or mark.question in QUESTIONS


@pytest.mark.parametrize(("question", "pointer"), ANSWERS.items())
def test_a_question_that_the_contract_answers_is_cited(
    contract: Contract, question: str, pointer: str
) -> None:
    """Who looks at the answer finds the question."""
    assert question in {mark.question for mark in contract.marks_for(pointer)}


def test_no_other_question_is_cited(contract: Contract) -> None:
    """The table above is whole: a question that is cited is one that the contract answers."""
    assert {mark.question for mark in contract.marks} - {None} == set(ANSWERS)


@pytest.mark.parametrize(
    ("mark", "place", "complaint"),
    [
        ({"level": "guess"}, "/level", "'guess'"),
        ({"level": "documented"}, "/level", "'documented'"),
        ({"level": ...}, "/level", "None"),
        ({"covers": ["enumeration"]}, "/covers", "got 'enumeration'"),
        ({"covers": ["enum.1"]}, "/covers", "got 'enum.1'"),
        ({"covers": ["type.a"]}, "/covers", "got 'type.a'"),
        ({"covers": ["properties.*.nullable"]}, "/covers", "got 'properties.*.nullable'"),
        ({"covers": []}, "/covers", "[]"),
        ({"covers": "enum"}, "/covers", "'enum'"),
        ({"covers": ...}, "/covers", "None"),
        ({"because": " "}, "/because", "' '"),
        ({"because": ...}, "/because", "None"),
        ({"question": "Q23"}, "/question", "'Q23'"),
        ({"question": 8}, "/question", "8"),
        ({"reason": "x"}, "", "unknown key 'reason'"),
    ],
)
def test_a_malformed_mark_is_refused(mark: dict[str, Any], place: str, complaint: str) -> None:
    """The message leads to the place and shows the value; the remedy says what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        read_marks(document(**mark), "openapi.yaml")
    assert f"openapi.yaml#/components/schemas/A/x-evidence/0{place}: " in caught.value.message
    assert complaint in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("marks", [[], {}, "inferred", None, ["inferred"]])
def test_marks_are_a_list(marks: Any) -> None:
    """One mark is a list of one; no mark is not a key."""
    contract = document()
    contract["components"]["schemas"]["A"]["x-evidence"] = marks
    with pytest.raises(ConfigurationError, match=r"#/components/schemas/A/x-evidence(/0)?: "):
        read_marks(contract, "openapi.yaml")


def test_a_reference_bears_no_marks() -> None:
    """What stands next to a reference is not read, so neither would its marks be."""
    contract = document()
    contract["components"]["schemas"]["A"]["$ref"] = "#/components/schemas/B"
    with pytest.raises(ConfigurationError, match="expected no marks at a reference") as caught:
        read_marks(contract, "openapi.yaml")
    assert caught.value.hint == "Mark what it refers to."


def test_a_key_named_like_the_marks_is_data_where_names_and_payloads_are() -> None:
    """A field of that name and an example that shows one are not marks."""
    contract = document(level="inferred")
    contract["components"]["schemas"]["B"] = {
        "properties": {"x-evidence": {"type": "string"}},
        "example": {"x-evidence": "seen"},
    }
    assert [mark.pointer for mark in read_marks(contract, "f")] == ["/components/schemas/A"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("paths: [", "node content"),
        ("- paths", "expected paths, got none"),
        ("paths: nowhere", "expected paths, got none"),
        ("paths: {}\nsince: 2026-03-02", "Quote dates"),
        (b"paths: {}\nname: \xff", "YAML in UTF-8"),
    ],
)
def test_a_file_that_is_not_a_contract_is_refused(
    tmp_path: Path, text: str | bytes, complaint: str
) -> None:
    """The message names the file."""
    file = tmp_path / "theirs.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(file) in caught.value.message
    assert complaint in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_contract_of_ones_own_can_be_read(tmp_path: Path) -> None:
    """A contract of one's own is read like the kit's."""
    file = tmp_path / "theirs.yaml"
    file.write_text(yaml.safe_dump(document()), encoding="utf-8")
    (mark,) = load(file).marks
    assert (mark.level, mark.covers) == (
        Level.INFERRED,
        (("components", "schemas", "A", "enum"),),
    )
