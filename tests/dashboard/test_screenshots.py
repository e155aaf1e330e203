"""The pictures of the guides: each is of a scene, small and shown; every scene can be taken."""

from __future__ import annotations

from pathlib import Path

import chromium
import pytest
from screenshots import HEIGHTS, IMAGES, MAX_SIZE, SCENES, THEMES, gallery, pictures

TOP = Path(__file__).parents[2]


def test_the_pictures_are_small_and_shown() -> None:
    """`make screenshots` writes them; a guide that needs another one names its scene."""
    names = {name for name, *_ in pictures()}
    assert {path.name for path in IMAGES.glob("*.webp")} == names
    assert [name for name in names if (IMAGES / name).stat().st_size > MAX_SIZE] == []
    pages = [TOP / "README.md", *(TOP / "docs").glob("*.md")]
    texts = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [name for name in names if f"images/{name}" not in texts] == []


@pytest.mark.extended
def test_every_scene_is_taken() -> None:
    """In each width and theme, at the address that the guides name; none is empty."""
    if chromium.PATH is None:
        pytest.skip("chromium is not on this machine")
    looks = [(width, theme) for width in HEIGHTS for theme in THEMES]
    with gallery() as shown:
        for index, scene in enumerate(SCENES.values()):
            width, theme = looks[index % len(looks)]
            picture = shown.take(scene, width, theme)
            assert picture[8:12] == b"WEBP"
            assert 10_000 < len(picture) <= MAX_SIZE, scene
