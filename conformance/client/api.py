"""Call the six operations of the contract with one credential."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from conformance.client.credentials import Credential
from conformance.client.response import Response
from conformance.client.stream import Stream
from conformance.client.transport import Target
from conformance.errors import CheckFailed
from conformance.vocabulary import Operation

T = TypeVar("T", Response, Stream)
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Api:
    """The six operations, called with one credential, or without one."""

    target: Target
    credential: Credential | None

    def with_credential(self, credential: Credential | None) -> Api:
        """Return the same target with another credential."""
        return Api(self.target, credential)

    def list_runs(self, **query: Any) -> Response:
        """Request a page; the arguments are the query."""
        return self.request(Operation.LIST, query=query)

    def get_run(self, run_id: str) -> Response:
        """Request a run."""
        return self.request(Operation.GET, run_id)

    def get_steps(self, run_id: str) -> Response:
        """Request the steps of a run."""
        return self.request(Operation.STEPS, run_id)

    def cancel(self, run_id: str) -> Response:
        """Cancel a run."""
        return self.request(Operation.CANCEL, run_id)

    def retry(self, run_id: str, body: Any = _ABSENT) -> Response:
        """Retry a run; without `body` the request has none."""
        return self.request(Operation.RETRY, run_id, body=body)

    def events(self, run_id: str, last_event_id: str | None = None) -> Stream:
        """Open its event stream, after `last_event_id` if that is given."""
        headers = self._headers()
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        return self.target.stream(_path(Operation.EVENTS, run_id), headers)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return the run. Raise CheckFailed if the response is not 200 with an object."""
        return _expect_object(partial(self.get_run, run_id), "GET-01")

    def steps(self, run_id: str) -> dict[str, Any]:
        """Return steps and counts. Raise CheckFailed if the response is not 200 with an object."""
        return _expect_object(partial(self.get_steps, run_id), "STEPS-01")

    def page(self, **query: Any) -> dict[str, Any]:
        """Return a page. Raise CheckFailed if the response is not 200 with an object."""
        return _expect_object(partial(self.list_runs, **query), "LIST-01")

    def request(
        self,
        operation: Operation,
        run_id: str = "",
        *,
        query: Mapping[str, Any] | list[tuple[str, Any]] | None = None,
        body: Any = _ABSENT,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Call any operation; `body` is sent as JSON, `raw` as it is, with the type for JSON.

        An event stream is closed after its first bytes: use this for its errors.
        """
        sent = self._headers() | dict(headers or {})
        path = _path(operation, run_id)
        content = raw if body is _ABSENT else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        if operation is Operation.EVENTS:
            with self.target.stream(path, sent) as stream:
                return stream.first_response(self.target.timeout)
        return self.target.send(operation.method, path, params=query, headers=sent, body=content)

    def _headers(self) -> dict[str, str]:
        return {} if self.credential is None else self.credential.headers()


def _path(operation: Operation, run_id: str) -> str:
    """Return the path for the run. An id may come from the target: it can lead to no other path."""
    quoted = quote(run_id, safe="", errors="replace")
    return operation.path(quoted.replace(".", "%2E") if set(quoted) == {"."} else quoted)


def _expect_object(call: Callable[[], Response], requirement: str) -> dict[str, Any]:
    """Return the object in the response. A failure is caused by this requirement."""
    try:
        response = call()
        if response.status != 200:
            raise CheckFailed(f"{response.summary} instead of 200", exchange=response.exchange)
        return response.object()
    except CheckFailed as fault:
        fault.caused_by = requirement
        raise
