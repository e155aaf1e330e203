"""Login: the cookie that a page sends as its credential."""

from mock_server.control.access import login_page, next_page
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.http.call import BodyResponse, Call, Handler, Response
from mock_server.http.control_sessions import ControlSessions
from mock_server.http.credentials import Credentials
from mock_server.http.html_headers import wants_page


def functions(credentials: Credentials, sessions: ControlSessions) -> dict[str, Handler]:
    """Return ``login``."""

    def login(call: Call) -> Response:
        credential = call.parameters["as"]
        if credential is None and wants_page(call.exchange.headers):
            if sessions.token_required:
                return login_page()
            return BodyResponse(b"", 303, {"Location": next_page(call)})
        if credential is None:
            missing = ErrorDetail(("query", "as"), "Field required", "missing")
            raise RequestValidationError([missing])
        if not credentials.opens(credential):
            raise HttpError(
                404,
                f"as: expected a declared world or a name that begins with test-, got "
                f"{credential!r}. Start the mock with --worlds to declare it.",
            )
        cookie = f"{credentials.cookie}={credential}; Path=/; SameSite=Lax"
        if call.exchange.public.scheme == "https":
            # So that a page of another site can send it, too.
            cookie = cookie.replace("Lax", "None; Secure")
        headers = {"Set-Cookie": cookie, "Cache-Control": "no-store"}
        target = call.parameters["to"]
        if target is None:
            content = {"cookie": credentials.cookie, "credential": credential}
            return BodyResponse.json(content, 200, headers)
        return BodyResponse(b"", 303, {"Location": target, **headers})

    return {"login": login}
