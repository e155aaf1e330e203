"""Call the six operations of the contract with one credential."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from conformance.client.credentials import Credential
from conformance.client.rate_limit import TOO_MANY_REQUESTS, retry_after
from conformance.client.response import Response
from conformance.client.stream import Stream
from conformance.client.transport import Target
from conformance.errors import CheckFailed, Inconclusive
from conformance.vocabulary import Operation

T = TypeVar("T", Response, Stream)
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Api:
    """The six operations as the bearer of one credential (or of none) calls them."""

    target: Target
    credential: Credential | None

    def with_credential(self, credential: Credential | None) -> Api:
        """The same target as another caller."""
        return Api(self.target, credential)

    def list_runs(self, **query: Any) -> Response:
        """One page; the arguments go into the query as they are."""
        return self.request(Operation.LIST, query=query)

    def get_run(self, run_id: str) -> Response:
        """One run."""
        return self.request(Operation.GET, run_id)

    def get_steps(self, run_id: str) -> Response:
        """Its steps."""
        return self.request(Operation.STEPS, run_id)

    def cancel(self, run_id: str) -> Response:
        """Ask for its end."""
        return self.request(Operation.CANCEL, run_id)

    def retry(self, run_id: str, body: Any = _ABSENT) -> Response:
        """Ask for it to run again; without `body` the request has none."""
        return self.request(Operation.RETRY, run_id, body=body)

    def events(self, run_id: str, last_event_id: str | None = None) -> Stream:
        """Follow its events, behind the last one seen if that is given."""
        headers = self._headers()
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        return _not_rate_limited(self.target.stream(Operation.EVENTS.path(run_id), headers))

    def run(self, run_id: str) -> dict[str, Any]:
        """The run as an object; a Finding if the answer is not 200 with one."""
        return _expect_object(partial(self.get_run, run_id), "GET-01")

    def steps(self, run_id: str) -> dict[str, Any]:
        """The steps and counts as an object; a Finding if the answer is not 200 with one."""
        return _expect_object(partial(self.get_steps, run_id), "STEPS-01")

    def page(self, **query: Any) -> dict[str, Any]:
        """A page as an object; a Finding if the answer is not 200 with one."""
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

        An event stream is cut after its first bytes: this is for its refusals.
        """
        sent = self._headers() | dict(headers or {})
        content = raw if body is _ABSENT else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        if operation is Operation.EVENTS:
            with _not_rate_limited(self.target.stream(operation.path(run_id), sent)) as stream:
                return stream.first_response(self.target.timeout)
        return _not_rate_limited(
            self.target.send(
                operation.method, operation.path(run_id), params=query, headers=sent, body=content
            )
        )

    def _headers(self) -> dict[str, str]:
        return {} if self.credential is None else self.credential.headers()


def _not_rate_limited(response: T) -> T:
    """What was answered, unless that is only that there were too many requests: of what was asked
    it tells nothing, so it is Inconclusive."""
    if response.status != TOO_MANY_REQUESTS:
        return response
    asked = retry_after(response.headers)
    if asked is None:
        raise Inconclusive(
            f"{response.url} is answered with 429, which does not say when to come back",
            caused_by="HTTP-08",
        )
    raise Inconclusive(
        f"the target limits requests: there was no time to wait until it answers {response.url} "
        f"(Retry-After: {asked:.0f} s); raise the tenant's limit, or give the run more time with "
        f"--budget and --patience"
    )


def _expect_object(call: Callable[[], Response], requirement: str) -> dict[str, Any]:
    """The object in an answer; that there is one is the business of this requirement."""
    try:
        response = call()
        if response.status != 200:
            raise CheckFailed(f"{response.summary} instead of 200", exchange=response.exchange)
        return response.object()
    except CheckFailed as fault:
        fault.caused_by = requirement
        raise
