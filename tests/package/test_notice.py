"""NOTICE names every file of another project that this one contains."""

from __future__ import annotations

import hashlib
import re

from environments import TOP

NOTICE = (TOP / "NOTICE").read_text(encoding="utf-8")
VERSIONS = sorted(
    version
    for folder in ("mock_server/static", "mock_server/dashboard/vendor", "docs/assets")
    for version in (TOP / folder).rglob("VERSION")
)
"""Each folder with such a file contains a release of another project, and nothing else."""


def test_every_vendored_file_is_listed_with_its_checksum() -> None:
    """Neither a file nor an entry is missing, and no file was changed."""
    listed = dict(re.findall(r"^  ([0-9a-f]{64})  (\S+)$", NOTICE, re.MULTILINE))
    vendored = {
        hashlib.sha256(file.read_bytes()).hexdigest(): file.relative_to(TOP).as_posix()
        for version in VERSIONS
        for file in version.parent.rglob("*")
        if file.is_file() and file != version
    }
    assert vendored
    assert listed == vendored


def test_every_vendored_release_is_named() -> None:
    """With the release that is written next to the files, and a license that is there."""
    for version in VERSIONS:
        release = version.read_text(encoding="utf-8").partition(",")[0]
        assert f"\n{release}\n" in NOTICE
    licenses = re.findall(r"License: \S+ \((\S+)\)", NOTICE)
    assert len(licenses) == len(VERSIONS)
    assert all((TOP / license_file).is_file() for license_file in licenses)
