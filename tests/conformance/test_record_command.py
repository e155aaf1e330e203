"""`runs-conformance record`: only GET requests, files that the mock takes, and errors that say what
to do."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from command_line import call_kit
from recorded import RUNS

from conformance.catalogue import open_questions
from conformance.catalogue.open_questions import (
    Observation,
    RecordedObservation,
    observed_answers,
)
from conformance.cli import cli
from conformance.errors import KitError
from conformance.recording.folder import RecordingFolder, document
from conformance.results import behaviour_profile
from conformance.results.report import unobserved
from conformance.vocabulary import Verdict
from mock_server.engine.behaviour import BehaviourFile
from mock_server.testing import MockWorld

KEY = "test-record-command-with-a-long-secret"
PROFILE = "summary: Theirs\nanswers:\n  Q01: new_run\n  Q12: data_only\n"


@pytest.fixture(scope="module")
def source(mock: str) -> Iterator[MockWorld]:
    """A world with two runs that have ended."""
    with MockWorld(mock, KEY, start="empty", scale=0) as world:
        world.create("quick-success")
        world.create({
            "summary": "Leaks", "automation": {"name": "x"},
            "steps": [{"key": "only", "result": {"echo": f"Bearer {KEY}", "apiKey": KEY}}],
        })  # fmt: skip
        world.advance(60)
        yield world


def record(url: str, *options: object, key: str = KEY) -> Any:
    """Call the command."""
    words = ("--base-url", url, "--api-key", key, *map(str, options))
    return call_kit("record", *words, environment={"PATH": os.environ["PATH"]})


@pytest.fixture(scope="module")
def folder(source: MockWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes, with answers from a profile and everything kept."""
    top = tmp_path_factory.mktemp("command")
    (top / "theirs.yaml").write_text(PROFILE)
    out = top / "new" / "recorded"
    options = ("--out", out, "--behaviour", top / "theirs.yaml", "--keep", "*")
    done = record(source.base_url, *options)
    assert done.returncode == 0, done.stderr
    assert f"Recorded 2 runs as 2 scenarios in {out}" in done.stdout
    assert f"runs-mock serve --scenarios {out} " in done.stdout
    assert "--start recorded" in done.stdout
    return out


def requests_to(world: MockWorld) -> list[Any]:
    """The requests that the world got, without those of the tests to its control API."""
    found = world.client.get("/_mock/requests", params={"world": KEY, "limit": 1000})
    found.raise_for_status()
    return list(found.json()["items"])


def test_no_run_is_created_or_changed(source: MockWorld, folder: Path) -> None:
    """All requests are GET, and the runs are the same."""
    assert {each["method"] for each in requests_to(source)} == {"GET"}
    assert source.client.get(RUNS).json()["total"] == 2


def test_a_credential_is_never_written(folder: Path) -> None:
    """Also where a result has it and all places are kept."""
    texts = [file.read_text() for file in folder.rglob("*") if file.is_file()]
    assert not any(KEY in text for text in texts)
    assert any("echo:" in text for text in texts)


def test_what_was_observed_wins_over_an_earlier_profile(folder: Path) -> None:
    """What reading alone leaves open comes from there, and the file says so."""
    text = (folder / "behaviour.yaml").read_text()
    answers = yaml.safe_load(text)["answers"]
    assert answers["Q12"] == "full"
    assert answers["Q01"] == "new_run"
    assert "theirs.yaml:\n  Q01: new_run" in text
    BehaviourFile.model_validate(yaml.safe_load(text))


def test_a_directory_with_files_is_refused(source: MockWorld, folder: Path) -> None:
    """Before a request is sent; the hint names --force."""
    before = len(requests_to(source))
    done = record(source.base_url, "--out", folder)
    assert done.returncode == 2
    assert "expected a directory that is new or empty" in done.stderr
    assert "--force" in done.stderr
    assert len(requests_to(source)) == before


def test_force_replaces_what_was_recorded_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """Scenarios of the earlier recording that are not in the new one go."""
    out = tmp_path / "recorded"
    shutil.copytree(folder, out)
    (out / "scenarios" / "mine.yaml").write_text("summary: Mine\n")
    new = document("scenario", {"summary": "New"})
    RecordingFolder(out, force=True).write({"scenarios/new.yaml": new, "behaviour.yaml": "# B"})
    assert {file.name for file in (out / "scenarios").iterdir()} == {"mine.yaml", "new.yaml"}
    assert (out / "behaviour.yaml").read_text() == "# B"
    assert [each.name for each in tmp_path.iterdir()] == ["recorded"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--run", "x", "--status", "failed"), "--status: expected no --run with it"),
        (("--run", "x", "--limit", "100"), "--limit: expected no --run with it"),
        (("--run", "x" * 1_001), "--run: expected at most 1000 characters, got 1001"),
        (("--run", "nothing"), "--run nothing: expected 200, got GET"),
        (("--status", "failed"), "at least one run to record, got none"),
        (("--out", ""), "expected a directory, got an empty text"),
        (("--keep", "rows"), "--keep: expected a place in a result or an error, got 'rows'"),
        (("--limit", "0"), "0 is not in the range 1<=x<=10000"),
        (("--status", "done"), "'done' is not one of 'pending'"),
        (("--behaviour", "nowhere.yaml"), "nowhere.yaml: No such file"),
        (("--budget", "soon"), "--budget: "),
        (("--budget", "1ms"), "was spent before a run was read"),
    ],
)
def test_what_is_wrong_is_said(
    source: MockWorld, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    """With exit code 2, and nothing is written."""
    done = record(source.base_url, "--out", tmp_path / "out", *options)
    assert done.returncode == 2
    assert expected in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("answers: [", "expected YAML"),
        ("summary: x\n", "expected a profile with answers, got none"),
        ("answers: {Q01: [1]}\n", "answers.Q01: expected same_run or new_run, got [1]"),
        ("answers: {Q99: x}\n", "answers.Q99: expected one of Q01,"),
        ("\x00\x01", "expected YAML"),
    ],
)
def test_a_broken_profile_is_named(
    source: MockWorld, tmp_path: Path, text: str, expected: str
) -> None:
    """With the key and what is known."""
    file = tmp_path / "theirs.yaml"
    file.write_text(text)
    done = record(source.base_url, "--out", tmp_path / "out", "--behaviour", file)
    assert done.returncode == 2
    assert f"--behaviour: {file}: {expected}" in done.stderr


def test_a_service_that_cannot_be_used(mock: str, tmp_path: Path) -> None:
    """Not reachable, or it rejects the credential."""
    done = record("http://127.0.0.1:1", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "not reachable" in done.stderr
    done = record(mock, "--out", tmp_path / "out", key="unknown-key")
    assert done.returncode == 2
    assert "the credential is rejected" in done.stderr


def test_a_path_below_a_file(source: MockWorld, tmp_path: Path) -> None:
    """The error names it, and nothing is left."""
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "out", tmp_path / "file"):
        done = record(source.base_url, "--out", out)
        assert done.returncode == 2
        assert f"--out: {out}: expected a directory that can be written" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["plain", "current", "link", "new below a link"])
def test_an_empty_directory_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The same directory with its own mode, as a mount point has to: files are moved into it."""
    real = tmp_path / "top" / "real"
    real.mkdir(parents=True)
    real.chmod(0o700)
    (tmp_path / "link").symlink_to(real)
    monkeypatch.chdir(real)
    out = {
        "plain": real,
        "current": Path(),
        "link": tmp_path / "link",
        "new below a link": tmp_path / "link" / "a" / "b",
    }[kind]
    before = real.stat()
    RecordingFolder(out).write({"scenarios/a.yaml": "# A", "behaviour.yaml": "# B"})
    assert (out / "scenarios" / "a.yaml").read_text() == "# A"
    after = real.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "link").is_symlink()
    assert [each.name for each in (tmp_path / "top").iterdir()] == ["real"]
    assert sorted(e.name for e in out.iterdir()) == ["behaviour.yaml", "scenarios", "schemas"]


def test_nothing_is_written_next_to_a_directory_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parent may not be writable."""
    made = []
    real = tempfile.mkdtemp

    def mkdtemp(prefix: str, dir: Path) -> str:  # noqa: A002
        made.append(dir)
        return real(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    (tmp_path / "out").mkdir()
    RecordingFolder(tmp_path / "out").write({"behaviour.yaml": "# B"})
    assert made == [tmp_path / "out"]


def test_runs_are_written_where_no_check_can_be_run(
    source: MockWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile then has the answers of an earlier one, and a note says so."""

    def late(*_: object, **__: object) -> None:
        raise KitError("the budget was spent before the first check", "Raise --budget.")

    monkeypatch.setattr("conformance.cli.record.run_checks", late)
    (tmp_path / "theirs.yaml").write_text(PROFILE)
    out = tmp_path / "out"
    words = ["--base-url", source.base_url, "--api-key", KEY, "--out", str(out)]
    done = CliRunner().invoke(cli, ["record", *words, "--behaviour", f"{tmp_path}/theirs.yaml"])
    assert done.exit_code == 0, done.output
    assert "The behaviour was not observed: the budget was spent" in " ".join(done.output.split())
    assert len(list((out / "scenarios").iterdir())) == 2
    answers = yaml.safe_load((out / "behaviour.yaml").read_text())["answers"]
    assert answers == {"Q01": "new_run", "Q12": "data_only"}


def test_a_profile_that_quotes_nothing() -> None:
    """Neither what a check has seen nor why it fails: both may have values of the service."""
    questions = open_questions.load()
    seen = Observation("Q18", ("skipped",), 'a step of "alice@example.com"')
    other = Observation("Q12", (), 'lines named "alice@example.com"')
    records = [RecordedObservation("STEPS-05", "a check", each) for each in (seen, other)]
    failed = SimpleNamespace(
        requirement=SimpleNamespace(id="LIST-11", question="Q11"),
        verdict=Verdict.VIOLATION,
        worst=SimpleNamespace(message='"alice@example.com" is not a "date-time"'),
    )
    entries: Any = (failed,)
    report = replace(
        unobserved("http://x", "now"),
        observations=observed_answers(questions, records),
        entries=entries,
    )
    quoting = behaviour_profile.render(report, questions)
    assert quoting.count("alice") == 3
    text = behaviour_profile.render(report, questions, quoted=False)
    assert "alice" not in text
    assert "# - STEPS-05" in text
    assert "# - LIST-11 is" in text
    assert yaml.safe_load(text)["answers"] == {"Q18": "skipped"}


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was written by then is removed."""

    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    folder = RecordingFolder(tmp_path / "out")
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(KitError, match=r"--out: cannot write .*: No space left on device"):
        folder.write({"behaviour.yaml": "# B"})
    assert list(tmp_path.iterdir()) == []
