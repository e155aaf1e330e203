"""The Flask backend: who may call it, and what it says to requests, good and bad."""

import contextlib
import json
import socket

import pytest
from backend_caller import RUNS, UNKNOWN, Caller, fits, operations, problem
from flask_process import PATIENCE, BackendProcess


class TestCallers:
    """Who may do what."""

    @pytest.mark.parametrize(
        "credential",
        [
            {"authorization": "Bearer acme-key"},
            {"authorization": "bearer  acme-key"},
            {"x-api-key": "acme-key"},
            {"cookie": "theme=dark; vai_token=acme-key"},
        ],
    )
    def test_each_credential_is_enough(
        self, acme: Caller, anonymous: Caller, credential: dict[str, str]
    ) -> None:
        """In any of the three places."""
        run_id = acme.new("pending")
        answer = anonymous.http.get(f"{RUNS}/{run_id}", headers=credential)
        assert answer.json()["tenantId"] == "acme"

    @pytest.mark.parametrize(
        "credential",
        [
            {},
            {"authorization": "Bearer unknown"},
            {"authorization": "Basic acme-key"},
            {"authorization": "acme-key"},
            {"authorization": "", "x-api-key": "acme-key"},
            {"x-api-key": "nobody"},
            {"cookie": "vai_token=unknown"},
        ],
    )
    def test_an_unknown_client_learns_and_changes_nothing(
        self, acme: Caller, anonymous: Caller, credential: dict[str, str]
    ) -> None:
        """401 everywhere, whatever else is wrong, and the run goes on."""
        run_id = acme.new("pending")
        before = acme.run(run_id)
        for method, path in operations(run_id) + operations("no-uuid") + operations(UNKNOWN):
            answer = anonymous.http.request(method, path, headers=credential, content=b"{")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["detail"] == "A valid credential is needed."
        assert acme.run(run_id) == before

    def test_tenants_do_not_meet(self, acme: Caller, globex: Caller) -> None:
        """One neither sees nor changes what the other has."""
        run_id = acme.new("pending")
        before = acme.run(run_id)
        for method, path in operations(run_id)[1:]:
            assert globex.http.request(method, path).status_code == 403
        globex.new("pending")
        page = globex.http.get(RUNS, params={"limit": 1000}).json()
        assert {run["tenantId"] for run in page["items"]} == {"globex"}
        assert acme.run(run_id) == before


class TestRequests:
    """What is asked for badly is reported, as it is documented; nothing is a server error."""

    def test_pages_join_up_to_the_list(self, acme: Caller) -> None:
        """Whatever their size, and `total` is that of all pages, or of one status."""
        for automation in ("pending", "succeeds", "running_long"):
            acme.new(automation)
        whole = acme.http.get(RUNS, params={"limit": 1000}).json()
        total = whole["total"]
        pages = [
            acme.http.get(RUNS, params={"limit": 2, "offset": offset}).json()
            for offset in range(0, total + 2, 2)
        ]
        assert {page["total"] for page in pages} == {total}
        ids = [run["id"] for run in whole["items"]]
        assert [run["id"] for page in pages for run in page["items"]] == ids
        assert len(set(ids)) == total
        cancelled = acme.http.get(RUNS, params={"status": "cancelled", "limit": 1}).json()
        assert cancelled["total"] == [r["status"] for r in whole["items"]].count("cancelled")

    @pytest.mark.parametrize(
        ("query", "faulty"),
        [
            ("limit=1001", ["limit"]),
            ("limit=0", ["limit"]),
            ("limit=&offset=-1&status=", ["status", "limit", "offset"]),
            ("limit=1_0", ["limit"]),
            ("limit=%207", ["limit"]),
            ("limit=NaN", ["limit"]),
            ("limit=%D9%A3", ["limit"]),
            ("limit=" + "9" * 5000, ["limit"]),
            ("limit=1&limit=x", ["limit"]),
            ("offset=1.5", ["offset"]),
            ("status=%FF", ["status"]),
            ("limit=1000&offset=0&status=failed&unknown=%00", []),
            ("offset=9223372036854775808", []),
            ("status=x&status=failed", []),
        ],
    )
    def test_what_is_wrong_with_a_query(self, acme: Caller, query: str, faulty: list[str]) -> None:
        """Every parameter that is wrong is named."""
        answer = acme.http.get(f"{RUNS}?{query}")
        assert answer.status_code == (422 if faulty else 200)
        if faulty:
            detail = fits("ValidationError", answer.json())["detail"]
            assert [fault["loc"] for fault in detail] == [["query", name] for name in faulty]

    @pytest.mark.parametrize(
        ("body", "faulty"),
        [
            (b"null", ["body"]),
            (b"[]", ["body"]),
            (b'{"mode": "full"', ["body"]),
            (b"\xff\xfe{}", ["body"]),
            (b"\xef\xbb\xbf{}", ["body"]),
            ("{}".encode("utf-16"), ["body"]),
            (b"[" * 60_000, ["body"]),
            (b"1" * 5000, ["body"]),
            (b'{"mode": NaN}', ["body"]),
            (b'{"mode": null, "stepKey": 5}', ["body.mode", "body.stepKey"]),
            (b'{"mode": ["full"]}', ["body.mode"]),
            (b'{"mode": "\\ud800"}', ["body.mode"]),
            (b'{"mode": "from_step"}', ["body.stepKey"]),
            (b'{"mode": "from_step", "stepKey": "\\ud800"}', ["body.stepKey"]),
        ],
    )
    @pytest.mark.parametrize("chunked", [False, True])
    def test_what_is_wrong_with_a_body(
        self, acme: Caller, body: bytes, faulty: list[str], chunked: bool
    ) -> None:
        """Every part that is wrong is named, and no run comes of it."""
        run_id = acme.new("pending")
        total = acme.http.get(RUNS).json()["total"]
        answer = acme.http.post(
            f"{RUNS}/{run_id}/retry",
            content=iter([body[:1], body[1:]]) if chunked else body,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 422
        detail = fits("ValidationError", answer.json())["detail"]
        assert [".".join(fault["loc"]) for fault in detail] == faulty
        assert acme.http.get(RUNS).json()["total"] == total

    @pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "", ";;;"])
    def test_a_body_that_is_not_called_json_is_refused(self, acme: Caller, kind: str) -> None:
        """Although it is."""
        path = f"{RUNS}/{acme.new('pending')}/retry"
        answer = acme.http.post(path, content=b"{}", headers={"content-type": kind})
        assert answer.json()["detail"][0]["loc"] == ["header", "content-type"]

    @pytest.mark.parametrize("run_id", ["x", "%00", "%FF", UNKNOWN.replace("-", ""), f"{UNKNOWN}0"])
    def test_an_id_that_is_not_a_uuid_is_refused(self, acme: Caller, run_id: str) -> None:
        """By every operation that takes one."""
        for method, path in operations(run_id)[1:]:
            answer = acme.http.request(method, path)
            assert answer.status_code == 422
            assert fits("ValidationError", answer.json())["detail"][0]["loc"] == ["path", "run_id"]

    def test_an_id_is_the_same_in_capitals(self, acme: Caller) -> None:
        """A UUID has no case."""
        run_id = acme.new("pending")
        assert acme.run(run_id.upper())["id"] == run_id

    def test_what_is_not_there_is_not_found(self, acme: Caller) -> None:
        """A run, or a path; the problem is reported in JSON."""
        paths = [path for method, path in operations(UNKNOWN)[1:] if method == "GET"]
        for path in [*paths, "/", f"{RUNS}/", f"{RUNS}//steps", f"{RUNS}/{UNKNOWN}/nothing"]:
            assert problem(acme.http.get(path)) == 404
        assert problem(acme.cancel(UNKNOWN)) == 404
        assert problem(acme.retry(UNKNOWN)) == 404

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
    def test_other_methods_are_not_allowed(self, acme: Caller, method: str) -> None:
        """And the answer says which are."""
        for allowed, path in operations(acme.new("pending")):
            answer = acme.http.request(method, path)
            assert problem(answer) == 405
            assert allowed in answer.headers["allow"].split(", ")

    @pytest.mark.parametrize(
        "said",
        [
            b"\x00\xff garbage\r\n\r\n",
            b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: [\xff\r\nCookie: ;=\xff\r\n\r\n",
            b"POST {retry}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
            b"POST {retry}Content-Length: -5\r\n\r\n{}",
            b"POST {retry}Content-Length: 99999999999\r\n\r\n{}",
            b"POST {retry}Content-Length: 70000\r\n\r\n" + b" " * 70_000,
            b"POST {retry}Content-Length: 10\r\n\r\n{}",
        ],
    )
    def test_what_is_hardly_http_is_a_client_error(
        self, backend: BackendProcess, acme: Caller, said: bytes
    ) -> None:
        """In JSON, and the service goes on."""
        run_id = acme.new("pending")
        retry = (
            f"{RUNS}/{run_id}/retry HTTP/1.1\r\nHost: x\r\nX-API-Key: acme-key\r\n"
            "Content-Type: application/json\r\n"
        )
        head, _, body = heard(backend.url, said.replace(b"{retry}", retry.encode()))
        assert head.startswith(b"HTTP/1.1 4"), head
        assert json.loads(body)["detail"]
        assert acme.run(run_id)["status"] == "pending"


def heard(url: str, said: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, separator and body of what the service says to these bytes and nothing more."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        # It may answer, and close, before it has heard all.
        with contextlib.suppress(ConnectionError):
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
    return answer.partition(b"\r\n\r\n")
