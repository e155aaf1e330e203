"""A run's events, printed for people as they happen."""

from datetime import datetime
from typing import Any

import click

from mock_server.cli.remote import Remote


def follow_run(mock: Remote, run_id: str) -> None:
    """Print the run's events until it has ended: seconds since it was created, on the world's
    clock, what happened, to which step. Raises UsageError."""
    if mock.get("/clock")["frozen"] and mock.run(run_id)["completedAt"] is None:
        click.echo(
            f"the clock of {mock.world} is frozen: runs-mock clock advance 1m, or resume", err=True
        )
    created: datetime | None = None
    with mock.events(run_id) as events:
        for event in events:
            if not event.data:
                continue  # Only a time to reconnect.
            try:
                told: Any = event.json()
            except ValueError:
                click.echo(f"           no JSON: {event.data[:60]}")
                continue
            run, step = told["data"]["run"], told["data"].get("step")
            at = datetime.fromisoformat(run["updatedAt"])
            created = created or datetime.fromisoformat(run["createdAt"])
            click.echo(_line((at - created).total_seconds(), told["event"], step, run))


def _line(seconds: float, name: str, step: dict[str, Any] | None, run: dict[str, Any]) -> str:
    error = (step or run).get("error") if name.endswith(".failed") else None
    why = f"  {error.get('message', '')}" if error else ""
    return f"{seconds:9.3f}  {name:<22} {step['key'] if step else ''}{why}".rstrip()
