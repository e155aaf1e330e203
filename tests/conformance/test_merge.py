"""Merging blobs: shards that do not belong together, and other files, are errors with
their file and a remedy, and never a verdict."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import call_kit
from shards import GIVEN, cut, four_checks, merged, write_blobs

import conformance
from conformance.config.settings import read
from conformance.errors import ConfigurationError
from conformance.results.blob import as_blob, read_blob
from conformance.results.record import RunRecord, Shard
from conformance.results.waivers import Waiver
from conformance.runner.build_report import conclude
from conformance.vocabulary import ExitCode, State, Untested, Verdict

FAILED = "LIST-02"


@pytest.fixture
def record() -> RunRecord:
    """A run of four checks, one of which failed."""
    return four_checks()


def two(record: RunRecord, folder: Path, **changes: Any) -> list[Path]:
    """The blobs of two shards, the second of which is of a run with these differences."""
    one, other = cut(record, 2, [1, 2])
    return write_blobs(folder, [one, replace(other, **changes)])


def test_a_blob_is_read_as_it_was_written(record: RunRecord, tmp_path: Path) -> None:
    """Nothing is lost."""
    written = replace(record, shard=Shard(1, 1), planned=("LIST-01",), came_late=frozenset({"a"}))
    (file,) = write_blobs(tmp_path, [written])
    assert read_blob(file) == written


def test_the_verdict_is_that_of_all_shards(record: RunRecord, tmp_path: Path) -> None:
    """With the reports, the answers as a profile, and exchanges with numbers of their own."""
    files = two(record, tmp_path, base_url="http://127.0.0.1:8", seconds=9.0)
    report, profile = tmp_path / "report.json", tmp_path / "profile.yaml"
    code, output = merged(*files, more=("--json", str(report), "--profile", str(profile)))
    assert code == ExitCode.NOT_CONFORMANT, output
    assert f"violation {FAILED}" in output
    content = json.loads(report.read_text())
    assert content["counts"]["pass"] == 2
    assert (content["seconds"], content["started"]) == (9.0, record.started)
    assert content["baseUrl"] == "http://127.0.0.1:9, http://127.0.0.1:8"
    checks = [check for each in content["requirements"] for check in each["checks"]]
    assert {e["number"] for check in checks for e in check["exchanges"]} == {7, 14}
    assert checks[1]["failingExchange"] == checks[1]["exchanges"][0]["number"]
    assert yaml.safe_load(profile.read_text())["answers"]["Q11"] == "oldest_first"


def test_shards_of_one_run_may_test_different_addresses(record: RunRecord, tmp_path: Path) -> None:
    """Each may start a service of its own; one line says so."""
    line = "The shards tested different base URLs: http://127.0.0.1:9, http://127.0.0.1:8."
    record = replace(record, run_id="ci 7")
    assert line not in merged(*two(record, tmp_path))[1].replace("\n", " ")
    code, output = merged(*two(record, tmp_path, base_url="http://127.0.0.1:8"))
    assert (code, output.replace("\n", " ").count(line)) == (ExitCode.NOT_CONFORMANT, 1)


GITHUB = {"GITHUB_RUN_ID": "12", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": "ab"}


@pytest.mark.parametrize(
    ("environment", "run_id"),
    [
        ({}, ""),
        (GITHUB, "github 12 ab"),
        (GITHUB | {"GITHUB_RUN_ATTEMPT": "2"}, "github 12 ab"),
        ({"CI_PIPELINE_ID": "34"}, "gitlab 34"),
        (GITHUB | {"RUNS_CONFORMANCE_RUN_ID": "mine"}, "mine"),
    ],
)
def test_the_run_is_named_by_the_ci(environment: dict[str, str], run_id: str) -> None:
    """Unless its name is given."""
    assert read(GIVEN, environment).run_id == run_id
    with pytest.raises(ConfigurationError, match="--run-id: expected up to 200 printable"):
        read(GIVEN | {"run_id": "a\nb"}, environment)


def test_waivers_are_concluded_from_all_shards(record: RunRecord, tmp_path: Path) -> None:
    """A waiver that one shard needs is not unused in the others."""
    waiver = Waiver((FAILED,), "known", "us", "2026-12-31", "conformance.toml:3: waivers.1")
    unused = replace(waiver, patterns=("LIST-01",))
    terms = replace(record.terms, waivers=(waiver,))
    assert merged(*two(replace(record, terms=terms), tmp_path))[0] == ExitCode.CONFORMANT
    terms = replace(terms, waivers=(waiver, unused))
    code, output = merged(*two(replace(record, terms=terms), tmp_path))
    assert (code, "is unused" in output) == (ExitCode.NO_VERDICT, True)


def test_a_problem_of_one_shard_is_one_of_the_run(record: RunRecord, tmp_path: Path) -> None:
    """With the number of the shard; what a late transition meant holds in all of them."""
    results = tuple(replace(r, waited_for="retry running") for r in record.results)
    changes = {"problem": "a worker died", "came_late": frozenset({"retry running"})}
    files = two(replace(record, results=results), tmp_path, **changes)
    code, output = merged(*files)
    assert code == ExitCode.NO_VERDICT
    assert "Shard 2/2: a worker died" in output
    assert "violation" not in output


def test_an_interrupted_shard_is_named(record: RunRecord, tmp_path: Path) -> None:
    """With its number, and no advice about the budget: what it did not run was interrupted."""
    one, other = cut(record, 2, [1, 2])
    files = write_blobs(tmp_path, [one, replace(other, interrupted=True, results=())])
    # Its own report, and that of the merge.
    for code, output in (merged(*files), merged(*files, more=("--markdown", "/dev/stdout"))):
        assert code == ExitCode.INTERRUPTED
        assert "Shard 2/2: the run was interrupted" in output
        assert "Run again what was interrupted (above)." in output
        assert "2 interrupted" in output
        assert "budget" not in output


def test_the_summary_of_a_merge_without_a_verdict(record: RunRecord, tmp_path: Path) -> None:
    """It has each reason on a line, and what to do."""
    parts = cut(record, 3, [1, 2, 3])
    one, other = write_blobs(tmp_path, [parts[0], replace(parts[1], run_id="7")])
    summary = tmp_path / "summary.md"
    assert merged(one, other, more=("--markdown", str(summary)))[0] == ExitCode.NO_VERDICT
    text = summary.read_text().replace("\\", "")
    assert text.startswith("## No verdict\n\n> ")
    assert "\n> Expected all 3 shards, got none for 3/3.\n" in text
    assert f"\n> {other}: --run-id: expected none, as in {one}, got 7.\n" in text
    assert "\n- Name the file, or run it: runs-conformance run --shard 3/3 --blob FILE\n" in text
    assert "Remove what kept" not in text
    assert "0 of 0" not in text


def terms(**changes: Any) -> Callable[[RunRecord], dict[str, Any]]:
    """Other terms."""
    return lambda record: {"terms": replace(record.terms, **changes)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: {"run_id": "7"}, "--run-id: expected none, as in"),
        (terms(include=("GET-*",)), "--include: expected LIST-0[1-4], as in"),
        (terms(exclude=("LIST-04",)), "--exclude: expected none, as in"),
        (terms(fail_on=frozenset({Verdict.DEVIATION})), "--fail-on: expected violation, as in"),
        (terms(read_only=True), "--read-only: expected no, as in"),
        (terms(settle=3.0), "--settle: expected 1 s, as in"),
        (terms(other_credentials=("token",)), "credentials of the other tenant: expected none"),
        (
            terms(waivers=(Waiver(("LIST-*",), "r", "o", "2026-12-31", "w"),)),
            "waivers: expected none, as in",
        ),
        (lambda r: {"provisioner": "discover"}, "provisioner: expected mock, as in"),
        (lambda r: {"division": "other"}, "expected the division of"),
        (lambda r: {"kit": "9.9"}, "expected a blob of runs-conformance"),
        (lambda r: {"contract_digest": "0"}, "expected the contract of this kit, got another one"),
        (lambda r: {"catalogue_digest": "0"}, "expected the requirements of this kit, got others"),
        (lambda r: {"shard": Shard(2, 3)}, "expected one of 2 shards, as"),
        (lambda r: {"shard": Shard(1, 2)}, "expected each shard once, got shard 1/2, which"),
        (lambda r: {"shard": Shard(3, 2)}, "expected a shard K/N with K up to N, got 3/2"),
    ],
)
def test_shards_that_do_not_belong_together(
    change: Callable[[RunRecord], dict[str, Any]],
    message: str,
    record: RunRecord,
    tmp_path: Path,
) -> None:
    """No verdict, though the first one has a violation; the file is named, and reports say so."""
    report = tmp_path / "report.json"
    one, other = cut(record, 2, [1, 2])
    files = [tmp_path / "one.blob", tmp_path / "other.blob"]
    for file, each in zip(files, (one, replace(other, **change(record))), strict=True):
        file.write_text(as_blob(each))
    code, output = merged(*files, more=("--json", str(report)))
    assert code == ExitCode.NO_VERDICT
    # What the terminal breaks is one line.
    assert message in output.replace("\n", " "), output
    assert "other.blob: " in output
    content = json.loads(report.read_text())
    assert (content["conclusion"], content["requirements"]) == ("no verdict", [])
    assert message in content["problem"]


def test_all_that_is_wrong_is_reported_together(record: RunRecord, tmp_path: Path) -> None:
    """Missing shards with the command that makes them."""
    parts = cut(record, 5, [1, 2, 3, 4, 5])
    files = write_blobs(tmp_path, [parts[0], parts[3]])
    code, output = merged(*files, files[0])
    assert code == ExitCode.NO_VERDICT
    assert "Expected all 5 shards, got none for 2/5, 3/5, 5/5." in output
    assert "runs-conformance run --shard 2/5 --blob FILE" in output
    assert "expected each shard once, got shard 1/5" in output


def sealed(body: bytes, **head: Any) -> bytes:
    """The bytes of a blob with this body, whose checksum is right."""
    first = {"runs-conformance blob": 2, "kit": "0.1.0"}
    return json.dumps(first | {"sha256": hashlib.sha256(body).hexdigest()} | head).encode() + (
        b"\n" + body + b"\n"
    )


def changed(good: bytes, **values: Any) -> bytes:
    """The blob with other values, whose checksum is right."""
    return sealed(json.dumps(json.loads(good.partition(b"\n")[2]) | values).encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda good: b"", "expected a blob of runs-conformance, got another file"),
        (lambda good: b"\x00\xff" * 40, "expected a blob of runs-conformance, got another file"),
        (lambda good: b"[" * 100_000, "expected a blob of runs-conformance, got another file"),
        (lambda good: b"{}\n{}", "expected a blob of runs-conformance, got another file"),
        (
            lambda good: good.replace(b'"kit": "0', b'"kit": "9\\u001b[2J', 1),
            r"kit: expected 9\u001b[2J.1.0, as in its first line, got 0.1.0 in the record",
        ),
        (lambda good: good.replace(b'"kit": "', b'"kit": 1, "kit": "9', 1), "kit: expected 90"),
        (lambda good: good.replace(b'"kit"', b'"set"', 1), "expected a first line with the kit"),
        (lambda good: good[:-9], "the file is cut off or was changed"),
        (lambda good: good.replace(b"it is so", b"it is it"), "is cut off or was changed"),
        (lambda good: good.partition(b"\n")[0], "the file is cut off or was changed"),
        (
            lambda good: sealed(b"{}", kit="7.0\x1b[2J", **{"runs-conformance blob": 3}),
            r"got format 3 of runs-conformance 7.0\u001b[2J",
        ),
        (lambda good: sealed(b"{}"), "expected a record of a shard, got another document"),
        (lambda good: sealed(b"[" * 100_000), "expected JSON, got"),
        (lambda good: sealed(b"nonsense"), "expected JSON, got"),
        (lambda good: changed(good, seconds=float("nan")), "expected JSON, got the number NaN"),
        (lambda good: changed(good, seconds=1e300), "seconds: 1e+300 is greater than"),
        (lambda good: changed(good, results=[{}]), "results/0: "),
        (lambda good: changed(good, planned=["LIST-99"]), "the requirement 'LIST-99' does not"),
        (lambda good: changed(good, started="now\x1b[31m"), "started: "),
        (lambda good: changed(good, surprise=1), "Additional properties are not allowed"),
    ],
)
def test_a_file_that_is_not_a_blob(
    damage: Callable[[bytes], bytes], message: str, record: RunRecord, tmp_path: Path
) -> None:
    """Broken, of another version or hostile: an error with the file, and nothing that acts on the
    terminal."""
    good, bad = two(record, tmp_path)
    bad.write_bytes(damage(bad.read_bytes()))
    code, output = merged(good, bad)
    assert code == ExitCode.NO_VERDICT
    assert message in output.replace("\n", " "), output
    assert str(bad) in output
    assert "\x1b" not in output


def test_files_that_cannot_be_read(record: RunRecord, tmp_path: Path) -> None:
    """Each is named; no shard is said to be missing that one of them may be."""
    good, _ = two(record, tmp_path)
    code, output = merged(good, tmp_path / "nothing.blob", tmp_path)
    assert code == ExitCode.NO_VERDICT
    assert "nothing.blob: No such file or directory." in output
    assert f"{tmp_path}: Is a directory." in output
    assert "Expected all" not in output


def test_the_reports_of_the_configuration_are_written(record: RunRecord, tmp_path: Path) -> None:
    """Its other keys are about runs, and not needed: the credentials are not there."""
    files = two(record, tmp_path)
    config = tmp_path / "conformance.toml"
    config.write_text('token_env = "NOT_SET"\n[reports]\njunit = "report.xml"\n')
    ended = call_kit("merge", *map(str, files), environment={}, folder=tmp_path)
    assert ended.returncode == ExitCode.NOT_CONFORMANT, ended.stdout
    assert (tmp_path / "report.xml").read_text().count("<failure") == 1


def test_a_full_disk_is_an_error(record: RunRecord, tmp_path: Path) -> None:
    """The verdict is shown and not taken for one."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    code, output = merged(*two(record, tmp_path), more=("--junit", "/dev/full"))
    assert code == ExitCode.NO_VERDICT
    assert "--junit /dev/full: No space left on device." in output


def test_the_schema_knows_all_words() -> None:
    """Those of the code."""
    file = Path(conformance.__file__).parent / "blob.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    result = schema["$defs"]["result"]["properties"]
    assert result["reason"]["enum"] == [None, *Untested]
    assert [*result["verdict"]["enum"], "waived"] == sorted(
        Verdict, key=[*result["verdict"]["enum"], "waived"].index
    )
    assert schema["properties"]["states"]["propertyNames"]["enum"] == list(State)


def test_one_shard_of_one_is_the_run(record: RunRecord, tmp_path: Path) -> None:
    """Its conclusion is that of the record."""
    (file,) = write_blobs(tmp_path, cut(record, 1, [1]))
    assert merged(file)[0] == conclude(record).exit_code
