"""What the checks of a retry have in common: a run that failed, a retry of it, and what became of
its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.assertions.matchers import (
    client_error,
    parse_timestamp,
    require,
    status,
    success,
    unchanged,
)
from conformance.client.response import Response
from conformance.client.run_events import terminal_events
from conformance.errors import CheckFailed, Inconclusive
from conformance.harness.context import CheckContext
from conformance.harness.recordings import Snapshot
from conformance.vocabulary import FINISHED, Level, Operation, State, Status

# Seconds that a step may take to be taken over from another run.
AT_ONCE = 0.05
# The known answers to Q04 that remain when a retry of a run that did not fail is accepted or not.
_UNFAILED = {
    ("explicit", True): ("explicit", "always"),
    ("explicit", False): ("never",),
    ("from_failed", True): ("always",),
    ("from_failed", False): ("explicit", "never"),
}


def made_since(kit: CheckContext, known: set[str], like: dict[str, Any]) -> set[str]:
    """The runs of the same automation that were not there: others may be made by others."""
    same = like.get("automationId")
    return {i for i, run in kit.newest_runs().items() if run.get("automationId") == same} - known


def ends_once_each(kit: CheckContext, run_id: str, most: int) -> None:
    """The run's stream, if it replays what has been (Q13), tells no more ends than attempts."""
    with kit.api.events(run_id) as stream:
        stream.wait(1, lambda s: s.ended or len(terminal_events(s)) > most)
    outcomes = [event.outcome for event in terminal_events(stream)]
    if len(outcomes) > most:
        raise CheckFailed(
            f"the run ended {len(outcomes)} times ({', '.join(outcomes)}) in {most} attempts",
            exchange=stream.exchange,
        )


def failed(kit: CheckContext) -> tuple[str, list[dict[str, Any]]]:
    """A run that failed and would complete if tried again, and its steps."""
    run_id = kit.runs.fresh(State.FAILS_ONCE, Status.FAILED)
    return run_id, kit.steps(run_id)


def rested(kit: CheckContext) -> tuple[str, list[dict[str, Any]]]:
    """Likewise, and what runs again will be seen to start later."""
    found = failed(kit)
    kit.poller.tick()
    return found


def retried(kit: CheckContext, run_id: str, body: Any) -> Response:
    """The answer to a retry that should be accepted; Inconclusive if it is not (RETRY-01)."""
    response = kit.api.retry(run_id, body)
    if success(response):
        raise Inconclusive(
            f"an ordinary retry was not accepted: {response.summary}", caused_by="RETRY-01"
        )
    return response


def rerun(kit: CheckContext, run_id: str, response: Response) -> str:
    """The id of the run that runs again: the same or another (Q01)."""
    new = response.object().get("id")
    if not isinstance(new, str):
        raise Inconclusive("the answer to the retry has no id", caused_by="RETRY-01")
    known, which = ("same_run", "the same") if new == run_id else ("new_run", "another")
    kit.observe("Q01", known, saw=f"{response.summary} with {which} id", exchange=response.exchange)
    return new


def observe_unfailed(kit: CheckContext, response: Response, mode: str, state: str) -> None:
    """Q04, of which each mode tells a part: the answer to a retry of a run that did not fail."""
    asked = "from_failed" if mode == "from_failed" else "explicit"
    accepted, turned_down = not success(response), not client_error(response)
    known = _UNFAILED[asked, accepted] if accepted or turned_down else ()
    saw = f"{mode} of a {state} run: {response.summary}"
    kit.observe("Q04", *known, saw=saw, exchange=response.exchange)


def ran_again(
    kit: CheckContext, run_id: str, before: list[dict[str, Any]], new: str, expected: set[str]
) -> None:
    """When the retry `new` of the run has come to its end, the expected steps have started anew and
    the others are as they were.

    In another run (Q01) a step that is kept may stand as it ended in the first, or start and
    complete at once, with the same outcome.
    """
    kit.poller.wait_for_status(kit.api, new, *FINISHED)
    now = by_key(kit.steps(new))
    if set(now) != set(by_key(before)):
        raise CheckFailed(f"the steps were {sorted(by_key(before))} and are {sorted(now)}")
    for step in before:
        again = now[step["key"]]
        if step["key"] in expected:
            if again.get("startedAt") in (None, step.get("startedAt")):
                raise CheckFailed(f"the step {step['key']!r} did not run again")
        elif why := unchanged(step, again, ("status", "result", "error")):
            raise CheckFailed(f"the step {step['key']!r} was not kept: {why}")
        elif again.get("startedAt") != step.get("startedAt") and (
            new == run_id or not _at_once(again, step)
        ):
            raise CheckFailed(f"the step {step['key']!r} ran again and should have been kept")


def left_behind(now: Snapshot, before: Mapping[str, dict[str, Any]]) -> None:
    """A Finding if the run, or a step of it, has not ended and shows the end of the attempt before:
    `before` are its steps by their keys."""
    shown: list[tuple[str, dict[str, Any], dict[str, Any]]] = [("run", now.run, {})]
    shown += [(f"step {s['key']!r}", s, before.get(s["key"], {})) for s in now.steps]
    for name, bearer, old in shown:
        status = bearer.get("status")
        if status not in (Status.PENDING, Status.RUNNING):
            continue
        if (at := bearer.get("completedAt")) is not None:
            raise CheckFailed(f"after the retry the {name} is {status} and was completed at {at}")
        if name == "run" and bearer.get("error") is not None:
            raise CheckFailed(
                f"after the retry the run is {status} and has an error", level=Level.INFERRED
            )
        for field in ("error", "result"):
            if old.get(field) is not None and bearer.get(field) == old[field]:
                raise CheckFailed(
                    f"after the retry the {name} is {status} and has the {field} of the attempt "
                    f"before",
                    level=Level.INFERRED,
                )


def _at_once(again: dict[str, Any], step: dict[str, Any]) -> bool:
    """Whether the step took next to no time, and less than when it did its work."""
    try:
        took, before = (
            (
                parse_timestamp(s.get("completedAt")) - parse_timestamp(s.get("startedAt"))
            ).total_seconds()
            for s in (again, step)
        )
    except ValueError:
        return again.get("startedAt") is None
    return took <= max(AT_ONCE, before / 10)


def refused(kit: CheckContext, body: bytes, control: bytes) -> None:
    """422 and nothing changed for `body`; `control` is accepted on the same run afterwards."""
    run_id, _ = failed(kit)
    before = kit.api.run(run_id)
    require(kit.api.request(Operation.RETRY, run_id, raw=body), status(422))
    not_changed(kit, run_id, before)
    response = kit.api.request(Operation.RETRY, run_id, raw=control)
    if success(response):
        raise Inconclusive(f"what should be accepted is refused as well: {response.summary}")


def not_changed(kit: CheckContext, run_id: str, before: dict[str, Any]) -> None:
    """The refused request left the run alone."""
    if why := unchanged(before, kit.api.run(run_id)):
        raise CheckFailed(f"a refused retry changed the run: {why}")


def by_key(steps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Steps by their keys."""
    return {step["key"]: step for step in steps}
