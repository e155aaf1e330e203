"""Environments with nothing but the wheel and the libraries that one of its extras names.

The libraries are linked from the environment that runs the tests, which is installed from the
locked requirements: so no index is needed, and a library that is not declared is not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parent.parent.parent
PATIENCE = 120
"""Seconds until a command that hangs is given up."""
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
EXTRAS = {"mock_server": "mock", "conformance": "kit"}
"""The extra that each package needs."""


def build_wheel(source: Path, out: Path) -> Path:
    """Build the wheel of a source tree without network access; return its path."""
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", out, source]
    run([sys.executable, *build], source)
    (wheel,) = out.glob("*.whl")
    return wheel


def run(command: Iterable[object], folder: Path, code: int = 0, **variables: str) -> str:
    """Run a command in a folder and return what it prints to both streams.

    Variables that change how Python starts are left out, the given ones are added. The exit code
    has to be as expected.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=clean | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}: {command}\n{done.stdout}"
    return done.stdout


def wheel_metadata(wheel: Path) -> Distribution:
    """Return the metadata of a wheel."""
    archive = ZipFile(wheel)
    folder = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
    return PathDistribution(ZipPath(archive, f"{folder}/"))  # type: ignore[arg-type]


def required(wanted: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    """Yield what a distribution requires directly, with these extras, on this machine."""
    chosen = ["", *extras]
    for line in wanted.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in chosen):
            yield requirement


def closure(wanted: Distribution, extras: Iterable[str]) -> dict[str, Distribution]:
    """Return all distributions, by name, that this one and these extras of it need to run."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = list(required(wanted, extras))
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) not in seen:
            seen.add((name, frozenset(requirement.extras)))
            found[name] = distribution(name)
            queue += required(found[name], requirement.extras)
    return found


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: the folder of its commands and the names of its libraries."""

    scripts: Path
    libraries: frozenset[str]

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.scripts / "python"


def create(
    home: Path, wheel: Path, extras: Iterable[str], others: Iterable[str] = ()
) -> Environment:
    """Create an environment with a wheel, what these extras of it need, and other libraries."""
    venv.create(home, with_pip=False)
    scripts = home / SCRIPTS
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(
        [*pip, "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel],
        wheel.parent,
    )
    where = run(
        [scripts / "python", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        home,
    )
    libraries = closure(wheel_metadata(wheel), extras)
    for other in others:
        libraries |= {other: distribution(other)} | closure(distribution(other), ())
    for library in libraries.values():
        _link(library, Path(where.strip()))
    return Environment(scripts, frozenset(libraries))


def _link(library: Distribution, site_packages: Path) -> None:
    """Link everything of an installed distribution that can be imported."""
    tops = {file.parts[0] for file in library.files or ()} - {"..", "__pycache__"}
    for top in tops:
        source, link = Path(str(library.locate_file(top))), site_packages / top
        if source.exists() and not link.exists():
            link.symlink_to(source, target_is_directory=source.is_dir())
