"""What a request that matches no operation may have meant."""

import pytest
import raw_http

from mock_server.journal.contract_index import ContractIndex
from mock_server.journal.near_miss import KnownPaths
from mock_server.openapi_document import OpenApiDocument
from mock_server.resources import contract_file, control_file
from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


@pytest.fixture(scope="module")
def paths() -> KnownPaths:
    documents = (ContractIndex(OpenApiDocument(file)) for file in (contract_file(), control_file()))
    return KnownPaths([one for document in documents for one in document.operations.values()])


@pytest.mark.parametrize(
    ("request_line", "nearest", "reason"),
    [
        ("GET /api/v1/automation-run", f"GET {RUNS}", "'automation-run' for 'automation-runs'"),
        ("GET /api/v1/runs", f"GET {RUNS}", "'runs' for 'automation-runs'"),
        ("GET /api/v2/automation-runs", f"GET {RUNS}", "'v2' for 'v1'"),
        ("GET /API/v1/automation-runs", f"GET {RUNS}", "'API' for 'api'"),
        ("GET /automation-runs", f"GET {RUNS}", "a segment missing: 'api'"),
        (f"GET /v1/automation-runs/{ID}", f"GET {RUNS}/{{run_id}}", "a segment missing: 'api'"),
        (f"GET {RUNS}/", f"GET {RUNS}", "a trailing slash too many"),
        ("GET /api/v1//automation-runs", f"GET {RUNS}", "a slash too many"),
        (f"POST {RUNS}", f"GET {RUNS}", "method GET, not POST"),
        (f"GET {RUNS}/{ID}/cancel", f"POST {RUNS}/{{run_id}}/cancel", "method POST, not GET"),
        (f"GET {RUNS}/{ID}/logs", f"GET {RUNS}/{{run_id}}", "a segment too many: 'logs'"),
        (f"GET {RUNS}/{ID}/step", f"GET {RUNS}/{{run_id}}/steps", "'step' for 'steps'"),
        (
            f"PUT {RUNS}/{ID}/cancle",
            f"POST {RUNS}/{{run_id}}/cancel",
            "'cancle' for 'cancel'; method POST, not PUT",
        ),
        ("GET /_mock/clok", "GET /_mock/clock", "'clok' for 'clock'"),
        ("GET /metrics", "GET /_mock/metrics", "a segment missing: '_mock'"),
    ],
)
def test_the_nearest_operation_is_named_with_what_sets_it_apart(
    paths: KnownPaths, request_line: str, nearest: str, reason: str
) -> None:
    """A slip of the pen, a segment too many or missing, another version, another method."""
    method, path = request_line.split(" ")
    first = paths.nearest(method, path)[0]
    assert f"{first.method} {first.path}" == nearest
    assert first.reason.startswith(reason)


@pytest.mark.parametrize("path", ["/foo", "/", "/wp-login.php", "/a/b/c/d/e", "/x" * 200])
def test_what_is_far_from_everything_has_no_near_miss(paths: KnownPaths, path: str) -> None:
    """A hint that is a guess would only mislead."""
    assert paths.nearest("GET", path) == []
    assert paths.hint("GET", path) is None


def test_a_path_of_any_size_is_answered_at_once(paths: KnownPaths) -> None:
    """Beyond what a person would write nothing is compared."""
    assert paths.nearest("GET", f"{RUNS}/" + "x" * 100_000) == []


def test_the_404_says_what_was_perhaps_meant(mock_world: MockWorld) -> None:
    """In the answer itself, and in the journal's entry."""
    answer = mock_world.client.get("/api/v1/automation-run")
    assert answer.status_code == 404
    assert f"did you mean GET {RUNS}?" in answer.json()["detail"]
    entry = mock_world.client.get(f"/_mock/requests/{answer.headers['x-mock-request']}").json()
    assert entry["tenant"] == mock_world.key
    assert entry["nearMisses"][0] == {
        "method": "GET",
        "path": RUNS,
        "reason": "'automation-run' for 'automation-runs'",
    }


def test_a_path_that_is_near_nothing_leads_to_the_start_page(mock_world: MockWorld) -> None:
    """Which lists what there is."""
    assert "the start page / lists" in mock_world.client.get("/foo").json()["detail"]


@pytest.mark.parametrize("path", [f"/{RUNS}", "//_mock/clock", "/_mock//clock", f"{RUNS}//{ID}"])
def test_a_slash_too_many_is_another_path(mock_world: MockWorld, path: str) -> None:
    """No redirect to nowhere, and no failure: 404 that names the slash."""
    head, body = raw_http.answer(mock_world, path)
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"slash too many" in body


def test_a_websocket_is_not_opened(mock_world: MockWorld) -> None:
    """The response is that of the same request without `Upgrade`."""
    answer = mock_world.client.get(
        "/_mock/clock",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        },
    )
    assert answer.status_code == 200
