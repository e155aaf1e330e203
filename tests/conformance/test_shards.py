"""A run in shards: the checks are divided the same way everywhere, and for any number of shards the
verdicts, causes and exit code are those of one run."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from command_line import call_kit, run
from hypothesis import given, settings
from hypothesis import strategies as st
from shards import conclusion, cut, merge_files, run_in_shards, run_recorded, write_blobs
from support import MUTANTS

from conformance.config.settings import read
from conformance.harness.markers import CheckInfo
from conformance.results.record import RunRecord, Shard
from conformance.results.report import Report
from conformance.runner.build_report import conclude
from conformance.runner.selection import SelectedCheck
from conformance.runner.shards import divide, part
from conformance.vocabulary import ExitCode, FileKind, Verdict

SOME = ("GET-0[12]", "LIST-0[124]", "LIFE-02", "STEPS-01")
# One breaks a schema, which several checks come upon; two break requirements in passing.
BROKEN = "version-is-text+step-name-is-null+nul-in-the-filter-breaks-it"


@pytest.fixture(scope="module")
def whole(proxy: str) -> RunRecord:
    """One run of all checks against several mutants at once."""
    return run_recorded(f"{proxy}/{BROKEN}", *SOME, token="test-whole", fail_on="deviation")


def test_a_run_in_shards_concludes_as_one_run(whole: RunRecord, proxy: str, tmp_path: Path) -> None:
    """Each shard runs by itself, in a world of its own, and the mutants are caught all the same."""
    address, given = f"{proxy}/{BROKEN}", {"token": "test-parts", "fail_on": "deviation"}
    merged = run_in_shards(tmp_path, 3, address, *SOME, **given)
    assert conclusion(merged) == conclusion(conclude(whole))
    assert merged.exit_code is ExitCode.NOT_CONFORMANT
    assert any(entry.caused_by for entry in merged.entries)
    for file in tmp_path.glob("*.blob"):
        # The name of a tenant of the mock is shown once: it is not secret.
        assert file.read_text().count("test-parts") == 1
    names = (f"Shard {n}/3: test-parts-shard{n}, of this shard alone" for n in (1, 2, 3))
    assert merged.tenants == tuple(names)


@settings(max_examples=12, deadline=None)
@given(count=st.integers(1, 9), data=st.data())
def test_no_division_changes_the_conclusion(
    whole: RunRecord, tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    """However the results of a run are divided, and in which order the blobs are named."""
    shards = data.draw(st.lists(st.integers(1, count), min_size=40, max_size=40))
    files = write_blobs(tmp_path_factory.mktemp("blobs"), cut(whole, count, shards))
    merged = conclude(merge_files(data.draw(st.permutations(files))))
    assert conclusion(merged) == conclusion(conclude(whole))


def checks(*described: tuple[str, str]) -> list[SelectedCheck]:
    """Checks of these requirements, which share these observations."""
    return [
        SelectedCheck(CheckInfo(name, shares=shares), cast(Any, SimpleNamespace(name=f"check_{n}")))
        for n, (name, shares) in enumerate(described)
    ]


NAMES = st.sampled_from(["LIST-01", "LIST-08", "CANCEL-07", "EVENTS-01", "MODEL-01"])
CHECKS = st.lists(st.tuples(NAMES, st.sampled_from(["", "", "a", "b"])), max_size=30)


@given(described=CHECKS, count=st.integers(1, 40), weights=st.lists(st.floats(0, 100), max_size=30))
def test_every_check_is_in_one_shard(
    described: list[tuple[str, str]], count: int, weights: list[float]
) -> None:
    """Those that share an observation in the same one; and the division is always the same."""
    selected = checks(*described)
    seconds = {
        (c.info.requirement, c.item.name): w for c, w in zip(selected, weights, strict=False)
    }
    division = divide(selected, count, seconds)
    assert division == divide(list(selected), count, dict(seconds))
    parts = [part(selected, division, Shard(n, count)) for n in range(1, count + 1)]
    assert sorted(id(c) for each in parts for c in each) == sorted(map(id, selected))
    for shares in ("a", "b"):
        homes = {n for n, each in enumerate(parts) for c in each if c.info.shares == shares}
        assert len(homes) <= 1


def test_weights_balance_the_shards() -> None:
    """One check that takes as long as all others is alone."""
    selected = checks(*[("LIST-01", "")] * 5)
    seconds = {("LIST-01", f"check_{n}"): 4.0 if n == 3 else 1.0 for n in range(5)}
    assert divide(selected, 2, seconds).shards == (2, 2, 2, 1, 2)


def test_another_division_has_another_digest() -> None:
    """By its weights, its number of shards or its checks."""
    selected = checks(("LIST-01", ""), ("LIST-08", ""), ("GET-01", ""))
    heavy = {("LIST-01", "check_0"): 99.0}
    digests = {
        divide(selected, 2, {}).digest,
        divide(selected, 3, {}).digest,
        divide(selected, 2, heavy).digest,
        divide(selected[:2], 2, {}).digest,
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "2/5"], "--shard: expected --blob as well, got none."),
        (["--blob", "x.blob"], "--blob: expected --shard as well, got none."),
        (["--shard", "6/5", "--blob", "x"], "expected K/N with K from 1 to N and N up to 256, got"),
        (["--shard", "0/5", "--blob", "x"], "got '0/5'"),
        (["--shard", "1/9999", "--blob", "x"], "got '1/9999'"),
        (["--shard", "half", "--blob", "x"], "got 'half'"),
        (["--shard", "1/2", "--blob", "x", "--fuzz", "9"], "expected --fuzz-seed, got none."),
        (
            ["--shard", "1/2", "--blob", "x", "--shard-weights", "/dev/null"],
            "--shard-weights: /dev/null: expected JSON",
        ),
        (["--shard", "1/2", "--blob", "/dev/null/x"], "expected a file that can be written"),
    ],
)
def test_wrong_options_of_a_shard(words: list[str], message: str) -> None:
    """Each is named before anything is sent."""
    ended = run("--base-url", "http://127.0.0.1:9", "--token", "x", *words)
    assert ended.returncode == ExitCode.NO_VERDICT
    assert message in ended.stdout


STARTED = ("--base-url", "http://127.0.0.1:9", "--token", "x", "--shard", "1/1")


@pytest.mark.parametrize(
    "words",
    [
        ("run", *STARTED),
        ("run", *STARTED, "--timeout", "nonsense"),
        ("run", *STARTED, "--nonsense"),
        ("run", *STARTED, "--quiet=9"),
        ("run", *STARTED, "unwanted"),
        ("run", "--shard", "1/1", "--config", "/dev/null/x"),
        ("run",),
        ("--nonsense", "run"),
    ],
)
@pytest.mark.parametrize("named", ["words", "word", "variable", "link"])
def test_a_shard_that_does_not_start_leaves_no_blob(
    words: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    """Not even that of an earlier run, wherever its name comes from and whatever is wrong."""
    file, link = tmp_path / "1.blob", tmp_path / "link"
    file.write_text('{"runs-conformance blob": 1, "kit": "0.0.1"}')
    link.symlink_to(file)
    more, environment = {
        "words": (("--blob", str(file)), {}),
        "word": ((f"--blob={file}",), {}),
        "variable": ((), {"RUNS_CONFORMANCE_BLOB": str(file)}),
        "link": (("--blob", str(link)), {}),
    }[named]
    ended = call_kit(*words, *more, environment=environment, folder=tmp_path)
    assert ended.returncode == ExitCode.NO_VERDICT
    assert not file.exists()


@pytest.mark.parametrize("variable", [True, False])
def test_pytest_leaves_no_blob_either(variable: bool, tmp_path: Path) -> None:
    """Where the options of the plugin are invalid."""
    file = tmp_path / "1.blob"
    file.write_text('{"runs-conformance blob": 1}')
    words = ["-m", "pytest", "-p", "conformance.plugin", "--pyargs", "conformance.checks"]
    words += ["--runs-base-url", "http://127.0.0.1:9", "--runs-timeout", "nonsense"]
    words += [] if variable else ["--runs-blob", str(file)]
    environment = {"RUNS_CONFORMANCE_BLOB": str(file)} if variable else {}
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "--timeout: expected" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "notes", '{"runs-conformance": 1}'])
def test_a_file_that_is_not_a_blob_is_not_removed(content: str, tmp_path: Path) -> None:
    """It may be named by mistake; a merge does not take it for a blob."""
    file = tmp_path / "1.blob"
    file.write_text(content)
    for more in ((), ("--nonsense",)):
        assert run(*STARTED, "--blob", str(file), *more).returncode == ExitCode.NO_VERDICT
        assert file.read_text() == content


@pytest.mark.parametrize("words", [("run", "--help"), ("list",), ("merge", "run")])
def test_only_a_run_removes_a_blob(words: tuple[str, ...], tmp_path: Path) -> None:
    """Another command may have the variable in its environment."""
    file = tmp_path / "1.blob"
    file.write_text('{"runs-conformance blob": 1}')
    call_kit(*words, environment={"RUNS_CONFORMANCE_BLOB": str(file)})
    assert file.exists()


def test_a_blob_that_cannot_be_removed_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is mounted on its own."""

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))

    file = tmp_path / "1.blob"
    file.write_text('{"runs-conformance blob": 1}')
    monkeypatch.setattr(Path, "unlink", unlink)
    assert run(*STARTED, "--blob", str(file)).returncode == ExitCode.NO_VERDICT
    assert file.read_text() == ""


def test_a_shard_shows_its_part_and_has_no_verdict(mock: str, tmp_path: Path) -> None:
    """Its exit code is 0 where nothing failed; reports are left to the merge, for which the next
    step is given. An empty shard is one as well."""
    report, blobs = tmp_path / "report.json", [tmp_path / f"{n}.blob" for n in (1, 2)]
    words = ["--base-url", mock, "--token", "test-part", "--include", "LIST-01"]
    for n, blob in enumerate(blobs, 1):
        ended = run(*words, "--shard", f"{n}/2", "--blob", str(blob), "--json", str(report))
        assert ended.returncode == ExitCode.CONFORMANT, ended.stdout
        assert f"shard {n}/2: no failures in this part" in ended.stdout
        assert "runs-conformance merge" in ended.stdout
        line = "--json: not used by a shard, reports are left to: runs-conformance merge\n"
        assert ended.stderr == line
    assert not report.exists()
    ended = call_kit("merge", *map(str, blobs), "--json", str(report), environment={})
    assert ended.returncode == ExitCode.CONFORMANT, ended.stdout
    assert "1 of 1 requirement tested" in ended.stdout
    assert json.loads(report.read_text())["conclusion"] == "conformant"


def test_the_reports_that_a_shard_does_not_write_are_named(tmp_path: Path) -> None:
    """All of them, wherever they are configured; a run of all checks names none."""
    names = [*(kind.value for kind in FileKind), "failures"]
    given = {"base_url": "http://127.0.0.1:9", "token": "x", "github": True}
    given |= {name: str(tmp_path / name) for name in names}
    assert read(given, {}).left_to_merge == ()
    shard = {"shard": "1/2", "blob": "x"}
    assert read(given | shard, {}).left_to_merge == tuple(f"--{n}" for n in (*names, "github"))


@pytest.mark.parametrize(
    ("token", "tenant"),
    [
        ("test-named", "test-named-shard1, of this shard alone"),
        ("test-named:erin", "test-named-shard1, of this shard alone"),
        ("demo", "that of the credential given to the shard"),
    ],
)
def test_a_shard_names_its_tenant(token: str, tenant: str, mock: str, tmp_path: Path) -> None:
    """In its output and in the reports of the merge."""
    blob, report, page = (tmp_path / name for name in ("1.blob", "report.json", "report.html"))
    words = ["--base-url", mock, "--token", token, "--include", "LIST-01"]
    ended = run(*words, "--shard", "1/1", "--blob", str(blob))
    assert ended.stdout.count(f"Tenant: {tenant}\n") == 1, ended.stdout
    call_kit("merge", str(blob), "--json", str(report), "--html", str(page), environment={})
    assert json.loads(report.read_text())["tenants"] == [tenant]
    assert f"<dd>{tenant}</dd>" in page.read_text()
    assert "erin" not in ended.stdout + report.read_text()


def test_a_run_of_all_checks_names_no_tenant(mock: str) -> None:
    """Its tenant is the one that was named."""
    ended = run("--base-url", mock, "--token", "test-named", "--include", "LIST-01")
    assert "Tenant:" not in ended.stdout


@pytest.mark.parametrize("workers", ["1", "2"])
def test_commands_have_the_variables_of_one_run(workers: str, proxy: str, tmp_path: Path) -> None:
    """Not those of altered credentials, though the tenant is that of a shard or a worker."""
    shard = {"shard": "1/1", "blob": str(tmp_path / "1.blob")}
    options = {"token": "test-mine", "api_key": "test-key", "other_token": "globex"}
    for more in ({}, shard):
        given = options | more | {"workers": workers}
        record = run_recorded(f"{proxy}/{BROKEN}", "GET-0[12]", "LIST-0*", "AUTH-01", **given)
        curls = " ".join(e.curl for result in record.results for e in result.exchanges)
        assert "Bearer $TOKEN" in curls
        assert "$ALTERED" not in curls


@pytest.mark.extended
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    "mutants",
    [
        "unknown-is-gone+conflicts-break-it+cancel-only-says-so",
        "success-is-failure+the-end-twice+always-full",
        "finished-runs-are-touched+steps-behind-a-failure-complete+nul-reaches-the-database",
    ],
)
def test_a_whole_gate_in_shards_catches_what_one_run_does(
    mutants: str, count: int, proxy: str, tmp_path: Path
) -> None:
    """All checks by hand: the same failures, for the same causes."""
    address, options = f"{proxy}/{mutants}", {"exclude": ("FUZZ-*", "EVENTS-11", "MODEL-01")}
    whole = conclude(run_recorded(address, token="test-one", **options))
    merged = run_in_shards(tmp_path, count, address, token="test-many", **options)
    assert failures(merged) == failures(whole)
    assert merged.exit_code is whole.exit_code is ExitCode.NOT_CONFORMANT
    broken = {name for m in MUTANTS if m.name in mutants.split("+") for name in m.requirements}
    assert broken & failures(merged).keys()


def failures(report: Report) -> dict[str, tuple[Verdict, str]]:
    """The requirements that fail, with the one that caused it. A busy machine may keep others from
    a verdict."""
    found = {e.requirement.id: (e.verdict, e.caused_by) for e in report.entries}
    caught = (Verdict.VIOLATION, Verdict.DEVIATION)
    return {name: each for name, each in found.items() if each[0] in caught}
