"""What a process does with its peers, and with those that claim to be one."""

import asyncio
from typing import Any

import pytest

from mock_server.cluster import forwarded_field
from mock_server.cluster.forwarded_field import FORWARDED
from mock_server.cluster.forwarding import Forwarder
from mock_server.cluster.ownership import Peer
from mock_server.cluster.upstream import Upstream

PEER = Peer("http://127.0.0.1:1", "http://127.0.0.1:1")


class Connected(Upstream):
    """A connection that notes its end."""

    aborted = False

    @property
    def usable(self) -> bool:
        return not self.aborted

    def abort(self) -> None:
        self.aborted = True


def test_a_connection_that_expects_former_marks_is_not_used_again() -> None:
    """The secret has changed while a response went on: a mark with it would reach the client."""
    forwarder = Forwarder("former")
    before = Connected(forwarder.endings)
    forwarder.secret = lambda: "present"
    forwarder.mark({"client": None, "server": None, "scheme": "http"})
    forwarder.accept({"headers": [(FORWARDED, b"former - 0 - 0 http known")]})
    forwarder.keep(PEER, before)
    assert before.aborted
    assert not forwarder.is_connected(PEER)
    after = Connected(forwarder.endings)
    forwarder.keep(PEER, after)
    assert forwarder.is_connected(PEER)


def test_nothing_is_kept_of_a_field_with_another_secret() -> None:
    """A client can send any number of fields of any length."""
    forwarder = Forwarder("secret")
    kept = forwarded_field.read.cache_info().currsize
    for number in range(9):
        value = b"another %d 127.0.0.1 1 127.0.0.1 2 http known" % number
        assert not forwarder.accept({"headers": [(FORWARDED, value)]})
    assert forwarded_field.read.cache_info().currsize == kept
    scope: dict[str, Any] = {"headers": [(FORWARDED, b"secret of another form")]}
    assert not forwarder.accept(scope)


def test_a_name_that_no_server_can_have_is_unreachable() -> None:
    """An error of the network, as for any other name that is unknown."""
    peer = Peer("http://mock..svc:8080", "http://mock..svc:8080")
    with pytest.raises(OSError, match="label"):
        asyncio.run(peer.connect(lambda: Connected(Forwarder("secret").endings)))
