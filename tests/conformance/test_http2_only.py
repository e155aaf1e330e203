"""A server that speaks HTTP/2 only is named as such, before any check; another one is not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trustme
from mutating_proxy import Proxy, serving
from support import Judge

from conformance.client.connection import Connection
from conformance.client.http2 import speaks_http2
from conformance.errors import KitError

SETTINGS = bytes.fromhex("000006040000000000000300000064")
# GOAWAY with PROTOCOL_ERROR.
GOAWAY = bytes.fromhex("0000080700000000000000000000000001")


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that treats each connection like this."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line, contextlib.suppress(OSError):
                    serve(line)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def plain_http2(line: socket.socket) -> None:
    """Settings first; anything but the preface ends the connection."""
    fine = line.recv(1024).startswith(b"PRI * HTTP/2.0")
    line.sendall(SETTINGS if fine else SETTINGS + GOAWAY)


def closes(line: socket.socket) -> None:
    """No protocol at all."""
    line.recv(1024)


@pytest.mark.parametrize(("serve", "expected"), [(plain_http2, True), (closes, False)])
def test_without_tls(serve: Callable[[socket.socket], None], expected: bool, judge: Judge) -> None:
    with listening(serve) as port:
        address = f"http://127.0.0.1:{port}"
        assert speaks_http2(address, Connection()) is expected
        with pytest.raises(KitError) as failure:
            judge(address, "LIST-01", token="test")
    assert ("speaks HTTP/2 only" in failure.value.message) is expected
    assert failure.value.hint


def test_with_tls(judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = trustme.CA()
    trusted = tmp_path_factory.mktemp("http2") / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])

    def secure_http2(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as tls:
            if tls.selected_alpn_protocol() == "h2":
                tls.sendall(SETTINGS)

    with listening(secure_http2) as port, pytest.raises(KitError, match="speaks HTTP/2 only"):
        judge(f"https://localhost:{port}", "LIST-01", token="test", cacert=str(trusted))


def test_a_server_that_speaks_http1_does_not_speak_http2(mock: str) -> None:
    with serving(Proxy(mock, [])) as address:
        assert not speaks_http2(f"{address}/prefix", Connection())
    assert not speaks_http2("http://127.0.0.1:9", Connection())
    assert not speaks_http2("http://127.0.0.1:9", Connection(proxy="http://127.0.0.1:8"))
