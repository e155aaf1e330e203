"""The rules of a run's life: what may follow what, and what is logged of it.

    pending -> running -> completed | failed | cancelled          pending -> cancelled

The store hands out a `Run` to one change at a time, and each rule looks at the state it finds
before it changes anything: so a cancel that races a completion has one outcome. What has ended
stays as it ended, and a retry makes another run.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5  # noqa: TID251 - a real service: random ids

from .automations import AUTOMATIONS, Automation

Json = dict[str, Any]
STATUSES = ("pending", "running", "completed", "failed", "cancelled")
NULL_AT_FIRST = ("startedAt", "completedAt", "durationSeconds", "error")
FINISHED = ("completed", "failed", "cancelled")


class RefusedError(Exception):
    """The run is in no state for what was asked; the text says why."""


@dataclass(slots=True, kw_only=True)
class Run:
    """A run at the moment `at`: `record` and `steps` are what callers see, `news` the events of
    this change, which the store appends to the log."""

    at: str
    automation: str
    attempt: int
    retry_of: str | None
    cancel_requested: bool = False
    record: Json
    steps: list[Json]
    news: list[Json] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def status(self) -> str:
        return str(self.record["status"])

    def seen(self) -> Json:
        """The run as its callers see it."""
        return as_of(self.record, self.at)

    def cancel(self) -> bool:
        """Cancel a pending run at once and ask a running one to stop: it will end cancelled,
        whatever its steps do until then. False if it has finished, and nothing changes."""
        if self.status in FINISHED:
            return False
        self.cancel_requested = True
        if self.status == "pending":
            self._end()
        return True

    def retry(self, mode: str, step_key: str | None) -> "Run":
        """Make the run that does again what did not complete, what `mode` says, and all behind it;
        the other steps stand in it as they ended here. RefusedError unless this run has failed."""
        if self.status != "failed":
            raise RefusedError(f"The run is {self.status}: only a failed run can be retried.")
        kept: dict[str, Json] = {}
        for step in self.steps:
            chosen = mode == "full" or (mode == "from_step" and step["key"] == step_key)
            behind = not kept.keys() >= set(step["dependsOn"])
            if not chosen and not behind and step["status"] == "completed":
                kept[step["key"]] = step
        return new_run(
            self.at,
            AUTOMATIONS[self.automation],
            self.record["tenantId"],
            attempt=self.attempt + 1,
            retry_of=self.id,
            kept=kept,
        )

    def start(self) -> list[str]:
        """The run's turn has come: start it and return the keys of the steps to be done first;
        none if it was cancelled while it waited."""
        if self.status != "pending":
            return []
        self._mark("running")
        return self._advance()

    def end_step(self, key: str, status: str, result: Json | None, error: Json | None) -> list[str]:
        """A running step has ended: record it, end the run if nothing is left to do, and return
        the keys of the steps to be done next."""
        step = next(step for step in self.steps if step["key"] == key)
        self._mark(status, step, result=result, error=error)
        return self._advance()

    def _advance(self) -> list[str]:
        """Start what is ready, unless the run is to stop; end it if nothing is running."""
        status = {step["key"]: step["status"] for step in self.steps}
        started = []
        for step in self.steps:
            if self.cancel_requested or "failed" in status.values():
                break
            ready = all(status[key] == "completed" for key in step["dependsOn"])
            if step["status"] == "pending" and ready:
                self._mark("running", step, actionRunId=new_id())
                status[step["key"]] = "running"
                started.append(step["key"])
        if "running" not in status.values():
            self._end()
        return started

    def _end(self) -> None:
        """Whatever has not begun never will, and the run ends."""
        for step in self.steps:
            if step["status"] == "pending":
                self._mark("cancelled", step)
        failed = [step for step in self.steps if step["status"] == "failed"]
        if self.cancel_requested:
            self._mark("cancelled")
        elif failed:
            self._mark("failed", error=failed[0]["error"] | {"stepKey": failed[0]["key"]})
        else:
            self._mark("completed")

    def _mark(self, status: str, step: Json | None = None, **fields: Any) -> None:
        """Give the run or a step its next status, with its times, and log it."""
        changed = self.record if step is None else step
        changed.update(fields, status=status)
        if status == "running":
            changed["startedAt"] = self.at
        elif step is None or changed["startedAt"] is not None:
            changed["completedAt"] = self.at
            changed["durationSeconds"] = _seconds(changed["startedAt"], self.at)
        self.log("started" if status == "running" else status, step)

    def log(self, what: str, step: Json | None = None) -> None:
        """Add an event that shows the run, and the step if it is about one, as they are now."""
        self.record["updatedAt"] = self.at
        data = {"run": self.seen()}
        if step is not None:
            data["step"] = as_of(step, self.at)
        self.news.append({"event": f"{'run' if step is None else 'step'}.{what}", "data": data})


def new_run(
    at: str,
    automation: Automation,
    tenant: str,
    *,
    attempt: int,
    retry_of: str | None,
    kept: dict[str, Json],
) -> Run:
    """A pending run of the automation, in which the steps `kept` have completed already."""
    automation_id = uuid5(NAMESPACE_URL, automation.name)
    record = dict.fromkeys(NULL_AT_FIRST) | {
        "automationId": str(automation_id),
        "automationVersionId": str(uuid5(automation_id, "1")),
        "concurrencyKey": None,
        "createdAt": at,
        "externalJobId": None,
        "id": new_id(),
        "orchestratorType": "local",
        "status": "pending",
        "tenantId": tenant,
        "triggerSourceId": None,
        "triggerSourceType": "user",
        "triggerType": "manual",
        "updatedAt": at,
        "versionNumber": 1,
    }
    steps = [
        kept.get(step.key)
        or dict.fromkeys(NULL_AT_FIRST)
        | {
            "actionRunId": None,
            "decisionId": None,
            "dependsOn": list(step.after),
            "key": step.key,
            "name": step.name,
            "result": None,
            "resultTruncated": False,
            "status": "pending",
        }
        for step in automation.steps
    ]
    run = Run(
        at=at,
        automation=automation.name,
        attempt=attempt,
        retry_of=retry_of,
        record=record,
        steps=steps,
    )
    run.log("created")
    return run


def as_of(record: Json, at: str) -> Json:
    """A run or step as it is at a moment: the duration of what is running grows."""
    if record["startedAt"] is None or record["completedAt"] is not None:
        return dict(record)
    return record | {"durationSeconds": _seconds(record["startedAt"], at)}


def new_id() -> str:
    return str(uuid4())


def _seconds(start: str | None, end: str) -> float | None:
    if start is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
