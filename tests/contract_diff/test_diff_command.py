"""`runs-conformance contract`: what it prints and writes, and its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import small_contracts
import yaml
from click.testing import CliRunner, Result

from conformance import contract_diff
from conformance.cli import cli, main
from conformance.contract.forms import Version, View, file_name
from conformance.errors import ConfigurationError
from conformance.resources import contract_file, forms_dir

LIMIT = {"type": "integer", "maximum": 1000}
LOWER = {"type": "integer", "maximum": 500}
PLACE = "/paths/~1a/post/parameters/0/schema/maximum"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["contract", *map(str, arguments)])

    return call


def write(directory: Path, name: str, value: Any, kind: str = "parameter") -> Path:
    """A small contract in a file."""
    file = directory / name
    file.write_text(yaml.safe_dump(small_contracts.document(kind, value)), encoding="utf-8")
    return file


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two contracts, the second of which rejects what the first accepts."""
    return write(tmp_path, "old.yaml", LIMIT), write(tmp_path, "new.yaml", LOWER)


def waivers(directory: Path, *, changes: str, expires: str = "2099-12-31") -> None:
    """A file of waivers with one entry."""
    (directory / "contract-waivers.toml").write_text(
        f'[[waivers]]\nchanges = ["{changes}"]\nreason = "agreed"\nowner = "api"\n'
        f'expires = "{expires}"\n',
        encoding="utf-8",
    )


def test_a_breaking_change_is_shown_and_fails(
    run: Callable[..., Result], pair: tuple[Path, Path]
) -> None:
    """What changed, where, for whom, and a range of values that shows it."""
    done = run("diff", *pair)
    assert done.exit_code == 1
    for part in (
        "x parameter-maximum-changed  query parameter q: maximum 1000 becomes maximum 500.",
        "breaking for a client that sends (documented)",
        "example: 501..1000",
        f"parameter-maximum-changed@{PLACE}",
        "A breaking change needs a new major version: 1 is followed by 1.",
        "1 change fails, of 1 change in all.",
    ):
        assert part in done.output


def test_the_way_back_passes(run: Callable[..., Result], pair: tuple[Path, Path]) -> None:
    """A backend must accept more; clients need do nothing."""
    done = run("diff", *reversed(pair))
    assert done.exit_code == 0
    assert "breaking for a backend" in done.output
    assert run("diff", "--for", "backend", *reversed(pair)).exit_code == 1


def test_no_change_is_said_so(run: Callable[..., Result], pair: tuple[Path, Path]) -> None:
    """Exit code 0."""
    done = run("diff", pair[0], pair[0])
    assert (done.exit_code, done.output) == (0, "The contract did not change.\n")


@pytest.mark.parametrize(
    ("options", "code"),
    [((), 0), (("--fail-on", "exhaustive"), 1), (("--fail-on", "breaking"), 0)],
)
def test_a_value_added_to_a_response_fails_only_if_asked(
    run: Callable[..., Result], tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    """Clients that handle unknown values go on."""
    old = write(tmp_path, "old.yaml", {"enum": ["a"]}, "response")
    new = write(tmp_path, "new.yaml", {"enum": ["a", "b"]}, "response")
    assert run("diff", *options, old, new).exit_code == code


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_a_change_of_an_inferred_part_fails_only_if_strict(
    run: Callable[..., Result], tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    """It is shown as breaking either way, with its evidence."""
    mark = {"level": "inferred", "covers": ["maximum"], "because": "Nothing says it."}
    old = write(tmp_path, "old.yaml", {"type": "integer"})
    new = write(tmp_path, "new.yaml", LOWER | {"x-evidence": [mark]})
    done = run("diff", *options, old, new)
    assert done.exit_code == code
    assert "breaking for a client that sends (inferred)" in done.output


def test_the_documented_view_leaves_inferred_parts_out(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """There the same change is none."""
    mark = {"level": "inferred", "covers": ["maximum"], "because": "Nothing says it."}
    old = write(tmp_path, "old.yaml", {"type": "integer"})
    new = write(tmp_path, "new.yaml", LOWER | {"x-evidence": [mark]})
    done = run("diff", "--view", "documented", old, new)
    assert (done.exit_code, done.output) == (0, "The contract did not change.\n")


def test_a_waiver_tolerates_a_change(
    run: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its owner, reason and date are shown."""
    waivers(tmp_path, changes="parameter-maximum-changed@*")
    done = run("diff", *pair)
    assert done.exit_code == 0
    assert "waived until 2099-12-31 by api: agreed" in done.output
    assert "0 changes fail, 1 waived, of 1 change in all." in done.output


@pytest.mark.parametrize(
    ("changes", "expires", "code", "complaint"),
    [
        ("nothing@*", "2099-12-31", 1, "unused"),
        ("parameter-*", "2020-01-31", 1, "expired on 2020-01-31"),
    ],
)
def test_a_stale_waiver_is_reported(
    run: Callable[..., Result],
    pair: tuple[Path, Path],
    tmp_path: Path,
    changes: str,
    expires: str,
    code: int,
    complaint: str,
) -> None:
    """It tolerates nothing; where nothing else fails the exit code is 2."""
    waivers(tmp_path, changes=changes, expires=expires)
    done = run("diff", *pair)
    assert done.exit_code == code
    assert f"contract-waivers.toml:1: waivers.1: {complaint}" in done.output
    assert run("diff", pair[0], pair[0]).exit_code == 2


def test_an_incomplete_waiver_is_rejected(
    run: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """What it lacks is named."""
    (tmp_path / "contract-waivers.toml").write_text('[[waivers]]\nchanges = "a@*"\n')
    caught = run("diff", *pair).exception
    assert isinstance(caught, ConfigurationError)
    assert "expected owner, got none" in str(caught)
    assert "expected expires, got none" in str(caught)


def test_the_json_report_keeps_to_its_schema(
    run: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """On stdout alone with '-'; it says all that the terminal says."""
    waivers(tmp_path, changes="parameter-maximum-changed@*")
    done = run("diff", "--json", "-", *pair)
    report = json.loads(done.output)
    schema = Path(contract_diff.__file__).with_name("report.schema.json")
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text(encoding="utf-8")))
    assert list(validator.iter_errors(report)) == []
    (change,) = report["changes"]
    assert change["effects"] == {"sender": {"impact": "breaking", "level": "documented"}}
    assert (change["before"], change["example"], change["fails"]) == (PLACE, "501..1000", False)
    assert change["waiver"]["owner"] == "api"
    assert (report["bump"], report["exitCode"], report["counts"]["breaking"]) == ("major", 0, 1)


def test_the_markdown_report_is_a_comment(
    run: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """A headline, and a table of what fails."""
    run("diff", "--markdown", "comment.md", *pair)
    text = (tmp_path / "comment.md").read_text(encoding="utf-8")
    assert text.startswith("## 1 change fails, of 1 change in all.\n")
    assert "<details open><summary>Failing (1)</summary>" in text
    assert "| `parameter-maximum-changed`<br>maximum 1000 becomes maximum 500. |" in text


def test_the_sarif_report_points_into_the_new_contract(
    run: Callable[..., Result], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """The line of the keyword; a waiver suppresses the result."""
    waivers(tmp_path, changes="parameter-maximum-changed@*")
    done = run("diff", "--sarif", "-", *pair)
    (sarif,) = json.loads(done.output)["runs"]
    (result,) = sarif["results"]
    place = result["locations"][0]["physicalLocation"]
    line = place["region"]["startLine"]
    assert place["artifactLocation"]["uri"] == str(pair[1])
    assert pair[1].read_text(encoding="utf-8").splitlines()[line - 1].strip() == "maximum: 500"
    assert (result["level"], result["suppressions"][0]["status"]) == ("error", "accepted")


def test_what_a_document_says_is_harmless_in_reports(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    """Control characters are escaped, markup is text."""
    name = "q\x1b]0;x\x07\n::error::<b>|`"
    old = write(tmp_path, "old.yaml", {"parameters": [{"name": name, "in": "query"}]}, "operation")
    new = write(tmp_path, "new.yaml", {}, "operation")
    shown = run("diff", old, new).output
    assert "\x1b]" not in shown
    assert "\n::error" not in shown
    comment = run("diff", "--markdown", "-", old, new).output
    assert "\x1b" not in comment
    assert "<b>" not in comment


def test_a_file_that_is_not_there_is_a_line_and_exit_code_2(
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As with every command of the kit."""
    missing = tmp_path / "nowhere.yaml"
    monkeypatch.setattr(
        "sys.argv", ["runs-conformance", "contract", "diff", str(missing), str(pair[1])]
    )
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "nowhere.yaml: No such file" in capsys.readouterr().out


def test_the_documented_view_of_a_computed_form_is_rejected(run: Callable[..., Result]) -> None:
    """It is computed from the source; the documented forms can be compared themselves."""
    forms = [forms_dir() / file_name(Version.V3_1, view) for view in (View.FULL, View.DOCUMENTED)]
    caught = run("diff", "--view", "documented", forms[0], forms[0]).exception
    assert isinstance(caught, ConfigurationError)
    assert "expected OpenAPI 3.0 to compute the documented view, got 3.1.1" in str(caught)
    assert run("diff", "--view", "documented", forms[1], forms[1]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/components/parameters/Limit/schema/maximum", "limit? integer, default 100, range"),
        ("#/components/schemas/Run/required", "inferred: The sample shows every field"),
        ("list-06", "LIST-06: `GET"),
        ("Q02", "observed by CANCEL-05"),
        ("/components/schemas/EventFrame", "Open question Q12."),
    ],
)
def test_evidence_is_shown(run: Callable[..., Result], name: str, expected: str) -> None:
    """Of a place, a requirement, a question."""
    done = run("evidence", name)
    assert done.exit_code == 0
    assert expected in done.output


def test_evidence_of_everything_that_is_not_documented(run: Callable[..., Result]) -> None:
    """A line for each mark."""
    lines = run("evidence").output.splitlines()
    assert len(lines) > 30
    assert not any(line.startswith("documented") for line in lines)


def test_evidence_of_nothing_is_an_error(run: Callable[..., Result]) -> None:
    """What is expected is said."""
    caught = run("evidence", "/components/nothing/at/all").exception
    assert isinstance(caught, ConfigurationError)
    assert "expected a JSON pointer" in str(caught)


def test_forms_are_printed(run: Callable[..., Result], tmp_path: Path) -> None:
    """One of them, or all into a directory."""
    printed = json.loads(run("forms", "--version", "3.2", "--view", "documented").output)
    assert printed["openapi"] == "3.2.0"
    assert len(run("forms", "--write", tmp_path / "forms").output.splitlines()) == 5
    committed = (forms_dir() / "openapi-3.1-full.json").read_text(encoding="utf-8")
    assert run("forms").output == committed


@pytest.mark.parametrize("name", ["contract", "questions", "requirements"])
def test_a_page_is_the_committed_one(run: Callable[..., Result], tmp_path: Path, name: str) -> None:
    """Run `make contract` after changing the contract, a requirement or an open question."""
    page = contract_file().parent / "docs" / f"{name}.md"
    assert run("page", name).output == page.read_text(encoding="utf-8")
    run("page", name, "--write", tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == run("page", name).output


def test_the_contract_is_the_page_by_default(run: Callable[..., Result]) -> None:
    """The argument is optional."""
    assert run("page").output == run("page", "contract").output
