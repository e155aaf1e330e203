"""The control API of a running mock, for tools: calls are bounded in time and can be cancelled."""

from typing import Any

import httpx2

from mock_server.errors import UsageError

_CONNECT_SECONDS = 5.0
_RESPONSE_SECONDS = 120.0
_MAX_ERRORS = 5

RUNS = "/api/v1/automation-runs"


class ControlClient:
    """The mock at ``url``, with its control token if it has one."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        try:
            self._client = httpx2.AsyncClient(
                base_url=self.url,
                timeout=httpx2.Timeout(_RESPONSE_SECONDS, connect=_CONNECT_SECONDS),
                # Loading certificates takes longer than most calls.
                verify=self.url.startswith("https://"),
                trust_env=False,
            )
        except httpx2.InvalidURL as error:
            raise UsageError(
                f"--url: expected the address of a mock, got {url!r}: {error}"
            ) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> Any:
        """Return the JSON of a response of the control API, None for one without a body.

        Raise UsageError with the reason of an error response.
        """
        token = {} if self._token is None else {"X-Mock-Token": self._token}
        return await self._send(method, f"/_mock{path}", body, query, token)

    async def retry(self, run: str, world: str, body: dict[str, Any]) -> Any:
        """Retry a run as a client does, since the control API has no operation for it.

        Raise UsageError.
        """
        return await self._send("POST", f"{RUNS}/{run}/retry", body, None, {"X-API-Key": world})

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: dict[str, Any] | None,
        headers: dict[str, str],
    ) -> Any:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = await self._client.request(
                method, path, params=params, json=body, headers=headers
            )
            content = response.json() if response.content else None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise UsageError(
                f"{self.url}: expected a mock, got no connection. Start it with `runs-mock serve`, "
                "or name another with --url."
            ) from None
        except httpx2.TimeoutException:
            raise UsageError(
                f"{self.url}: expected a response within {_RESPONSE_SECONDS:g} seconds, got none. "
                "Ask for less, such as a shorter time to advance."
            ) from None
        except httpx2.TransportError as error:
            raise UsageError(f"{self.url}: the connection broke: {error}. Try again.") from None
        except ValueError as error:  # Not JSON, or a text that JSON does not have.
            raise UsageError(f"{self.url}: expected to exchange JSON: {error}") from None
        if response.is_success:
            return content
        raise UsageError(self._reason(response.status_code, content, path))

    def _reason(self, status: int, content: Any, path: str) -> str:
        detail = content.get("detail") if isinstance(content, dict) else None
        if status == 401 and path.startswith("/_mock"):
            got = "none" if self._token is None else "another"
            return (
                f"{self.url}: expected the mock's control token, got {got}. Start this server with "
                "--token or RUNS_MOCK_CONTROL_TOKEN."
            )
        if isinstance(detail, list):
            return "; ".join(map(_detail, detail[:_MAX_ERRORS]))
        if detail is None:
            return f"{self.url}: expected a runs-mock of this version, got {status} for {path}."
        return str(detail)


def _detail(error: dict[str, Any]) -> str:
    """Return an error of a request without the word `body`, which no tool has."""
    loc = [str(part) for part in error["loc"] if part not in ("body", "query", "path")]
    return f"{'.'.join(loc) or 'the arguments'}: {error['msg']}"
