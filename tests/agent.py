"""An agent: a client of the Model Context Protocol, the SDK's own, for tests that are not async."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import httpx2
import jsonschema
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client, types
from mcp.client.streamable_http import streamable_http_client

PATIENCE = 60
"""Seconds after which what should have happened is given up."""


class ToolFailedError(Exception):
    """A tool returned an error; the text is what the agent reads."""


class Agent:
    """A session with a server for as long as the block lasts.

    ``mode`` is ``auto`` for the newest protocol, which has no sessions over HTTP, or ``legacy``.
    """

    def __init__(
        self, target: Any, mode: str = "legacy", http: httpx2.AsyncClient | None = None
    ) -> None:
        self._client = Client(target, mode=mode)
        self._http = http
        self._stack = ExitStack()

    @classmethod
    def over_stdio(
        cls, *words: str, mode: str = "legacy", variables: Mapping[str, str] | None = None
    ) -> Agent:
        """Return the agent of a command next to the interpreter, which it starts."""
        command = str(Path(sys.executable).with_name(words[0]))
        return cls(
            stdio_client(
                StdioServerParameters(
                    command=command,
                    args=list(words[1:]),
                    env=environment() | dict(variables or {}),
                )
            ),
            mode,
        )

    @classmethod
    def over_http(cls, url: str, *, mode: str = "legacy", **headers: str) -> Agent:
        """Return an agent of the server at a URL."""
        client = httpx2.AsyncClient(headers=headers, timeout=PATIENCE, verify=False)
        return cls(streamable_http_client(url, http_client=client), mode, client)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.portal: BlockingPortal = stack.enter_context(start_blocking_portal())
            for client in filter(None, (self._http, self._client)):
                stack.enter_context(self.portal.wrap_async_context_manager(client))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def tools(self) -> dict[str, types.Tool]:
        """The tools of the server by name."""
        return {tool.name: tool for tool in self.portal.call(self._client.list_tools).tools}

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured result of a tool. Raise ToolFailedError."""
        return self.result(tool, arguments)

    def result(self, tool: str, arguments: dict[str, Any], progress: Any = None) -> dict[str, Any]:
        """Return the structured result; ``progress`` gets the notifications meanwhile."""
        call = partial(self._client.call_tool, tool, arguments, progress_callback=progress)
        result = self.portal.call(call)
        (text,) = result.content
        assert isinstance(text, types.TextContent)
        if result.is_error:
            raise ToolFailedError(text.text)
        assert json.loads(text.text) == result.structured_content
        assert result.structured_content is not None
        return result.structured_content

    def cancel(self, tool: str, **arguments: Any) -> None:
        """Call a tool and cancel the call at its first notification of progress."""

        async def attempt() -> bool:
            with anyio.CancelScope() as scope:

                async def progress(*_: Any) -> None:
                    scope.cancel()

                await self._client.call_tool(tool, arguments, progress_callback=progress)
            return scope.cancelled_caught

        assert self.portal.call(attempt), f"{tool} ended before it was cancelled"

    def failure(self, tool: str, **arguments: Any) -> str:
        """Return the text of the error of a tool."""
        try:
            content = self.call(tool, **arguments)
        except ToolFailedError as error:
            return str(error)
        raise AssertionError(f"{tool} did not fail: {content}")


def environment() -> dict[str, str]:
    """Return this process's environment without settings of the two commands."""
    return {key: value for key, value in os.environ.items() if not key.startswith("RUNS_")}


@contextmanager
def serving(*words: str, **variables: str) -> Iterator[str]:
    """Start a command that serves over HTTP, and return the URL that it prints."""
    command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
    with subprocess.Popen(
        command,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/mcp", line)
            assert found, line
            yield found[0]
        finally:
            process.terminate()
            process.wait(PATIENCE)


def check_schemas(tools: Mapping[str, types.Tool]) -> None:
    """Check that the schemas are valid, say what each argument is, and reject unknown ones."""
    for name, tool in tools.items():
        assert tool.description, name
        assert tool.output_schema is not None, name
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
        assert tool.input_schema["additionalProperties"] is False, name
