"""Freeze the catalogue of requirements as a version, when it is released.

    python tools/freeze_catalogue.py 1.1

Then raise `NEXT` in conformance/catalogue/versions.py and add the file's hash to
tests/conformance/test_catalogue_versions.py.
"""

import sys

from conformance.catalogue import requirements, versions

HEAD = "# Requirements of version {} and their levels. A released version is never changed.\n"


def main() -> None:
    """Write the file of the version; one that exists is not written again."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    version = sys.argv[1]
    file = versions.DIRECTORY / f"{version}.yaml"
    if file.exists():
        sys.exit(f"{file}: expected a new version, got one that is released.")
    text = HEAD.format(version) + versions.freeze(requirements.load())
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
