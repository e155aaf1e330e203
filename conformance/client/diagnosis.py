"""Find out from an exception why a response is missing, and give a hint. The hints are the same
before the first check and during the run."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

import httpx2

from conformance.client.decompression import DecompressionError


class TooLargeError(Exception):
    """A response exceeds the size limit."""


class TooSlowError(Exception):
    """A response exceeds the time limit."""


class Cause(StrEnum):
    """Why a response is missing; the value is the hint."""

    REFUSED = "Start the API, or correct host and port in --base-url."
    UNKNOWN_HOST = "Correct the host in --base-url: it has no address."
    UNREACHABLE = "Host unreachable: check --base-url, the network and the firewall."
    PLAIN_HTTP = "The server speaks plain HTTP: write http:// in --base-url."
    UNTRUSTED = (
        "The certificate is not trusted: name the authority that signed it as --cacert FILE, or "
        "skip the verification with --insecure."
    )
    WRONG_NAME = "The certificate is for another name: use a name that it covers in --base-url."
    CLIENT_CERTIFICATE = (
        "The server requires a client certificate: give one as --client-cert FILE and --client-key "
        "FILE, from an authority that it trusts."
    )
    TLS = "TLS handshake failed: no shared protocol version or cipher."
    PROXY = "The proxy refused the connection: check --proxy, its credentials and its rules."
    CONNECTION_CLOSED = "If the API uses TLS, write https:// in --base-url; else read its log."
    TLS_CONNECTION_CLOSED = (
        "If the server requires a client certificate, give one as --client-cert FILE and "
        "--client-key FILE; else read its log."
    )
    NOT_HTTP = "The server does not speak valid HTTP: check --base-url."
    TOO_LARGE = "No response of this API is that large: check --base-url."
    TOO_SLOW = "Raise --timeout for a slow API, or check --base-url."
    UNDECODABLE = "The body does not match its Content-Encoding: check proxies before the API."


def cause_of(fault: BaseException, *, secure: bool) -> Cause:
    """Return the cause of the exception and those it was raised for. `secure`: TLS was used, which
    hides the rejection of a client certificate as a plain close."""
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
