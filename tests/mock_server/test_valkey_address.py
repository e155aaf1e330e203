"""Addresses of Valkey: what they mean, and that no error repeats a password."""

from typing import Any

import pytest
from ports import free_port

from mock_server.errors import UsageError
from mock_server.store import location as locations
from mock_server.store.folder import Fsync
from mock_server.store.valkey_address import parse


@pytest.mark.parametrize(
    ("location", "url", "label", "prefix"),
    [
        ("valkey://db", "redis://db", "valkey://db", ""),
        ("valkey://db:1/2?prefix=a", "redis://db:1/2", "valkey://db:1/2", "a"),
        ("valkeys://u:pw@db/?ssl_cert_reqs=none", "rediss://u:pw@db/?ssl_cert_reqs=none", "", ""),
    ],
)
def test_what_an_address_means(location: str, url: str, label: str, prefix: str) -> None:
    assert parse(location) == (prefix, url, label or "valkeys://db/")


@pytest.mark.parametrize(
    "location",
    [
        "valkey://:pa/ssw0rd@localhost:16399/0",
        "valkey://:pa#ssw0rd@localhost:16399/0",
        "valkey://:pa?ssw0rd@localhost:16399/0",
        "valkey://u:12?ssw0rd@localhost:16399/0",
        "valkey://:pa@ssw0rd@localhost:99999/0",
        "valkey://:ssw0rd@localhost:99999/0",
        "Valkey://u:ssw0rd@localhost:port/0",
        "mysql://u:ssw0rd@localhost/0",
        "valkey://u:ssw0rd@localhost/abc",
        "valkey://u:ssw0rd@localhost/0?colour=red",
        "valkey://u:ssw0rd@localhost/0?ssl_ca_certs=ca.pem",
    ],
)
def test_no_error_repeats_a_password(location: str) -> None:
    with pytest.raises(UsageError) as caught:
        locations.open_store(location, Fsync.NO)
    assert "ssw0rd" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("valkey://db/abc", "expected an address such as"),
        ("valkey://db/0/1", "expected an address such as"),
        ("valkey://db/0#1", "expected an address such as"),
        ("valkey://db/0?ssl_ca_certs=ca.pem", "expected valkeys:// before .*ssl_ca_certs"),
        ("redis://db?ssl_cert_reqs=none", "expected rediss:// before .*ssl_cert_reqs"),
    ],
)
def test_an_address_that_is_not_understood(location: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse(location)


def test_the_memory_has_no_worlds_to_list() -> None:
    with pytest.raises(UsageError, match=r"expected dir:PATH or valkey://HOST:PORT, got memory"):
        locations.list_at("memory")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("valkey://127.0.0.1:{port}", "expected a Valkey or Redis server at valkey://127"),
        ("valkey://user:secret@127.0.0.1:{port}", "server at valkey://127"),
        ("valkey://127.0.0.1:{port}?colour=red", "after the [?], got 'colour'"),
        ("valkey://", "expected an address such as"),
        ("redis://host:port/0", "expected an address such as"),
        ("valkey://[::1", "expected an address such as"),
    ],
)
def test_a_server_that_cannot_be_used(location: str, problem: str) -> None:
    """Its password is not repeated."""
    with pytest.raises(UsageError, match=problem) as caught:
        locations.open_store(location.format(port=free_port()), Fsync.NO)
    assert "secret" not in str(caught.value)


def test_a_start_waits_longer_for_a_slow_server_than_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis = pytest.importorskip("redis")
    given: dict[str, float] = {}

    def noted(_url: str, **options: Any) -> None:
        given.update(options)
        raise redis.TimeoutError("Timeout reading from socket")

    monkeypatch.setattr("redis.Redis.from_url", noted)
    with pytest.raises(UsageError, match="Timeout reading"):
        locations.open_store("valkey://127.0.0.1:1", Fsync.NO)
    assert given["socket_timeout"] == 10
