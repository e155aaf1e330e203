"""``runs-mock watch``: what happens in a world, as it happens."""

import json
from typing import Any

import click

from mock_server.cli.clock import clock_line
from mock_server.cli.live_feed import live_events
from mock_server.cli.remote import Remote, with_remote
from mock_server.cli.request_lines import line as request_line
from mock_server.cli.text import echo

TOPICS = ("runs", "requests", "clock", "faults", "worlds")


class Topics(click.ParamType[Any]):
    """Topics of the live feed, separated by commas."""

    name = "topics"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        names = [name.strip() for name in value.split(",")]
        for name in names:
            if name not in TOPICS:
                self.fail(f"expected some of {', '.join(TOPICS)}, got {name!r}", param, ctx)
        return ",".join(dict.fromkeys(names))


@click.command()
@click.option(
    "--topics",
    type=Topics(),
    default="runs",
    show_default=True,
    metavar="TOPICS",
    help=f"What to print, separated by commas: {', '.join(TOPICS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@with_remote
def watch(mock: Remote, topics: str, as_json: bool) -> None:
    """Print what happens in a world, a line each, until Ctrl-C. The world goes on by itself
    meanwhile. When the mock stops, wait until it is there again.

    \b
    runs-mock watch                             runs: time, id, status, steps
    runs-mock watch --topics runs,clock,faults  the clock and the faults, too
    runs-mock watch --world test-me --json | jq .data.total

    A line of JSON has `event`, `id` and `data`: the events of GET /_mock/events, which
    /_mock/openapi.yaml describes.
    """
    lines = Lines()
    for event in live_events(mock, topics):
        data = json.loads(event.data)
        if as_json:
            content = {"event": event.event, "id": event.id, "data": data}
            echo(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
        elif event.event == "hello":
            _greet(mock, data, topics)
        else:
            for text in lines.of(event.event, data):
                echo(text)


def _greet(mock: Remote, hello: dict[str, Any], topics: str) -> None:
    world = hello["world"]
    echo(f"runs-mock: watching {topics} of {world}; Ctrl-C ends it", err=True)
    if "runs" in topics and mock.get("/clock")["frozen"]:
        echo(
            f"runs-mock: the clock of {world} is frozen: runs-mock clock advance 1m, or resume",
            err=True,
        )


class Lines:
    """The lines for the events of one feed."""

    def __init__(self) -> None:
        self._printed: dict[str, str] = {}

    def of(self, event: str, data: dict[str, Any]) -> list[str]:
        """Return the lines for an event; none for a run that looks the same as before."""
        match event:
            case "runs":
                runs = (self._run(run, data["steps"]) for run in data["runs"])
                lines = [text for text in runs if text is not None]
            case "requests":
                lines = [f"request  {one['number']}  {request_line(one)}" for one in data[event]]
            case "clock":
                lines = [f"clock  {clock_line(data)}"]
            case "faults":
                lines = [f"faults  {'; '.join(map(_fault, data['items'])) or 'none'}"]
            case "worlds":
                lines = [f"worlds  {', '.join(one['name'] for one in data['items'])}"]
            case "dropped":
                lines = [f"dropped  {count} {topic}: too many" for topic, count in data.items()]
            case _:
                self._printed.clear()
                lines = [f"{event}  the world was reset, or changes were missed"]
        return lines

    def _run(self, run: dict[str, Any], all_steps: dict[str, Any]) -> str | None:
        steps = all_steps.get(run["id"])
        text = f"{run['id']}  {run['status']:<9}"
        if steps is not None:
            text = f"{text}  {_progress(steps)}"
        if self._printed.get(run["id"]) == text:
            return None
        self._printed[run["id"]] = text
        return f"{run['updatedAt'][11:-1]}  {text}"


def _progress(steps: list[dict[str, Any]]) -> str:
    """Return how many steps have completed, and those that run, await a decision or have failed."""
    completed = sum(step["status"] == "completed" for step in steps)
    notes = []
    for step in steps:
        match step["status"]:
            case "running":
                notes.append(step["key"])
            case "awaiting_approval":
                notes.append(f"{step['key']} awaits a decision")
            case "failed":
                message = (step.get("error") or {}).get("message", "")
                notes.append(f"{step['key']} failed: {message}".removesuffix(": "))
    return "  ".join([f"{completed} of {len(steps)}", *([", ".join(notes)] if notes else [])])


def _fault(active: dict[str, Any]) -> str:
    kinds = [name for name, value in active["rule"].items() if isinstance(value, dict)]
    return f"{active['id']}: {', '.join(kinds)}, applied {active['applied']} times"
