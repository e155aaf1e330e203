"""Applying changes to files while the mock runs.

A changed scenario applies to new runs; existing runs keep theirs. A changed behaviour applies to
every world that had the former one. An invalid file changes nothing, and one line says why.
"""

from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from mock_server.app import Mock
from mock_server.engine import behaviour, scenario
from mock_server.errors import FileError
from mock_server.resources import scenarios_dir

_QUIET = 50
"""Milliseconds without a further change before changes are applied."""


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
        self._scenarios = scenarios.resolve() if scenarios else None
        self._profile = profile.resolve() if profile else None
        self._behaviour = mock.worlds.settings.behaviour
        self._report = report

    async def run(self) -> None:
        """Watch until cancelled."""
        # Its directory is watched, because editors replace a file.
        watched = {self._scenarios, self._profile.parent if self._profile else None} - {None}
        async for changes in awatch(*filter(None, watched), step=_QUIET, recursive=False):
            for path in sorted({Path(name) for _, name in changes}):
                self.apply(path)

    def apply(self, path: Path) -> None:
        """Apply the change of ``path``, which may be new, changed or removed."""
        try:
            if path == self._profile:
                self._apply_behaviour(path)
            elif path.parent == self._scenarios and path.suffix == ".yaml":
                self._apply_scenario(path)
        except FileError as error:
            self._report(f"{error}; what was in use stays in use", False)

    def _apply_behaviour(self, path: Path) -> None:
        changed = behaviour.read(path)
        if changed != self._behaviour:
            self._mock.replace_behaviour(self._behaviour, changed)
            self._behaviour = changed
            self._report(f"behaviour {path.stem} taken up", True)

    def _apply_scenario(self, path: Path) -> None:
        name, known = path.stem, self._worlds.scenarios
        if path.exists():
            changed = scenario.read(path)
            if changed != known.get(name):
                self._worlds.scenarios = dict(sorted({**known, name: changed}.items()))
                self._report(f"scenario {name} taken up", True)
            return
        bundled = scenarios_dir() / path.name
        if bundled.is_file():
            self._worlds.scenarios = {**known, name: scenario.read(bundled)}
            self._report(f"scenario {name} is the mock's own again", True)
        elif self._worlds.starts_use(name):
            self._report(f"{path} is gone; worlds open with it, so it stays in use", False)
        elif name in known:
            self._worlds.scenarios = {one: known[one] for one in known if one != name}
            self._report(f"scenario {name} is gone", True)
