"""What a frontend, and one with faults, requests of an API: enough to exercise most of what traffic
can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from conformance.vocabulary import ROOT

MALFORMED = "not-a-uuid"
UNKNOWN = "71c2941b-2662-5e0c-8874-3ca5ef3c6b7e"
RUN_PATHS = (("GET", ""), ("GET", "/steps"), ("GET", "/events"), ("POST", "/cancel"))


class Frontend:
    """A client of the API at an address; the control API of the mock, at another, moves time."""

    def __init__(self, api: str, mock: str, world: str) -> None:
        self._world = world
        headers = {"Authorization": f"Bearer {world}"}
        self._api = httpx2.Client(base_url=api, headers=headers, trust_env=False, timeout=30)
        self._mock = httpx2.Client(
            base_url=mock, headers={"X-API-Key": world}, trust_env=False, timeout=30
        )

    def close(self) -> None:
        """Close all connections."""
        self._api.close()
        self._mock.close()

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Send a request to the API and read the response."""
        return self._api.request(method, f"{ROOT}{path}", **more)

    def control(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a request to the control API."""
        response = self._mock.post(f"/_mock{path}", json=body)
        response.raise_for_status()
        return response.json()

    def behave_well(self) -> None:
        """List, read, follow, cancel and retry runs as the contract says."""
        self.control("/clock/freeze", {})
        done, failing = self._run("diamond"), self._run("failure-in-the-middle")
        hanging = self._run("hang")
        for query in ("", "?limit=2", "?limit=1000", "?status=completed&limit=5"):
            self.request("GET", query)
        self.request("GET", "?offset=100000")
        for run_id in (done, failing):
            self._watch(run_id)
        self._follow(done)
        self.request("POST", f"/{failing}/retry", json={})
        self._read(failing)
        self._watch(failing)
        for _ in range(2):
            self.request("POST", f"/{hanging}/cancel")
            self._read(hanging)
        for method, path in RUN_PATHS:
            self.request(method, f"/{UNKNOWN}{path}")

    def behave_badly(self) -> None:
        """Send requests that the contract does not permit."""
        for query in ("limit=1001", "offset=-1", "limit=ten", "status=x", "wrong=1", "limit=0"):
            self.request("GET", f"?{query}")
        for method, path in RUN_PATHS:
            self.request(method, f"/{MALFORMED}{path}")
        run_id = self._run("failure-in-the-middle")
        self.control("/clock/advance", {"seconds": 600})
        retry = f"/{run_id}/retry"
        for body in ('{"mode": "x"}', '{"stepKey": 1}', "{", "[]"):
            headers = {"Content-Type": "application/json"}
            self.request("POST", retry, content=body, headers=headers)
        self.request("POST", retry, content="{}", headers={"Content-Type": "text/plain"})
        self.request("GET", f"/{self._run('hang')}/cancel")
        self.request("GET", f"/{UNKNOWN}/unknown/path")
        self.request("GET", "", headers={"Authorization": ""})
        self.request("GET", f"?token={self._world}-in-the-url")

    def _run(self, scenario: str) -> str:
        return str(self.control("/runs", {"scenario": scenario})["id"])

    def _watch(self, run_id: str) -> None:
        for seconds in (0.5, 1, 60, 600):
            self._read(run_id)
            self.control("/clock/advance", {"seconds": seconds})
        for _ in range(2):
            self._read(run_id)
            self.request("GET", "")

    def _read(self, run_id: str) -> None:
        self.request("GET", f"/{run_id}")
        self.request("GET", f"/{run_id}/steps")

    def _follow(self, run_id: str) -> None:
        self.request("GET", f"/{run_id}/events")
        self.request("GET", f"/{run_id}/events", headers={"Last-Event-ID": "2"})
        self._read(run_id)
