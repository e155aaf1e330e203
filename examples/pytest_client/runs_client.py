"""A small client of the Automation runs API: the code that these tests are about.

It goes on where a connection or a service fails for a while, and passes `runs-mock exam`.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

RUNS = "/api/v1/automation-runs"
FINISHED = frozenset({"completed", "failed", "cancelled"})
ATTEMPTS = 6
PAGE = 100
POLL_SECONDS = 1.0
WITHOUT_STREAM = frozenset({404, 405, 406, 501})
"""Status codes of a service that has no event stream."""


class RunsClient:
    """The runs that one credential may see.

    ``renew`` returns a new credential when the present one is rejected; ``timeout`` and the times
    that ``sleep`` takes are seconds.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        renew: Callable[[], str] | None = None,
        timeout: float = 30,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._http = httpx2.Client(
            base_url=base_url, timeout=timeout, verify=base_url.startswith("https:")
        )
        self._token = token
        self._renew = renew
        self._sleep = sleep

    def get(self, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._read(f"{RUNS}/{run_id}")

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """Return the steps of a run."""
        steps: list[dict[str, Any]] = self._read(f"{RUNS}/{run_id}/steps")["steps"]
        return steps

    def list(self, status: str | None = None) -> list[dict[str, Any]]:
        """Return all runs, newest first, or those of them with that status, each once.

        A run that is created meanwhile shifts the pages, so a run can be on two of them.
        """
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while True:
            query = {"limit": PAGE, "offset": offset} | (
                {} if status is None else {"status": status}
            )
            items = self._read(RUNS, query)["items"]
            found |= {run["id"]: run for run in items}
            offset += len(items)
            if len(items) < PAGE:
                return list(found.values())

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run."""
        return self._write(run_id, "cancel")

    def retry(self, run_id: str) -> dict[str, Any]:
        """Run the failed steps and their dependents again."""
        return self._write(run_id, "retry", json={})

    def follow(self, run_id: str) -> Iterator[str]:
        """Yield the types of the run's events, from its beginning to its end."""
        for _, event in self.events(run_id):
            yield event["event"]

    def events(self, run_id: str) -> Iterator[tuple[str | None, dict[str, Any]]]:
        """Yield the id and the content of each event, from the beginning of the run to its end.

        Without an event stream, poll: yield an event without an id for each status of the run.
        """
        last: str | None = None
        pause, failures = 1.0, 0
        while True:
            headers = {} if last is None else {"Last-Event-ID": last}
            finished = False
            try:
                with self._send("GET", f"{RUNS}/{run_id}/events", headers=headers) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code in WITHOUT_STREAM:
                        break
                    response.raise_for_status()
                    for message in httpx2.EventSource(response):
                        if message.retry is not None:
                            pause = message.retry / 1_000
                        event = json.loads(message.data)
                        last, failures = message.id, 0
                        yield message.id, event
                        # A retried run goes on after the end of an earlier attempt.
                        finished = event["data"]["run"].get("status") in FINISHED
                if finished:
                    return
            except httpx2.TransportError:  # The stream has broken off.
                failures += 1
                if failures == ATTEMPTS:
                    raise
            self._sleep(max(pause, _backoff(failures)))
        yield from self._poll(run_id)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _poll(self, run_id: str) -> Iterator[tuple[None, dict[str, Any]]]:
        before = None
        while True:
            run = self.get(run_id)
            status = run["status"]
            if status != before:
                yield None, {"event": f"run.{status}", "data": {"run": run}}
            if status in FINISHED:
                return
            before = status
            self._sleep(POLL_SECONDS)

    def _read(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON of a response; read again if it breaks off."""
        for attempt in range(ATTEMPTS):
            try:
                with self._send("GET", path, params=query) as response:
                    response.read()
            except httpx2.TransportError:
                if attempt + 1 == ATTEMPTS:
                    raise
                self._sleep(_backoff(attempt))
            else:
                break
        response.raise_for_status()
        value: dict[str, Any] = response.json()
        return value

    def _write(self, run_id: str, action: str, **content: Any) -> dict[str, Any]:
        """Return the run after an action. Without a complete response, read the run: the action may
        have had its effect, so it is not sent again."""
        try:
            with self._send("POST", f"{RUNS}/{run_id}/{action}", **content) as response:
                response.read()
        except httpx2.TransportError:
            return self.get(run_id)
        response.raise_for_status()
        value: dict[str, Any] = response.json()
        return value

    @contextmanager
    def _send(self, method: str, path: str, **content: Any) -> Iterator[httpx2.Response]:
        """Send a request and open its response; send it again where that is safe and of use."""
        headers = content.pop("headers", {})
        renewed = False
        attempt = 0
        while True:
            credential = {"Authorization": f"Bearer {self._token}"}
            with self._http.stream(
                method, path, headers=headers | credential, **content
            ) as response:
                status = response.status_code
                if status == 401 and self._renew is not None and not renewed:
                    renewed, wait = True, 0.0
                    self._token = self._renew()
                elif self._is_temporary(method, status) and attempt + 1 < ATTEMPTS:
                    wait = max(_retry_after(response), _backoff(attempt))
                    attempt += 1
                else:
                    if not response.is_success:
                        response.read()  # The reason, before the connection is given back.
                    yield response
                    return
            self._sleep(wait)

    @staticmethod
    def _is_temporary(method: str, status: int) -> bool:
        """Return whether to send the request again: one that changes something only where it was
        rejected for sure."""
        return status == 429 or (method == "GET" and status in {500, 502, 503, 504})


def reason(error: httpx2.HTTPStatusError) -> str:
    """Return what an error response says, of whatever kind its body is."""
    try:
        body = error.response.json()
    except ValueError:
        return error.response.reason_phrase
    detail = (body.get("detail") or body.get("title")) if isinstance(body, dict) else body
    return detail if isinstance(detail, str) else json.dumps(detail)


def _backoff(failures: int) -> float:
    """Return seconds: twice as many after each failure, and another number for each client."""
    # Not for a secret.
    return min(0.5 * 2**failures, 30) * random.uniform(0.5, 1)  # noqa: S311


def _retry_after(response: httpx2.Response) -> float:
    """Return the seconds that the service asks for; 0 where it names none, or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
