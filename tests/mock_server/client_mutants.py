"""Clients that each do one thing wrong, by the item of the exam that finds it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from examined import RunsClient

Json = dict[str, Any]
PATH = "/api/v1/automation-runs"


class ForgetsTheLastEvent(RunsClient):
    @contextmanager
    def _send(self, method: str, path: str, **content: Any) -> Iterator[httpx2.Response]:
        content.pop("headers", None)
        with super()._send(method, path, **content) as response:
            yield response


class TakesTheIdOfHalfAnEvent(RunsClient):
    @contextmanager
    def _send(self, method: str, path: str, **content: Any) -> Iterator[httpx2.Response]:
        last = content.get("headers", {}).get("Last-Event-ID")
        if last is not None:
            content["headers"] = {"Last-Event-ID": str(int(last) + 1)}
        with super()._send(method, path, **content) as response:
            yield response


class FollowsAgain(RunsClient):
    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        yield from super().events(run_id)
        yield from super().events(run_id)


class StopsAtTheFirstEnd(RunsClient):
    """Of several attempts."""

    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        for event_id, event in super().events(run_id):
            yield event_id, event
            if event["event"] == "run.failed":
                return


class ReadsForEver(RunsClient):
    """Well, a few times more."""

    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        yield from super().events(run_id)
        for _ in range(5):
            self.get(run_id)


class DoesNotWait(RunsClient):
    def __init__(self, *where: str, **options: Any) -> None:
        super().__init__(*where, **options | {"sleep": lambda _: None})


class WaitsLikeAClock(RunsClient):
    """Always the same time."""

    def __init__(self, *where: str, sleep: Callable[[float], object], **options: Any) -> None:
        super().__init__(*where, sleep=lambda _: sleep(1), **options)


class HasNoJitter(RunsClient):
    """Twice as long each time, and never anything between."""

    def __init__(self, *where: str, sleep: Callable[[float], object], **options: Any) -> None:
        super().__init__(*where, sleep=lambda s: sleep(2 ** math.ceil(math.log2(s))), **options)


class DecodesChunkByChunk(RunsClient):
    @contextmanager
    def _send(self, method: str, path: str, **content: Any) -> Iterator[httpx2.Response]:
        with super()._send(method, path, **content) as response:
            response.iter_text = lambda: (
                chunk.decode(errors="replace") for chunk in response.iter_raw()
            )
            yield response


class NeedsTheStream(RunsClient):
    def _poll(self, run_id: str) -> Iterator[tuple[None, Json]]:
        return iter(())


class GivesUp(RunsClient):
    @staticmethod
    def _is_temporary(method: str, status: int) -> bool:
        return False


class RepeatsBlindly(RunsClient):
    def _write(self, run_id: str, action: str, **content: Any) -> Json:
        for _ in range(2):
            try:
                with self._send("POST", f"{PATH}/{run_id}/{action}", **content) as response:
                    response.read()
            except httpx2.TransportError:
                pass
        return self.get(run_id)


class DoesNotLook(RunsClient):
    def _write(self, run_id: str, action: str, **content: Any) -> Json:
        with self._send("POST", f"{PATH}/{run_id}/{action}", **content) as response:
            response.read()
        return dict(response.json())


class RejectsUnknownFields(RunsClient):
    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        for event_id, event in super().events(run_id):
            if event.keys() != {"event", "data"}:
                raise TypeError(event)
            yield event_id, event


class RejectsUnknownValues(RunsClient):
    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        for event_id, event in super().events(run_id):
            if event["event"] not in {"run.created", "run.started", "step.started"}:
                raise ValueError(event)
            yield event_id, event


class NeedsEveryField(RunsClient):
    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        for event_id, event in super().events(run_id):
            event["data"]["run"]["startedAt"]
            yield event_id, event

    def get(self, run_id: str) -> Json:
        run = super().get(run_id)
        run["error"]["message"]
        return run


class ShowsNoReason(RunsClient):
    def _write(self, run_id: str, action: str, **content: Any) -> Json:
        try:
            return super()._write(run_id, action, **content)
        except httpx2.HTTPStatusError as error:
            request, status = error.request, error.response.status_code
            bare = httpx2.Response(status, json={}, request=request)
            raise httpx2.HTTPStatusError("", request=request, response=bare) from None


class TakesErrorsForJson(RunsClient):
    @staticmethod
    def _is_temporary(method: str, status: int) -> bool:
        return False

    def _read(self, path: str, query: Json | None = None) -> Json:
        with self._send("GET", path, params=query) as response:
            response.read()
        return dict(response.json())


class TakesHalfForAll(RunsClient):
    def _read(self, path: str, query: Json | None = None) -> Json:
        with self._send("GET", path, params=query) as response:
            try:
                response.read()
            except httpx2.TransportError:
                raise ValueError("not JSON") from None
        return dict(response.json())


class IsImpatient(RunsClient):
    def __init__(self, *where: str, **options: Any) -> None:
        super().__init__(*where, **options | {"timeout": 0.05})


class ListsTwice(RunsClient):
    def list(self, status: str | None = None) -> Any:
        found, offset = [], 0
        while items := self._read(PATH, {"offset": offset})["items"]:
            found += items
            offset += len(items)
        return found


class ListsOnePage(RunsClient):
    def list(self, status: str | None = None) -> Any:
        return self._read(PATH)["items"]


class KeepsItsCredential(RunsClient):
    def __init__(
        self, base_url: str, token: str, *, renew: Callable[[], str], **options: Any
    ) -> None:
        super().__init__(base_url, token, renew=lambda: (renew(), token)[1], **options)


class LogsInForEver(RunsClient):
    def events(self, run_id: str) -> Iterator[tuple[str | None, Json]]:
        for _ in range(5):
            try:
                yield from super().events(run_id)
            except httpx2.HTTPStatusError:
                continue


class SendsMore(RunsClient):
    """A parameter that the contract does not have."""

    @contextmanager
    def _send(self, method: str, path: str, **content: Any) -> Iterator[httpx2.Response]:
        content["params"] = (content.get("params") or {}) | {"verbose": "1"}
        with super()._send(method, path, **content) as response:
            yield response


MUTANTS: tuple[tuple[str, type[RunsClient]], ...] = (
    ("STREAM-01", ForgetsTheLastEvent),
    ("STREAM-02", ForgetsTheLastEvent),
    ("STREAM-03", TakesTheIdOfHalfAnEvent),
    ("STREAM-04", FollowsAgain),
    ("STREAM-04", ReadsForEver),
    ("STREAM-05", FollowsAgain),
    ("STREAM-06", DoesNotWait),
    ("STREAM-07", DecodesChunkByChunk),
    ("STREAM-08", StopsAtTheFirstEnd),
    ("POLL-01", NeedsTheStream),
    ("POLL-02", DoesNotWait),
    ("POLL-03", ReadsForEver),
    ("WAIT-01", DoesNotWait),
    ("WAIT-02", WaitsLikeAClock),
    ("WAIT-03", GivesUp),
    ("WAIT-04", WaitsLikeAClock),
    ("WAIT-05", HasNoJitter),
    ("REPEAT-01", RepeatsBlindly),
    ("REPEAT-02", RepeatsBlindly),
    ("REPEAT-03", RepeatsBlindly),
    ("REPEAT-04", DoesNotLook),
    ("CHANGE-01", RejectsUnknownFields),
    ("CHANGE-02", RejectsUnknownValues),
    ("CHANGE-03", NeedsEveryField),
    ("CHANGE-04", NeedsEveryField),
    ("CHANGE-05", NeedsEveryField),
    ("ERROR-01", ShowsNoReason),
    ("ERROR-02", TakesErrorsForJson),
    ("ERROR-03", TakesHalfForAll),
    ("ERROR-04", IsImpatient),
    ("PAGE-01", ListsTwice),
    ("PAGE-01", ListsOnePage),
    ("AUTH-01", KeepsItsCredential),
    ("AUTH-02", LogsInForEver),
    ("CONTRACT-01", SendsMore),
)
