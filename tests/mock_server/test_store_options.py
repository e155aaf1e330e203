"""Options of ``runs-mock serve`` for the store: what is rejected, and said at the start."""

from types import SimpleNamespace
from typing import cast

import pytest
from stored_mock import FakeStore

from mock_server.cli import main
from mock_server.cli.greeting import greeting
from mock_server.cli.serve import serve
from mock_server.cli.store_options import check_store
from mock_server.errors import UsageError
from mock_server.settings import Settings
from mock_server.store.keeper import Keeper

MEMORY, VALKEY, DIRECTORY = "memory", "valkey://:secret@db", "dir:worlds"


def problem(monkeypatch: pytest.MonkeyPatch, arguments: str, variables: dict[str, str]) -> str:
    """Return what is wrong with the options; the empty text for nothing."""
    for name in ("STORE", "FSYNC"):
        monkeypatch.delenv(f"RUNS_MOCK_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"RUNS_MOCK_{name}", value)
    try:
        check_store(serve.make_context("serve", arguments.split()), None)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ("--fsync always", {}, "--fsync: expected a store in a directory, got memory. "),
        ("--fsync everysec", {"STORE": VALKEY}, "--fsync: expected a store in a directory, got "),
        (f"--fsync no --store {VALKEY}", {}, "--fsync: "),
        ("", {"FSYNC": "always"}, "RUNS_MOCK_FSYNC: expected a store in a directory, got memory"),
        ("", {"FSYNC": "always", "STORE": VALKEY}, "RUNS_MOCK_FSYNC: "),
    ],
)
def test_fsync_without_a_directory_is_an_error(
    monkeypatch: pytest.MonkeyPatch, arguments: str, variables: dict[str, str], expected: str
) -> None:
    """It would be ignored; the password of the store is not shown."""
    found = problem(monkeypatch, arguments, variables)
    assert found.startswith(expected)
    assert "--store dir:PATH" in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ("", {}),
        (f"--store {VALKEY}", {}),
        ("", {"STORE": VALKEY, "FSYNC": ""}),
        (f"--fsync no --store {DIRECTORY}", {}),
        ("--fsync no", {"STORE": DIRECTORY}),
        ("", {"STORE": DIRECTORY, "FSYNC": "no"}),
        (f"--store {MEMORY}", {"STORE": DIRECTORY, "FSYNC": "no"}),
    ],
)
def test_fsync_of_another_store_is_none(
    monkeypatch: pytest.MonkeyPatch, arguments: str, variables: dict[str, str]
) -> None:
    """A variable is for the store that another variable names, which an option replaces."""
    assert problem(monkeypatch, arguments, variables) == ""


def test_the_greeting_says_what_is_not_kept() -> None:
    keeper = cast(Keeper, SimpleNamespace(store=FakeStore()))
    assert (
        "  Store       fake:; requests and coverage are not kept, and a crash may lose\n"
        "              the last second of fault counters and rate limits\n\n"
    ) in greeting("http://mock", Settings(), keeper)
    assert "Store" not in greeting("http://mock", Settings(), None)


def test_a_contradiction_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--fsync", "always"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "runs-mock: --fsync: expected a store in a directory, got memory. Name one with --store "
        "dir:PATH, or leave --fsync out\n"
    )
