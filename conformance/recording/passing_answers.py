"""Read traffic that passes by as answers to the open questions, as far as it shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs

from conformance.catalogue.open_questions import (
    Observation,
    ObservedAnswer,
    Question,
    RecordedObservation,
    observed_answers,
)
from conformance.client.run_events import run_events
from conformance.recording.observed_run import has_ended
from conformance.recording.passing_runs import PassingRuns, object_in, sse_events
from conformance.recording.run_course import Json, instant
from conformance.traffic.exchange import ObservedExchange, ObservedResponse
from conformance.vocabulary import FINISHED, Operation, Status

_CHECK = "traffic"
_PROBLEM = "application/problem+json"
_MAX_RECORDS = 20
"""Different observations of a question that are kept."""

_CREDENTIALS = ("authorization", "x-api-key", "cookie")
_SUCCESSES = {200: "ok", 201: "created", 202: "accepted"}
_REJECTIONS = {409: "conflict", 400: "bad_request"}
_NULLABLE = ("completedAt", "concurrencyKey", "durationSeconds", "error", "externalJobId")

Answer = tuple[str, str | None, str]
"""A question, the known answer that was seen, None for another one, and what was seen."""


class PassingAnswers:
    """The observations so far. `runs` are the runs as they were before each exchange."""

    def __init__(self, runs: PassingRuns) -> None:
        self._runs = runs
        self._records: dict[tuple[str, str | None], RecordedObservation] = {}

    def take(self, seen: ObservedExchange) -> None:
        """Take an exchange, before `runs` does."""
        place, response = seen.request.place, seen.response
        if place is None or place.operation is None or response is None or response.bare:
            return
        body = object_in(response.body or b"")
        for question, answer, observed in self._answers(seen, place.operation, response, body):
            if len(self._records) < _MAX_RECORDS * 22:
                known = () if answer is None else (answer,)
                self._records.setdefault(
                    (question, answer if answer is not None else observed[:80]),
                    RecordedObservation(
                        place.operation.value, _CHECK, Observation(question, known, observed[:300])
                    ),
                )

    def observed(self, questions: Mapping[str, Question]) -> dict[str, ObservedAnswer]:
        """Return what was seen of each question."""
        return observed_answers(questions, self._records.values())

    def _answers(
        self, seen: ObservedExchange, operation: Operation, response: ObservedResponse, body: Json
    ) -> Iterator[Answer]:
        if response.status in (401, 403) and not any(
            name in seen.request.values for name in _CREDENTIALS
        ):
            word = "unauthorized" if response.status == 401 else "forbidden"
            yield "Q08", word, f"no credential returned {response.status}"
        if 400 <= response.status < 500 and response.status not in (422, 429):
            yield from _error_body(response, body)
        match operation:
            case Operation.LIST:
                yield from _list(seen, response, body)
            case Operation.CANCEL | Operation.RETRY:
                yield from self._change(seen, operation, response, body)
            case Operation.EVENTS:
                yield from self._stream(seen, response)
            case Operation.GET if response.status == 200:
                yield from _run(body)
            case Operation.STEPS if response.status == 200:
                known = self._of(seen)
                if known.get("status") == Status.FAILED:
                    yield from _dependents(body)
            case _:
                pass

    def _of(self, seen: ObservedExchange) -> Json:
        place = seen.request.place
        known = self._runs.find(place.run_id) if place is not None else None
        return {} if known is None else known.run

    def _change(
        self, seen: ObservedExchange, operation: Operation, response: ObservedResponse, body: Json
    ) -> Iterator[Answer]:
        if seen.request.method != "POST":
            return
        before, status = self._of(seen), response.status
        was = str(before.get("status"))
        observed = f"{operation.value} of a {was} run returned {status}"
        succeeded = status in _SUCCESSES
        if operation is Operation.CANCEL and was in FINISHED:
            if succeeded and body.get("status") == was:
                yield "Q02", "unchanged", observed
            elif status in _REJECTIONS:
                yield "Q02", _REJECTIONS[status], observed
        elif operation is Operation.RETRY and was in (Status.PENDING, Status.RUNNING):
            if status in _REJECTIONS:
                yield "Q03", _REJECTIONS[status], observed
        elif succeeded:
            yield "Q22", _SUCCESSES[status], observed
            if operation is Operation.RETRY and isinstance(body.get("id"), str):
                place = seen.request.place
                same = place is not None and body["id"].lower() == place.run_id.lower()
                yield "Q01", "same_run" if same else "new_run", observed
            if operation is Operation.CANCEL and was == Status.RUNNING:
                word = {"cancelled": "at_once", "running": "cooperative"}
                yield "Q10", word.get(str(body.get("status"))), f"{observed}: {body.get('status')}"

    def _stream(self, seen: ObservedExchange, response: ObservedResponse) -> Iterator[Answer]:
        finished = has_ended(self._of(seen))
        first = "last-event-id" not in seen.request.values
        if response.status == 204 and finished and first:
            yield "Q13", "closes", "the stream of a finished run returned 204"
        if not response.is_stream or response.body is None:
            return
        events = sse_events(response.body)
        for lines in {event.lines for event in events}:
            words = {
                frozenset({"id", "event", "data"}): "full",
                frozenset({"data"}): "data_only",
            }
            yield "Q12", words.get(lines), f"events have the lines {', '.join(sorted(lines))}"
        if not response.complete or not first:
            return
        if finished:
            word = "replays" if events else "closes"
            yield "Q13", word, f"the stream of a finished run closed after {len(events)} events"
        elif any(event.ends_run for event in run_events(events)[-1:]):
            yield "Q14", "closes", "the stream closed after the terminal event"


def _error_body(response: ObservedResponse, body: Json) -> Iterator[Answer]:
    media = response.values.get("content-type", "").partition(";")[0].strip().lower()
    if media == _PROBLEM or {"title", "status"} <= set(body):
        yield "Q20", "problem", f"{response.status} as {media}"
    elif isinstance(body.get("detail"), str):
        yield "Q20", "detail", f"{response.status} as {media} with detail"


def _list(seen: ObservedExchange, response: ObservedResponse, body: Json) -> Iterator[Answer]:
    query = parse_qs(seen.request.query, keep_blank_values=True)
    words = {200: "empty", 422: "invalid"}
    status, limit = query.get("status", [""])[0], query.get("limit", [""])[0]
    if status and status not in set(Status) and response.status in words:
        yield "Q05", words[response.status], f"an unknown status returned {response.status}"
    if (limit == "0" or limit.startswith("-")) and response.status in words:
        yield "Q06", words[response.status], f"limit={limit} returned {response.status}"
    if query.keys() - {"status", "limit", "offset"} and response.status == 200:
        yield "Q07", "ignored", "an unknown query parameter returned 200"
    items = body.get("items")
    runs = [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    times = [at for run in runs if (at := instant(run, "createdAt")) is not None]
    if len(set(times)) > 1:
        found = {"newest_first": sorted(times, reverse=True), "oldest_first": sorted(times)}
        word = next((name for name, order in found.items() if order == times), None)
        yield "Q11", word, f"createdAt of {len(times)} runs"
    for run in runs[:20]:
        yield from _run(run)


def _run(run: Json) -> Iterator[Answer]:
    absent = [name for name in _NULLABLE if name not in run]
    null = [name for name in _NULLABLE if name in run and run[name] is None]
    if absent or null:
        word = "null" if not absent else "absent" if not null else None
        yield "Q19", word, f"a run has {len(null)} null fields and lacks {len(absent)}"
    if run.get("status") == Status.RUNNING and "durationSeconds" in run:
        word = "null" if run["durationSeconds"] is None else "grows"
        yield "Q21", word, f"durationSeconds of a running run is {word}"


def _dependents(body: Json) -> Iterator[Answer]:
    listed = body.get("steps")
    steps = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    ended = {str(step.get("key")) for step in steps if step.get("status") == "failed"}
    later = set(ended)
    for _ in steps:
        more = {
            str(step.get("key"))
            for step in steps
            if isinstance(step.get("dependsOn"), list) and later & set(map(str, step["dependsOn"]))
        }
        if more <= later:
            break
        later |= more
    found = {str(step.get("status")) for step in steps if str(step.get("key")) in later - ended}
    if found:
        (word, *others) = sorted(found)
        known = word if not others and word in ("skipped", "pending", "cancelled") else None
        yield "Q18", known, f"dependents of a failed step are {', '.join(sorted(found))}"
