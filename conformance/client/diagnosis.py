"""Why no answer came, told from what the library raised, and what can be done about it: the same
words whether the target is out of reach from the start or lost on the way."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpx2

from conformance.client.decompression import DecompressionError


class TooLargeError(Exception):
    """An answer is larger than anything that is read here."""


class TooSlowError(Exception):
    """An answer goes on and on."""


class Cause(StrEnum):
    """What kept an answer from coming; the value says what to do about it."""

    REFUSED = "Start the service, or correct host and port in --base-url."
    UNKNOWN_HOST = "Correct the host in --base-url: no address is known for it."
    UNREACHABLE = "No way leads to that host from here: check --base-url, network and firewall."
    PLAIN_HTTP = "The server speaks plain HTTP: write http:// in --base-url."
    UNTRUSTED = (
        "Its certificate is not trusted: name the authority that signed it as --cacert FILE, or "
        "look at it without trust by --insecure."
    )
    WRONG_NAME = "Its certificate is for another name: write a name that it covers in --base-url."
    CLIENT_CERTIFICATE = (
        "It asks for a certificate of ours: give one as --client-cert FILE and --client-key FILE, "
        "from an authority that it trusts."
    )
    TLS = "Client and server find no common way to speak TLS: look at the server's configuration."
    PROXY = "The proxy lets nothing through: check --proxy, its credentials and what it allows."
    CONNECTION_CLOSED = (
        "If it is served over TLS, write https:// in --base-url; else read the service's log."
    )
    TLS_CONNECTION_CLOSED = (
        "If it asks for a certificate of ours, give one as --client-cert FILE and --client-key "
        "FILE; else read the service's log."
    )
    NOT_HTTP = "What answers there does not speak HTTP, or breaks its rules: check --base-url."
    TOO_LARGE = "No answer of this API is that large: check that --base-url leads to it."
    TOO_SLOW = "Give a slow service more time with --timeout, or check --base-url."
    UNDECODABLE = (
        "Its body is not encoded as its Content-Encoding says: look at what stands before it."
    )


def cause_of(fault: BaseException, *, secure: bool) -> Cause:
    """The cause that the exception, or what it was raised for, tells of; `secure` says that TLS was
    spoken, which hides a refusal of our certificate behind a plain close."""
    chain = list(_chain(fault))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return Cause.WRONG_NAME if each.verify_code in _WRONG_NAME else Cause.UNTRUSTED
        for kinds, cause in _KINDS:
            if isinstance(each, kinds):
                return cause
    cause = _by_text(chain)
    return Cause.TLS_CONNECTION_CLOSED if secure and cause is Cause.CONNECTION_CLOSED else cause


def _by_text(chain: list[BaseException]) -> Cause:
    text = " ".join(map(str, chain)).upper()
    if "ALERT" in text or "SSL" in text or "TLS" in text:
        return _tls(text)
    if any(isinstance(e, httpx2.RemoteProtocolError) for e in chain):
        return Cause.CONNECTION_CLOSED if "DISCONNECTED" in text else Cause.NOT_HTTP
    if any(isinstance(e, ConnectionError | httpx2.ReadError | httpx2.WriteError) for e in chain):
        return Cause.CONNECTION_CLOSED
    if any(isinstance(e, httpx2.ConnectError | OSError) for e in chain):
        return Cause.UNREACHABLE
    return Cause.NOT_HTTP


def _tls(text: str) -> Cause:
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text or "RECORD LAYER" in text:
        return Cause.PLAIN_HTTP
    asked = (
        "CERTIFICATE_REQUIRED",
        "ALERT_BAD_CERTIFICATE",
        "ALERT_UNKNOWN_CA",
        "HANDSHAKE_FAILURE",
    )
    if any(alert in text for alert in asked):
        return Cause.CLIENT_CERTIFICATE
    return Cause.TLS


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__


_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Cause], ...] = (
    (TooLargeError, Cause.TOO_LARGE),
    ((TooSlowError, httpx2.TimeoutException, TimeoutError), Cause.TOO_SLOW),
    (httpx2.ProxyError, Cause.PROXY),
    (socket.gaierror, Cause.UNKNOWN_HOST),
    (ConnectionRefusedError, Cause.REFUSED),
    ((httpx2.DecodingError, DecompressionError), Cause.UNDECODABLE),
)
# X509_V_ERR_HOSTNAME_MISMATCH, _EMAIL_, _IP_ADDRESS_
_WRONG_NAME = (62, 63, 64)
