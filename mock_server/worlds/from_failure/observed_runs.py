"""The runs that the exchanges of a failure show: how each was at several times, and its stream."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mock_server.engine.run_state import Json
from mock_server.strict_json import JsonError, parse
from mock_server.worlds.from_failure.failure_file import ExchangeRecord, FailureFile

_ROOT = "/api/v1/automation-runs"


class Attempt(NamedTuple):
    """The last state that was seen of a run before it was retried, or at all: the run and its
    steps, each None if it was not read. ``first`` is the run as the retry returned it."""

    run: Json | None = None
    steps: list[Json] | None = None
    first: Json | None = None


class StreamEvent(NamedTuple):
    """An event of a stream: its type, the run and the step in it, None where there is none."""

    type: str
    run: Json | None
    step: Json | None


@dataclass(slots=True)
class ObservedRun:
    """A run: its attempts, and the longest of its streams."""

    id: str
    attempts: list[Attempt] = field(default_factory=lambda: [Attempt()])
    stream: list[StreamEvent] = field(default_factory=list)

    def see_run(self, run: Json) -> None:
        """Note the run as it is now."""
        self.attempts[-1] = self.attempts[-1]._replace(run=run)

    def see_steps(self, steps: list[Json]) -> None:
        """Note its steps as they are now."""
        self.attempts[-1] = self.attempts[-1]._replace(steps=steps)

    def retry(self, run: Json) -> None:
        """Begin another attempt, with the run as the retry returned it."""
        if self.attempts[-1].run is not None:
            self.attempts.append(Attempt(first=run))

    @property
    def runs(self) -> Iterable[Json]:
        """Every state of the run itself, the last one last."""
        yield from (event.run for event in self.stream if event.run is not None)
        yield from (attempt.run for attempt in self.attempts if attempt.run is not None)

    @property
    def steps(self) -> dict[str, Json]:
        """The last state of each step by its key, in order."""
        found: dict[str, Json] = {}
        for attempt in self.attempts:
            found |= {_key(step): step for step in attempt.steps or ()}
        for event in self.stream:
            if event.step is not None:
                found.setdefault(_key(event.step), event.step)
                found[_key(event.step)] = found[_key(event.step)] | event.step
        return found


def observed_runs(failure: FailureFile) -> dict[str, ObservedRun]:
    """Return the runs by id, in the order in which they were seen first."""
    found: dict[str, ObservedRun] = {}
    exchanges = [exchange for check in failure.checks for exchange in check.exchanges]
    for exchange in sorted(exchanges, key=lambda one: one.at + one.seconds):
        if exchange.status is not None and 200 <= exchange.status < 300:
            _see(exchange, found)
    return {run_id: one for run_id, one in found.items() if any(one.runs) or one.steps}


def _see(exchange: ExchangeRecord, found: dict[str, ObservedRun]) -> None:
    try:
        _, root, rest = urlsplit(exchange.url).path.partition(_ROOT)
    except ValueError:
        return
    run_id, _, operation = rest.strip("/").partition("/")
    body = None if operation == "events" else _json(exchange.body)
    match operation:
        case _ if not root:
            return
        case "" if not run_id:
            items = body.get("items") if isinstance(body, dict) else None
            for item in items if isinstance(items, list) else ():
                _see_run(item, found)
        case "" | "cancel":
            _see_run(body, found)
        case "retry" if exchange.method == "POST":
            if isinstance(body, dict) and body.get("id") == run_id:
                found.setdefault(run_id, ObservedRun(run_id)).retry(body)
            _see_run(body, found)
        case "steps" if isinstance(body, dict) and isinstance(body.get("steps"), list):
            steps = [step for step in body["steps"] if _key(step)]
            found.setdefault(run_id, ObservedRun(run_id)).see_steps(steps)
        case "events":
            stream = [one for event in exchange.events if (one := _event(event.data, event.event))]
            run = found.setdefault(run_id, ObservedRun(run_id))
            if len(stream) > len(run.stream):
                run.stream = stream


def _see_run(value: Any, found: dict[str, ObservedRun]) -> None:
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        found.setdefault(value["id"], ObservedRun(value["id"])).see_run(value)


def _event(text: str, name: str) -> StreamEvent | None:
    value = _json(text)
    if not isinstance(value, dict):
        return None
    inner = value["data"] if isinstance(value.get("data"), dict) else value
    run, step = inner.get("run"), inner.get("step")
    return StreamEvent(
        str(value.get("event", name)),
        run if isinstance(run, dict) else None,
        step if _key(step) else None,
    )


def _json(text: str) -> Any:
    try:
        return parse(text.encode())
    except (JsonError, UnicodeEncodeError):
        return None


def _key(step: Any) -> str:
    """Return the key of a step, or "" for what has none."""
    key = step.get("key") if isinstance(step, dict) else None
    return key if isinstance(key, str) else ""
