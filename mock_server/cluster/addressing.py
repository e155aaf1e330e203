"""The world that a request is for, read from its head before anything else is done."""

from typing import Any
from urllib.parse import parse_qs

from mock_server.errors import HttpError
from mock_server.http.control_sessions import ControlSessions
from mock_server.http.credentials import Credentials
from mock_server.http.middleware.control_access import CONTROL
from mock_server.journal.exchange import Headers


class Addressing:
    """Finds the world of a request by its credential, and in the control API by ``world``."""

    def __init__(
        self, credentials: Credentials, sessions: ControlSessions, root_path: str = ""
    ) -> None:
        self._credentials = credentials
        self._sessions = sessions
        self._root = root_path
        names = [*credentials.header_names, b"authorization", b"cookie"]
        self.fields = frozenset(names)
        """The names of the header fields that decide."""

    def world_of(self, scope: Any) -> str | None:
        """Return the name of the world, which need not exist; None for a request without one."""
        fields = [field for field in scope["headers"] if field[0] in self.fields]
        if self.path_of(scope).startswith(CONTROL):
            return self._controlled(scope, fields)
        return self._credentials.addressed(fields)

    def path_of(self, scope: Any) -> str:
        """Return the path without the prefix of a proxy."""
        path: str = scope["path"]
        root = self._root
        return path[len(root) :] if root and path.startswith(f"{root}/") else path

    def _controlled(self, scope: Any, fields: Headers) -> str | None:
        if scope["query_string"]:
            query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
            if "world" in query:
                return query["world"][0]
        try:
            return self._credentials.world(None, self._sessions.without_token(fields))
        except HttpError:
            return None  # Any process has the same response.
