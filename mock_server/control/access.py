"""Access to the control API for pages: whether they need the token, and signing in with it."""

from pathlib import Path

from mock_server.errors import HttpError
from mock_server.http.call import BodyResponse, Call, DeferredResponse, Handler, NoContent, Response
from mock_server.http.control_sessions import COOKIE, ControlSessions
from mock_server.http.html_headers import page_headers, wants_page

_PAGE = Path(__file__).parent.parent / "templates" / "login.html"
_NO_STORE = {"Cache-Control": "no-store"}


def functions(sessions: ControlSessions) -> dict[str, Handler]:
    """Return ``showAccess``, ``signIn`` and ``signOut``."""

    def show(call: Call) -> Response:
        open_ = not sessions.token_required or sessions.is_open(call.exchange.headers)
        content = {"tokenRequired": sessions.token_required, "signedIn": open_}
        return BodyResponse.json(content, 200, _NO_STORE)

    def sign_in(call: Call) -> Response:
        headers = dict(_NO_STORE)
        if sessions.token_required:
            if not sessions.accepts(call.body["token"]):
                return DeferredResponse(reject(call))
            headers["Set-Cookie"] = _cookie(call, sessions.sign_in())
        if wants_page(call.exchange.headers):
            return BodyResponse(b"", 303, {"Location": next_page(call), **headers})
        return BodyResponse.json({"signedIn": True}, 200, headers)

    async def reject(call: Call) -> Response:
        await sessions.delay_guess()
        error = HttpError(401, "token: expected the control token of the mock.")
        if wants_page(call.exchange.headers):
            return login_page(error)
        raise error

    def sign_out(call: Call) -> Response:
        sessions.sign_out(call.exchange.headers)
        return NoContent({"Set-Cookie": f"{_cookie(call, '')}; Max-Age=0"})

    return {"showAccess": show, "signIn": sign_in, "signOut": sign_out}


def login_page(error: HttpError | None = None) -> Response:
    """Return the page that asks for the token, with the reason why the last one was rejected."""
    text = _PAGE.read_text(encoding="utf-8")
    headers = {**page_headers(), **_NO_STORE}
    if error is not None:
        headers |= error.headers
        text = text.replace('role="alert"></p>', f'role="alert">{error.reason}</p>')
    status = 200 if error is None else error.status
    return BodyResponse(text.encode(), status, headers, "text/html; charset=utf-8")


def next_page(call: Call) -> str:
    """Return where the browser goes after it has signed in."""
    return call.parameters["to"] or f"{call.exchange.public.prefix}/"


def _cookie(call: Call, session: str) -> str:
    # By its path it does not reach what else is served on this host, at other ports.
    public = call.exchange.public
    cookie = f"{COOKIE}={session}; Path={public.prefix}/_mock; HttpOnly; SameSite=Strict"
    return f"{cookie}; Secure" if public.scheme == "https" else cookie
