"""The bodies of requests in the journal."""

import httpx2
import pytest

from mock_server.testing import MockWorld

RUNS = "/api/v1/automation-runs"
ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"", ""),
        (b'{"mode": "full"}', '{"mode": "full"}'),
        (b'{"mode":"full","note":{"apiKey":"a","Password":["b"]}}',
         '{"mode":"full","note":{"apiKey":"[redacted]","Password":"[redacted]"}}'),
        (b'{"note":"my key-4711-of-bob","\\u006bey-4711-of-bob":1}',
         '{"note":"my [redacted]","[redacted]":1}'),
        (b'{"token": "abc", "mode"', '{"token": "[redacted]", "mode"'),
        (b"password=hunter2&mode=full", "password=[redacted]&mode=full"),
        (b"not json", "not json"),
        (b"\xff\xfe", None),
        (b"[" * 1_000 + b"]" * 1_000, None),
        (b" " * 9_000 + b"{}", None),
    ],
)  # fmt: skip
def test_the_body_is_kept_without_secrets(
    mock_world: MockWorld, anonymous: httpx2.Client, sent: bytes, shown: str | None
) -> None:
    """As it was sent where it holds none, so that it can be sent again; up to 8 KiB of text."""
    headers = {
        "X-API-Key": f"{mock_world.key}:key-4711-of-bob",
        "Content-Type": "application/json",
    }
    anonymous.post(f"{RUNS}/{ID}/retry", content=sent, headers=headers)
    [entry] = mock_world.control("requests", "GET")["items"]
    assert entry["body"] == shown


def test_a_request_without_a_body_has_none(mock_world: MockWorld) -> None:
    """Not an empty one."""
    mock_world.client.get(RUNS)
    [entry] = mock_world.control("requests", "GET")["items"]
    assert entry["body"] is None
