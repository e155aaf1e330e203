"""The client in the exam: do one task, and report what a person would see.

runs-mock exam --client 'python exam_client.py {task} {base_url} {token} {run_id} {credential_url}'
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
from runs_client import RunsClient, reason

Report = dict[str, Any]


def reports(runs: RunsClient, task: str, run_id: str) -> Iterator[Report]:
    """Do the task; yield what is shown as it is shown."""
    try:
        match task:
            case "follow":
                for event_id, event in runs.events(run_id):
                    yield shown_event(event_id, event)
            case "show":
                run = runs.get(run_id)
                for step in runs.steps(run_id):
                    step["key"]  # Shown in a table, which the exam does not ask for.
                yield shown_run(run)
            case "list":
                yield {"shown": "runs", "ids": [run["id"] for run in runs.list()]}
            case "cancel":
                yield shown_run(runs.cancel(run_id))
            case "retry":
                yield shown_run(runs.retry(run_id))
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        yield {"shown": "error", "status": status, "message": reason(error)}
    except httpx2.TransportError as error:
        yield {"shown": "error", "message": str(error)}


def shown_event(event_id: str | None, event: dict[str, Any]) -> Report:
    """Return the report of an event, or of a status where the client polls."""
    if event_id is None:
        return shown_run(event["data"]["run"])
    name = event["data"].get("step", {}).get("name")
    return {"shown": "event", "id": event_id, "event": event["event"], "name": name}


def shown_run(run: dict[str, Any]) -> Report:
    return {"shown": "run", "id": run["id"], "status": run["status"]}


def main(task: str, base_url: str, token: str, run_id: str, credential_url: str) -> None:
    runs = RunsClient(
        base_url,
        token,
        renew=lambda: httpx2.post(credential_url, verify=False).json()["token"],
        timeout=5,
    )
    for report in reports(runs, task, run_id):
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
