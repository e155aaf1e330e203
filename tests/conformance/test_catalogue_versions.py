"""A version of the catalogue stays as it was released, and an older one can be asked for."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.catalogue import requirements, versions
from conformance.catalogue.requirements import Catalogue, Requirement
from conformance.cli import cli
from conformance.config import converters, settings
from conformance.config.options import OPTIONS
from conformance.errors import ConfigurationError
from conformance.harness.markers import CheckInfo
from conformance.runner import selection
from conformance.runner.run import run_checks
from conformance.vocabulary import Level
from mock_server.testing import MockWorld, serving

# A released version has this hash for good; a new one gets a line of its own.
FROZEN = {"1.0": "0493a2bb96867243e2b959bc20483d840202f60812377b3703b967bc642334bf"}
GIVEN = {"base_url": "http://127.0.0.1:9", "token": "t"}


def test_a_released_version_is_never_changed() -> None:
    """Its file is as it was when it was released."""
    found = {
        version: sha256((versions.DIRECTORY / f"{version}.yaml").read_bytes()).hexdigest()
        for version in versions.released()
    }
    assert found == FROZEN


@pytest.mark.parametrize("version", versions.released())
def test_no_released_requirement_is_removed(version: str) -> None:
    """An id stays in the catalogue, or an older version could no longer be tested."""
    assert versions.levels(version).keys() <= requirements.load().requirements.keys()


def test_the_next_version_is_newer_than_the_released_ones() -> None:
    """It is the one that `since` names for checks that are not released."""
    assert all(versions.is_newer(versions.NEXT, version) for version in versions.released())
    assert versions.released() == tuple(sorted(versions.released()))


def test_freezing_gives_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a file, and the levels in it."""
    catalogue = requirements.load()
    (tmp_path / "9.0.yaml").write_text(versions.freeze(catalogue), encoding="utf-8")
    monkeypatch.setattr(versions, "DIRECTORY", tmp_path)
    versions.levels.cache_clear()
    assert versions.levels("9.0") == {n: r.level for n, r in catalogue.requirements.items()}
    versions.levels.cache_clear()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of two requirements, of which 1.0 has one, at another level."""
    first = Requirement("LIST-01", "s", Level.DOCUMENTED, "s")
    second = replace(first, id="LIST-99")
    latest = Catalogue({each.id: each for each in (first, second)})
    for module, name in ((versions, "load"), (converters, "load_catalogue")):
        monkeypatch.setattr(module, name, lambda: latest)
    monkeypatch.setattr(versions, "levels", lambda version: {"LIST-01": Level.INFERRED})


@pytest.mark.usefixtures("two")
def test_an_older_version_selects_its_own_requirements() -> None:
    """At its own levels; newer ids are known and not selected."""
    old = versions.load_version("1.0")
    assert old.select((), ()) == {"LIST-01"}
    assert old["LIST-01"].level is Level.INFERRED
    assert old.select(("LIST-9*",), ()) == set()
    assert old.matching("LIST-99") == {"LIST-99"}
    latest = versions.load_version()
    assert latest.select((), ()) == {"LIST-01", "LIST-99"}
    assert latest["LIST-01"].level is Level.DOCUMENTED
    assert old.digest != latest.digest


@pytest.mark.usefixtures("two")
def test_a_selection_of_newer_requirements_alone_is_an_error() -> None:
    """Nothing would be tested."""
    with pytest.raises(ConfigurationError, match="expected at least one requirement"):
        settings.read({**GIVEN, "catalogue": "1.0", "include": ("LIST-9*",)}, {})


def test_the_version_is_a_setting() -> None:
    """By option, variable or file; the latest one by default; an unknown one is an error."""
    assert settings.read(GIVEN, {}).catalogue == "latest"
    assert settings.read({**GIVEN, "catalogue": "1.0"}, {}).catalogue == "1.0"
    assert settings.read(GIVEN, {"RUNS_CONFORMANCE_CATALOGUE": "1.0"}).catalogue == "1.0"
    with pytest.raises(ConfigurationError, match=r"expected a version .*, got '0\.9'"):
        settings.read({**GIVEN, "catalogue": "0.9"}, {})
    assert "catalogue" in {str(option.name) for option in OPTIONS}


@pytest.mark.parametrize(
    ("since", "version", "newer"),
    [
        ("", "1.0", False),
        ("1.0", "1.0", False),
        ("1.1", "1.0", True),
        ("1.10", "1.9", True),
        ("1.1", "latest", False),
    ],
)
def test_a_check_may_be_newer_than_its_requirement(since: str, version: str, newer: bool) -> None:
    """An older version is tested without it."""
    assert versions.is_newer(since, version) is newer


def test_a_run_tests_the_chosen_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requirements that are newer are not tested, and levels are those of the version; the report
    names it."""
    monkeypatch.setattr(versions, "levels", lambda version: {"LIST-05": Level.INFERRED})
    with serving() as base_url, MockWorld(base_url, "test-versions", scale=0, runs=0) as world:
        given = {"base_url": base_url, "api_key": world.key, "include": ("LIST-0[56]",)}
        report = run_checks(settings.read({**given, "catalogue": "1.0"}, {}), [])
    assert [(each.requirement.id, each.requirement.level) for each in report.entries] == [
        ("LIST-05", Level.INFERRED)
    ]
    assert report.exit_code == 0
    assert report.to_json()["catalogue"] == "1.0"


def test_a_check_that_is_newer_than_the_version_is_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it nothing of its requirement is left to run."""
    monkeypatch.setattr(selection, "is_newer", lambda since, version: version == "1.0")
    with serving() as base_url, MockWorld(base_url, "test-newer", scale=0, runs=0) as world:
        given = {"base_url": base_url, "api_key": world.key, "include": ("LIST-05",)}
        reports = [
            run_checks(settings.read({**given, "catalogue": version}, {}), [])
            for version in ("1.0", "latest")
        ]
    assert [len(report.entries) for report in reports] == [0, 1]
    assert CheckInfo("LIST-05", since="1.1").since == "1.1"


def test_the_list_shows_a_version() -> None:
    """`runs-conformance list --catalogue 1.0`."""
    done = CliRunner().invoke(cli, ["list", "--catalogue", "1.0", "LIST-0[12]"])
    assert done.exit_code == 0
    assert "LIST-01" in done.output
    assert CliRunner().invoke(cli, ["list", "--catalogue", "0.9"]).exit_code == 2
