"""Writes the golden timelines again; read the diff before you commit it."""

from pathlib import Path

from mock_server.cli import timeline
from mock_server.engine.scenario import read_all
from mock_server.resources import scenarios_dir

directory = Path(__file__).parent / "timelines"
for old in directory.glob("*.txt"):
    old.unlink()
for scenario in read_all(scenarios_dir()).values():
    lines = timeline.lines(scenario, timeline.play(scenario))
    (directory / f"{scenario.name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
