"""``runs-mock reset``: a world started afresh."""

from typing import Any

import click

from mock_server.cli.options import Instant, Speed
from mock_server.cli.remote import Remote, driving
from mock_server.clock import to_text


@click.command()
@click.option(
    "--seed", type=click.IntRange(min=0), help="Where ids, names and durations come from."
)
@click.option("--now", type=Instant(), help="Its time, such as 2026-03-02T08:15:00Z.")
@click.option("--runs", type=click.IntRange(0, 10_000), help="How many past runs it opens with.")
@click.option("--live", type=click.IntRange(0, 1_000), help="How many runs are under way.")
@click.option("--clock", "scale", type=Speed(), help="real, frozen, or how many times real.")
@click.option("--start", metavar="NAME", help="What it opens with: demo, empty, edge-cases, ...")
@driving
def reset(mock: Remote, now: int | None, **given: Any) -> None:
    """Start the world afresh: every run is gone, every event stream ends. What is left out is as
    the mock was started with.

    \b
    runs-mock reset
    runs-mock reset --runs 0 --live 0 --clock frozen
    runs-mock reset --world test-me --seed 7 --now 2026-03-02T08:15:00Z
    """
    body = {name: value for name, value in given.items() if value is not None}
    if now is not None:
        body["now"] = to_text(now)
    world = mock.post("/reset", body)
    click.echo(f"{world['name']}  {world['now']}  {world['runs']} runs  seed {world['seed']}")
