"""The start worlds are the same bytes on every machine and with every release of a library: equal
seeds give equal ids, names and times."""

from __future__ import annotations

import hashlib

import pytest

from mock_server import resources
from mock_server.testing import RUNS, MockWorld

NOW = "2026-03-02T08:15:00Z"
PAGE = 1_000
# A change that is meant to alter a world changes its digest; the failure shows the new one.
GOLDEN = {
    "demo": "1edfe5338a5a6fd8602bcdc0ea62162e69fcff2c88af79e5b2870c9b24e650d2",
    "edge-cases": "dce051cb98fcba4b2657781255a25d2b198f626889e74a83537d8c14122538f5",
    "empty": "4bf7c8639bc34bbbae5aef4aba3c724f9a425cbdc0416ab6384f7745ae1acb96",
    "ten-thousand": "6a63a7f099134c342e3e0a9ee8e0d1e466448c3df0daa24ff5aa69f64ced9af6",
}
LARGE = {"ten-thousand"}


def test_every_start_world_has_a_digest() -> None:
    """None is left out."""
    assert set(GOLDEN) == {file.stem for file in resources.worlds_dir().glob("*.yaml")}


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(start, marks=[pytest.mark.extended] if start in LARGE else [])
        for start in GOLDEN
    ],
)
def test_a_start_world_is_the_same_to_the_byte(start: str, mock_server_url: str) -> None:
    """With the default seed: every page of its runs, and the steps of those on the first."""
    digest = hashlib.sha256()
    name = f"test-golden-{start}"
    with MockWorld(mock_server_url, name, start=start, now=NOW, scale=0) as world:
        first = world.client.get(RUNS, params={"limit": PAGE})
        digest.update(first.content)
        for run in first.json()["items"]:
            digest.update(world.client.get(f"{RUNS}/{run['id']}/steps").content)
        for offset in range(PAGE, first.json()["total"], PAGE):
            page = world.client.get(RUNS, params={"limit": PAGE, "offset": offset})
            digest.update(page.content)
    assert digest.hexdigest() == GOLDEN[start]
