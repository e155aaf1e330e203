"""The reports of a merge have the content of those of one run, though its shards write none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import call_kit
from shards import conclusion, cut, merge_files, run_recorded, write_blobs

from conformance.results import blob
from conformance.results.failure_file import read_failure
from conformance.results.record import RunRecord
from conformance.runner.build_report import conclude

SOME = ("LIST-0[124]", "GET-0[12]", "STEPS-01")
# Checks that share no observation send the same requests in one run and in shards.
APART = ("LIST-0[124]", "GET-01")
BROKEN = "version-is-text+step-name-is-null+nul-in-the-filter-breaks-it"


def contents(folder: Path) -> dict[str, Any]:
    """Return the numbers of checks and exchanges in the files about failures."""
    failures = {
        file.name: sorted(
            (check["name"], check["verdict"], len(check["exchanges"]))
            for check in json.loads(file.read_text())["checks"]
        )
        for file in (folder / "failures").iterdir()
    }
    har = json.loads((folder / "failures.har").read_text())["log"]
    shows = sum(entry["comment"].startswith("shows the failure") for entry in har["entries"])
    page = (folder / "report.html").read_text()
    return {
        "failures": failures,
        "har": (len(har["pages"]), len(har["entries"]), shows),
        "html": (page.count('<details class="exchange'), page.count('class="picture exchanges"')),
    }


def without_polls(found: dict[str, Any]) -> dict[str, Any]:
    """Return what does not depend on how often two runs asked whether a run of theirs had ended."""
    pages, entries, shows = found["har"]
    exchanges, pictures = found["html"]
    failures = {
        name: [(check, verdict, count > 0) for check, verdict, count in checks]
        for name, checks in found["failures"].items()
    }
    return {
        "failures": failures,
        "har": (pages, entries > 0, shows),
        "html": (exchanges > 0, pictures),
    }


def files_in(folder: Path) -> tuple[str, ...]:
    """Return the options of files about failures in a directory."""
    given = ("--failures", "failures"), ("--har", "failures.har"), ("--html", "report.html")
    return tuple(word for option, name in given for word in (option, str(folder / name)))


def test_reports_of_failures_are_those_of_one_run(proxy: str, tmp_path: Path) -> None:
    """Each shard keeps the exchanges of its failures, without any option for them."""
    one, merged = tmp_path / "one", tmp_path / "merged"
    words = ["run", "--base-url", f"{proxy}/{BROKEN}", "--settle", "0.1s"]
    words += [word for each in APART for word in ("--include", each)]
    whole = call_kit(*words, "--token", "test-files", *files_in(one), environment={})
    blobs = [str(tmp_path / f"{n}.blob") for n in (1, 2, 3)]
    for n, file in enumerate(blobs, 1):
        part = ("--token", "test-files-too", "--shard", f"{n}/3", "--blob", file)
        call_kit(*words, *part, environment={})
    ended = call_kit("merge", *blobs, *files_in(merged), environment={})
    assert ended.returncode == whole.returncode == 1, ended.stdout
    assert without_polls(contents(merged)) == without_polls(contents(one))
    assert len(contents(one)["failures"]) >= 2
    for file in (merged / "failures").iterdir():
        for check in read_failure(file).checks:
            assert check.failing_exchange in {each["number"] for each in check.exchanges}


@pytest.fixture(scope="module")
def whole(proxy: str) -> RunRecord:
    """One run with the exchanges of its failures."""
    return run_recorded(f"{proxy}/{BROKEN}", *SOME, token="test-kept", har="/dev/null")


def test_a_merge_writes_what_one_run_writes(whole: RunRecord, tmp_path: Path) -> None:
    """Each file has all exchanges, however the failures are divided."""
    numbers = set()
    for count, shards in ((1, [1]), (3, [1, 2, 3]), (2, [2, 1, 1])):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        files = write_blobs(folder, cut(whole, count, shards))
        ended = call_kit("merge", *map(str, files), *files_in(folder), environment={})
        assert ended.returncode == 1, ended.stdout
        numbers.add(json.dumps(contents(folder)))
    assert len(numbers) == 1


def test_a_blob_is_bounded(
    whole: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst failures keep their exchanges; a note says what is missing, and the verdicts are
    the same."""
    sizes = [len(json.dumps(each.traffic)) for each in whole.results if each.traffic]
    monkeypatch.setattr(blob, "MAX_TRAFFIC", sum(sizes) // 2)
    files = write_blobs(tmp_path, cut(whole, 1, [1]))
    record = merge_files(files)
    kept = [each for each in record.results if each.traffic is not None]
    assert 0 < len(kept) < len(sizes)
    assert any(f"{len(sizes) - len(kept)} of {len(sizes)} failed" in n for n in record.notes)
    assert conclusion(conclude(replace(record, notes=()))) == conclusion(conclude(whole))
