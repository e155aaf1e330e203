"""Printing a run's events as they happen."""

from datetime import datetime
from typing import Any

from mock_server.cli.remote import Remote
from mock_server.cli.text import echo


def follow_run(mock: Remote, run_id: str) -> None:
    """Print the run's events until it has ended: the seconds of the world's clock since its
    creation, the event, the step. Raise UsageError."""
    if mock.get("/clock")["frozen"] and mock.run(run_id)["completedAt"] is None:
        echo(
            f"the clock of {mock.world} is frozen: runs-mock clock advance 1m, or resume", err=True
        )
    created: datetime | None = None
    with mock.events(run_id) as events:
        for event in events:
            if not event.data:
                continue  # A retry field without an event.
            try:
                content: Any = event.json()
            except ValueError:
                echo(f"           no JSON: {event.data[:60]}")
                continue
            run, step = content["data"]["run"], content["data"].get("step")
            at = datetime.fromisoformat(run["updatedAt"])
            created = created or datetime.fromisoformat(run["createdAt"])
            echo(_line((at - created).total_seconds(), content["event"], step, run))


def _line(seconds: float, name: str, step: dict[str, Any] | None, run: dict[str, Any]) -> str:
    error = (step or run).get("error") if name.endswith(".failed") else None
    why = f"  {error.get('message', '')}" if error else ""
    return f"{seconds:9.3f}  {name:<22} {step['key'] if step else ''}{why}".rstrip()
