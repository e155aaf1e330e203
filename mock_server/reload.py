"""Applying changes to files while the mock runs.

A changed scenario applies to new runs; existing runs keep theirs. A changed behaviour applies to
every world that had the former one. An invalid file changes nothing, and one line says why.

A notification of the system, or the end of a short wait, only causes a look at the files: what has
changed since the last look is applied. So it makes no difference how a file or its directory
changed: edited, replaced, moved, or through a symbolic link.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path

from watchfiles import awatch

from mock_server.app import Mock
from mock_server.engine import behaviour, scenario
from mock_server.errors import FileError
from mock_server.resources import scenarios_dir
from mock_server.yaml_model import SUFFIXES

_QUIET = 50
"""Milliseconds without a further change before changes are applied."""

_LOOK_AFTER = 2_000
"""Milliseconds after which the files are looked at without a notification."""

_RETRY_AFTER = 0.5
"""Seconds until directories are watched again that could not be watched."""

Version = tuple[int | str, ...]
"""Identifies one content of a file: device, number, kind, size and time of change."""


class Reload:
    """Watches a directory of scenarios and a behaviour's file.

    ``report`` is called with a line for each change, and whether the change was applied.
    """

    def __init__(
        self,
        mock: Mock,
        scenarios: Path | None,
        profile: Path | None,
        report: Callable[[str, bool], None],
    ) -> None:
        self._mock = mock
        self._worlds = mock.worlds
        # Not resolved: a symbolic link can lead elsewhere later.
        self._scenarios = scenarios.absolute() if scenarios else None
        self._profile = profile.absolute() if profile else None
        self._behaviour = mock.worlds.settings.behaviour
        self._report = report
        self._missing = False
        self._seen = self._look()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            watched = self._directories()
            notifications = awatch(
                *watched,
                watch_filter=None,
                step=_QUIET,
                recursive=False,
                rust_timeout=_LOOK_AFTER,
                yield_on_timeout=True,
            )
            try:
                async with aclosing(notifications):
                    self.look()
                    async for _ in notifications:
                        self.look()
                        if self._directories() != watched:
                            break
            except OSError:  # A directory was removed in this moment.
                await asyncio.sleep(_RETRY_AFTER)

    def look(self) -> None:
        """Apply what has changed since the last look."""
        if self._scenarios is not None and self._missing != (not self._scenarios.is_dir()):
            self._missing = not self._missing
            if self._missing:
                line = f"{self._scenarios} is gone; what was in use stays in use"
                self._report(line, False)
        found = self._look()
        if self._missing:  # Its files are compared when it is there again.
            found |= {path: one for path, one in self._seen.items() if path != self._profile}
        before, self._seen = self._seen, found
        for path in sorted(before.keys() | found.keys()):
            if before.get(path) != found.get(path):
                self._apply(path)

    def _look(self) -> dict[Path, Version]:
        """Return the version of each file that exists."""
        paths = [] if self._profile is None else [self._profile]
        if self._scenarios is not None:
            with suppress(OSError):  # It is missing or cannot be read now.
                paths += [one for one in self._scenarios.iterdir() if one.suffix in SUFFIXES]
        return {path: version for path in paths if (version := _version(path)) is not None}

    def _directories(self) -> dict[Path, Version]:
        """Return the directories in which something can change, as they are now."""
        places = [path for path in (self._scenarios, self._profile) if path is not None]
        # A file is replaced in its directory, and so is a directory in the one above.
        found = {
            place.parent for path in [*places, *self._seen] for place in (path, path.resolve())
        }
        if self._scenarios is not None:
            found.add(self._scenarios)
        existing = {next(one for one in (path, *path.parents) if one.is_dir()) for path in found}
        # Another directory of the same name is another one to watch.
        return {path: (_version(path) or ())[:2] for path in sorted(existing)}

    def _apply(self, path: Path) -> None:
        """Apply the change of ``path``, which may be new, changed or removed."""
        try:
            if path == self._profile:
                self._apply_behaviour(path)
            else:
                self._apply_scenario(path)
        except FileError as error:
            self._report(f"{error}; what was in use stays in use", False)
        except Exception as error:  # One file must not end the watching of all.
            problem = f"{type(error).__name__}: {error}"
            self._report(f"{path}: {problem[:200]}; what was in use stays in use", False)

    def _apply_behaviour(self, path: Path) -> None:
        changed = behaviour.read(path)
        if changed != self._behaviour:
            self._mock.replace_behaviour(self._behaviour, changed)
            self._behaviour = changed
            self._report(f"behaviour {path.stem} taken up", True)

    def _apply_scenario(self, path: Path) -> None:
        name, known = path.stem, self._worlds.scenarios
        if path in self._seen:
            changed = scenario.read(path)
            if changed != known.get(name):
                self._worlds.scenarios = dict(sorted({**known, name: changed}.items()))
                self._report(f"scenario {name} taken up", True)
            return
        if any(path.with_suffix(suffix) in self._seen for suffix in SUFFIXES):
            return  # It was renamed from .yml to .yaml, or the other way round.
        bundled = scenarios_dir() / f"{name}.yaml"
        if bundled.is_file():
            self._worlds.scenarios = {**known, name: scenario.read(bundled)}
            self._report(f"scenario {name} is the mock's own again", True)
        elif self._worlds.starts_use(name):
            self._report(f"{path} is gone; worlds open with it, so it stays in use", False)
        elif name in known:
            self._worlds.scenarios = {one: known[one] for one in known if one != name}
            self._report(f"scenario {name} is gone", True)


def _version(path: Path) -> Version | None:
    """Return the version of the file that ``path`` leads to; None for a missing one.

    A symbolic link to a missing file is not missing itself.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        try:
            return ("", str(path.readlink()))
        except OSError:
            return None
    except OSError as error:  # Such as a circle of symbolic links.
        return ("", str(error))
    return (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns)
