"""Taking up what people change in their files while the mock runs.

A changed scenario is for new runs; runs under way keep the one they began with. A changed
behaviour is for every world that had it. A file that cannot be used changes nothing: the earlier
one stays in use, and one line says why.
"""

from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from mock_server.app import Mock
from mock_server.engine import behaviour, scenario
from mock_server.errors import FileError
from mock_server.resources import scenarios_dir

_QUIET = 50
"""Milliseconds without a further change after which changes are taken up."""


class Reload:
    """Watches a directory of scenarios and a behaviour's file; ``report`` is given a line for each
    change, and whether it was taken up."""

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
        """Watch for ever."""
        # A file is watched by its directory: editors put another in its place.
        watched = {self._scenarios, self._profile.parent if self._profile else None} - {None}
        async for changes in awatch(*filter(None, watched), step=_QUIET, recursive=False):
            for path in sorted({Path(name) for _, name in changes}):
                self.apply(path)

    def apply(self, path: Path) -> None:
        """``path`` may have changed, appeared or gone."""
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
