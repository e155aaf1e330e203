"""A small client of the Automation runs API: the code that these tests are about."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2

RUNS = "/api/v1/automation-runs"


class RunsClient:
    """The runs that one credential may see."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx2.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def list(self, status: str | None = None) -> list[dict[str, Any]]:
        """The newest hundred runs, or those of them with that status."""
        filtered = {} if status is None else {"status": status}
        items: list[dict[str, Any]] = self._ask("GET", RUNS, params=filtered)["items"]
        return items

    def get(self, run_id: str) -> dict[str, Any]:
        """One run."""
        return self._ask("GET", f"{RUNS}/{run_id}")

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run."""
        return self._ask("POST", f"{RUNS}/{run_id}/cancel")

    def retry(self, run_id: str) -> dict[str, Any]:
        """Run what failed again, and everything behind it."""
        return self._ask("POST", f"{RUNS}/{run_id}/retry", json={})

    def follow(self, run_id: str) -> Iterator[str]:
        """The names of the run's events, from its beginning to its end."""
        with self._http.stream("GET", f"{RUNS}/{run_id}/events") as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))["event"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **content)
        answer.raise_for_status()
        value: dict[str, Any] = answer.json()
        return value
