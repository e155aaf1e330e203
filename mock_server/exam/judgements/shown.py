"""Judgements of what a client reports to show."""

from collections import Counter
from collections.abc import Sequence

from mock_server.engine.run_state import Event
from mock_server.exam.evidence import Evidence, is_known
from mock_server.exam.report_line import ShownEvent
from mock_server.exam.verdict import Verdict, failed, not_judged, passed

_NO_REPORTS = "the client reports nothing"


def shows_every_event(evidence: Evidence) -> Verdict:
    """Judge whether the events are shown in order, each once; without events, the final status."""
    return _events(evidence, [])


def shows_known_events(evidence: Evidence, *, unknown: str) -> Verdict:
    """Judge as ``shows_every_event``; events of the type ``unknown`` may be left out."""
    return _events(evidence, [unknown])


def shows_names(evidence: Evidence) -> Verdict:
    """Judge the names of the steps in the events that are shown."""
    if evidence.run is None or not any(one.name for one in evidence.events):
        return not_judged("the client reports no names of steps")
    plans = [plan.name for plan in evidence.run.scenario.plans]
    for one in evidence.events:
        if one.name is not None and one.name not in plans:
            return failed(f"expected a name of a step, got {one.name[:60]!a}")
    shown = {one.name for one in evidence.events}
    missing = [name for name in plans if name not in shown]
    if missing:
        return failed(f"expected the name {missing[0][:60]!a}, got none")
    return passed(f"{len(plans)} names are shown as they were sent")


def shows_the_status(evidence: Evidence) -> Verdict:
    """Judge whether the last status that is shown is that of the run."""
    if evidence.run is None or not evidence.reporting:
        return not_judged(_NO_REPORTS)
    expected = str(evidence.run.state.status)
    if not evidence.statuses:
        return failed(f"expected the status {expected}, got none{_first_error(evidence)}")
    if evidence.statuses[-1] != expected:
        return failed(f"expected the status {expected}, got {evidence.statuses[-1][:40]!a}")
    return passed(f"the client shows {expected}")


def shows_the_error(evidence: Evidence, *, status: int, text: str) -> Verdict:
    """Judge whether an error is shown with its status code and a ``text`` of its reason."""
    if not evidence.exchanges or not evidence.reporting:
        return not_judged(_NO_REPORTS)
    if not any(one.status == status and text in one.message for one in evidence.errors):
        return failed(
            f"expected an error with the status code {status} and the reason in the response, got "
            f"{_first_error(evidence).lstrip(' :') or 'none'}"
        )
    return passed("the client shows the error and its reason")


def shows_status_or_error(evidence: Evidence) -> Verdict:
    """Judge whether the client shows the run, after another try, or an error."""
    if not evidence.reporting:
        return not_judged(_NO_REPORTS)
    if evidence.statuses:
        return shows_the_status(evidence)
    if not evidence.errors:
        return failed("expected the status of the run or an error, got neither")
    return passed("the client shows an error")


def lists_every_run(evidence: Evidence) -> Verdict:
    """Judge whether all runs that existed from the beginning are listed, each once."""
    if not evidence.reporting:
        return not_judged(_NO_REPORTS)
    counts = Counter(evidence.listed)
    missing = evidence.run_ids - counts.keys()
    if missing:
        return failed(f"expected {len(evidence.run_ids)} runs, {len(missing)} are missing")
    twice = [run_id for run_id, count in counts.items() if count > 1]
    if twice:
        return failed(f"expected each run once, {len(twice)} are listed twice")
    if len(evidence.reads) < 2:
        return not_judged("the client read all runs with one request")
    return passed(f"all {len(evidence.run_ids)} runs are listed once")


def _events(evidence: Evidence, optional: Sequence[str]) -> Verdict:
    if evidence.run is None or not evidence.reporting:
        return not_judged(_NO_REPORTS)
    if not evidence.events:
        return shows_the_status(evidence)
    log = evidence.run.log
    expected = [_key(one, evidence.events) for one in log if one.type not in optional]
    ids = {str(one.seq) for one in log if one.type in optional}
    got = [
        one.id if _has_ids(evidence.events) else one.event
        for one in evidence.events
        if one.id not in ids and (not optional or is_known(one.event))
    ]
    if got == expected:
        return passed(f"all {len(expected)} events are shown in order, each once")
    for position, (one, other) in enumerate(zip(got, expected, strict=False)):
        if one != other:
            return failed(f"event {position + 1} shown: expected {other}, got {one!a}")
    return failed(f"expected {len(expected)} events, {len(got)} are shown{_first_error(evidence)}")


def _has_ids(events: Sequence[ShownEvent]) -> bool:
    return all(one.id is not None for one in events)


def _key(event: Event, events: Sequence[ShownEvent]) -> str:
    return str(event.seq) if _has_ids(events) else str(event.type)


def _first_error(evidence: Evidence) -> str:
    if not evidence.errors:
        return ""
    error = evidence.errors[0]
    code = "" if error.status is None else f"{error.status} "
    return f": {code}{error.message[:100]!a}"
