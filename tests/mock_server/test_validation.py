"""Bad input of every kind gets the documented 422 body, and never anything worse."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import raw_http

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"


def errors(answer: httpx2.Response) -> list[tuple[tuple[str, ...], str]]:
    """Where and of which type every flaw is; checks the documented shape on the way."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"detail"}
    for item in body["detail"]:
        assert set(item) == {"loc", "msg", "type"}
        assert item["msg"]
    return [(tuple(item["loc"]), item["type"]) for item in body["detail"]]


@pytest.mark.parametrize(
    ("query", "name", "type_"),
    [
        ("limit=x", "limit", "int_parsing"),
        ("limit=", "limit", "int_parsing"),
        ("limit=1_0", "limit", "int_parsing"),
        ("limit=%207", "limit", "int_parsing"),
        ("limit=1.5", "limit", "int_parsing"),
        ("limit=NaN", "limit", "int_parsing"),
        ("limit=%D9%A3", "limit", "int_parsing"),
        ("limit=0x10", "limit", "int_parsing"),
        ("limit=1001", "limit", "less_than_equal"),
        ("limit=" + "9" * 30, "limit", "less_than_equal"),
        ("limit=" + "9" * 5000, "limit", "int_parsing"),
        ("limit=1&limit=2", "limit", "value_error"),
        ("offset=-1", "offset", "greater_than_equal"),
        ("offset=none", "offset", "int_parsing"),
        ("status=", "status", "enum"),
        ("status=PENDING", "status", "enum"),
        ("status=done", "status", "enum"),
        ("status=pending&status=failed", "status", "value_error"),
        ("status=%00", "status", "enum"),
        ("status=%FF", "status", "enum"),
    ],
)
def test_a_bad_query_is_named(mock_world: MockWorld, query: str, name: str, type_: str) -> None:
    """The detail names the parameter and what kind of flaw it is."""
    assert errors(mock_world.client.get(f"{RUNS}?{query}")) == [(("query", name), type_)]


@pytest.mark.parametrize(
    "query", ["limit=-5", "limit=0", "offset=" + "9" * 30, "limit=1000", "unknown=1", "limit=007"]
)
def test_an_unusual_query_is_good(mock_world: MockWorld, query: str) -> None:
    """What the contract does not forbid is answered: no lower bound on limit, no end to offset."""
    answer = mock_world.client.get(f"{RUNS}?{query}")
    assert answer.status_code == 200
    assert answer.json() == {"items": [], "total": 0}


def test_every_flaw_is_reported_at_once(mock_world: MockWorld) -> None:
    """A client learns of all errors in one response."""
    answer = mock_world.client.get(f"{RUNS}?limit=x&offset=-1&status=y")
    assert errors(answer) == [
        (("query", "status"), "enum"),
        (("query", "limit"), "int_parsing"),
        (("query", "offset"), "greater_than_equal"),
    ]


@pytest.mark.parametrize(
    "run_id",
    [
        "x",
        "497f6eca-6276-4993-bfeb-53cbbbba6f0",
        "497f6eca627649 93bfeb53cbbbba6f08",
        "497f6eca627649933bfeb53cbbbba6f08",
        "{497f6eca-6276-4993-bfeb-53cbbbba6f08}",
        "urn:uuid:497f6eca-6276-4993-bfeb-53cbbbba6f08",
        "%FF",
        "..;",
        "%0a",
    ],
)
@pytest.mark.parametrize("suffix", ["", "/cancel", "/events", "/retry", "/steps"])
def test_a_malformed_id_is_a_validation_error(
    mock_world: MockWorld, run_id: str, suffix: str
) -> None:
    """It is a flaw of the path parameter, on all five operations that have one."""
    method = "POST" if suffix in ("/cancel", "/retry") else "GET"
    answer = mock_world.client.request(method, f"{RUNS}/{run_id}{suffix}")
    assert errors(answer) == [(("path", "run_id"), "uuid_parsing")]


def test_an_id_may_be_written_in_capitals(mock_world: MockWorld) -> None:
    """A UUID means the same in capitals."""
    run_id = mock_world.create("quick-success")
    answer = mock_world.client.get(f"{RUNS}/{run_id.upper()}")
    assert answer.status_code == 200
    assert answer.json()["id"] == run_id


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"{", JSON, [(("body", "1"), "json_invalid")]),
        (b"\xff\xfe", JSON, [(("body", "0"), "json_invalid")]),
        (b'{"mode": NaN}', JSON, [(("body", "9"), "json_invalid")]),
        (b'{"stepKey": "\xff"}', JSON, [(("body", "0"), "json_invalid")]),
        (b"[" * 5_000, JSON, None),
        (b"[]", JSON, [(("body",), "model_attributes_type")]),
        (b"null", JSON, [(("body",), "model_attributes_type")]),
        (b'"full"', JSON, [(("body",), "model_attributes_type")]),
        (b'{"mode": "all"}', JSON, [(("body", "mode"), "enum")]),
        (b'{"mode": null}', JSON, [(("body", "mode"), "string_type")]),
        (b'{"stepKey": 4}', JSON, [(("body", "stepKey"), "string_type")]),
        (b'{"mode": "from_step"}', JSON, [(("body", "stepKey"), "missing")]),
        (b"{}", {"Content-Type": "text/plain"}, [(("body",), "model_attributes_type")]),
        (b"mode=full", {"Content-Type": "application/x-www-form-urlencoded"}, None),
        (b"{}", {}, [(("body",), "model_attributes_type")]),
    ],
)
def test_a_bad_body_is_named(
    mock_world: MockWorld,
    content: bytes,
    headers: dict[str, str],
    expected: list[Any] | None,
) -> None:
    """The flaw says where in the body and of which type; the run is left alone."""
    run_id = mock_world.create("failure-in-the-middle")
    mock_world.advance(60)
    before = mock_world.run(run_id)
    answer = mock_world.client.post(f"{RUNS}/{run_id}/retry", content=content, headers=headers)
    found = errors(answer)
    assert expected is None or found == expected
    assert mock_world.run(run_id) == before


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"", JSON),
        (b"{}", JSON),
        (b"{}", {"Content-Type": "application/json; charset=utf-8"}),
        (b"{}", {"Content-Type": "application/merge-patch+json"}),
        (b'{"stepKey": null}', JSON),
        (b'{"more": [1, 2]}', JSON),
    ],
)
def test_a_good_body_is_taken(
    mock_world: MockWorld, content: bytes, headers: dict[str, str]
) -> None:
    """An absent body, an empty object and one with unknown keys retry from the failed step."""
    run_id = mock_world.create("flaky")
    mock_world.advance(60)
    answer = mock_world.client.post(f"{RUNS}/{run_id}/retry", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "pending"


def test_a_chunked_body_is_read(mock_world: MockWorld) -> None:
    """A body that comes in pieces counts as one that comes whole."""
    run_id = mock_world.create("quick-success")
    mock_world.advance(60)
    answer = mock_world.client.post(
        f"{RUNS}/{run_id}/retry", content=iter([b'{"mode"', b': "full"}']), headers=JSON
    )
    assert answer.status_code == 200, answer.text


def test_a_body_beyond_bounds_is_refused(mock_world: MockWorld) -> None:
    """More than a mebibyte is not read to its end."""
    run_id = mock_world.create("quick-success")
    content = b'{"stepKey": "' + b"x" * 1_100_000 + b'"}'
    answer = mock_world.client.post(f"{RUNS}/{run_id}/retry", content=content, headers=JSON)
    assert answer.status_code == 413
    assert "1048576" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/api/v1/automation-runs/x/y/z", 404, None),
        ("GET", "/_mock/nowhere", 404, None),
        ("DELETE", RUNS, 405, "GET, HEAD, OPTIONS"),
        ("GET", f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/cancel", 405, "OPTIONS, POST"),
        ("HEAD", f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/cancel", 405, "OPTIONS, POST"),
        ("PUT", f"{RUNS}/497f6eca-6276-4993-bfeb-53cbbbba6f08/retry", 405, "OPTIONS, POST"),
        ("POST", "/_mock/health", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/_mock/nowhere", 404, None),
        ("POST", "/docs", 405, "GET, HEAD, OPTIONS"),
    ],
)
def test_what_is_not_there_says_so_in_json(
    mock_world: MockWorld, method: str, path: str, status: int, allow: str | None
) -> None:
    """Unknown paths are 404, other methods 405 with what is allowed; both are JSON."""
    answer = mock_world.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert isinstance(answer.json()["detail"], str)
    if allow is not None:
        assert sorted(answer.headers["allow"].split(", ")) == sorted(allow.split(", "))


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /api/v1/automation-runs\r\n\r\n",
        b"GET " + b"/a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /_mock/reset HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_invalid_http_does_no_harm(mock_world: MockWorld, request_: bytes) -> None:
    """The connection is answered or closed; the next one is served."""
    address = urlsplit(mock_world.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65_536)
    assert mock_world.client.get("/_mock/health").status_code == 200


def test_an_unknown_method_gets_a_json_error(mock_world: MockWorld) -> None:
    """As JSON, before it is parsed as a request."""
    head, body = raw_http.answer(mock_world, RUNS, "FOO")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert json.loads(body) == {"detail": "Invalid HTTP request received."}


@pytest.mark.parametrize("depth", [100, 254, 255, 256, 300, 900, 1000, 20_000])
@pytest.mark.parametrize("body", ["%s", '{"mode": %s}', '{"unknown": %s}'])
def test_a_body_of_any_depth_is_valid_or_not(mock_world: MockWorld, depth: int, body: str) -> None:
    """It is never an error of the server, in the contract's API and in the control API."""
    run_id = mock_world.create("failure-in-the-middle")
    mock_world.advance(60)
    content = (body % ("[" * depth + "]" * depth)).encode()
    headers = {"Content-Type": "application/json"}
    for path in (
        f"/api/v1/automation-runs/{run_id}/retry",
        "/_mock/runs",
        "/_mock/faults",
        "/_mock/verify",
        "/_mock/clock/advance",
        f"/_mock/runs/{run_id}/outcome",
    ):
        response = mock_world.client.post(path, content=content, headers=headers)
        assert response.status_code < 500, (path, response.text)
