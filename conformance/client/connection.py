"""Describe how to connect to the target: headers of every request, a proxy, and TLS. Every
connection is opened with this one value."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from conformance.errors import ConfigurationError, ErrorCollector

# Headers that the kit sets itself: given from outside, they would invalidate checks.
_RESERVED = {
    "authorization": "Give credentials as --token, --api-key or --cookie.",
    "x-api-key": "Give credentials as --token, --api-key or --cookie.",
    "cookie": "Give credentials as --token, --api-key or --cookie.",
    "proxy-authorization": "Write it into --proxy: http://USER:PASSWORD@HOST:PORT",
    "accept-encoding": "Leave it out: the kit sets it.",
    "connection": "Leave it out: the kit sets it.",
    "content-length": "Leave it out: the kit sets it.",
    "content-type": "Leave it out: the kit sets it.",
    "last-event-id": "Leave it out: the kit sets it.",
    "transfer-encoding": "Leave it out: the kit sets it.",
}
_INSECURE = (
    "INSECURE: the server's TLS certificate was not verified (--insecure); another server may "
    "have responded."
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class Connection:
    """`headers` are sent with every request. `proxy` is a URL or empty; so are the paths of PEM
    files: trusted authorities, the client certificate and its key. With `insecure` the server's
    certificate is not verified."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    cacert: str = ""
    client_cert: str = ""
    client_key: str = ""
    insecure: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the limits of how far the result can be relied on."""
        return (_INSECURE,) if self.insecure else ()

    @property
    def curl_options(self) -> tuple[str, ...]:
        """The options of curl that connect in the same way."""
        given = (
            ("--proxy", self.proxy),
            ("--cacert", self.cacert),
            ("--cert", self.client_cert),
            ("--key", self.client_key),
        )
        options = [word for option, value in given if value for word in (option, value)]
        return (*options, *(("--insecure",) if self.insecure else ()))

    @property
    def openssl_options(self) -> tuple[str, ...]:
        """The options of `openssl s_client` that connect in the same way."""
        proxy = urlsplit(self.proxy).netloc.rpartition("@")[2]
        given = (
            ("-proxy", proxy),
            ("-CAfile", self.cacert),
            ("-cert", self.client_cert),
            ("-key", self.client_key),
        )
        return tuple(word for option, value in given if value for word in (option, value))

    def check(self) -> None:
        """Raise ConfigurationError if a file is missing or invalid, or settings contradict."""
        errors = ErrorCollector()
        if self.client_key and not self.client_cert:
            errors.note(
                "--client-key: expected a certificate for this key, got none.",
                "Name it as --client-cert FILE",
            )
        if self.insecure and self.cacert:
            errors.note(
                "--cacert and --insecure contradict each other.",
                "Leave out --insecure: the authorities in the file are trusted.",
            )
        elif self.cacert:
            errors.attempt(self._trusting)
        if self.client_cert:
            errors.attempt(self._present, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        errors.raise_all()

    def tls(self) -> ssl.SSLContext:
        """Return a context for connections to the target. Raise ConfigurationError, which names the
        file that is missing or invalid."""
        if self.insecure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = self._trusting()
        if self.client_cert:
            self._present(context)
        return context

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.cacert or None)
        except (OSError, ssl.SSLError) as fault:
            raise ConfigurationError(
                f"--cacert {self.cacert}: {_why(fault)}.",
                "Name a PEM file with the certificates of the authorities to trust.",
            ) from None

    def _present(self, context: ssl.SSLContext) -> None:
        try:
            # Without a password OpenSSL would ask on the terminal.
            context.load_cert_chain(self.client_cert, self.client_key or None, password="")
        except (OSError, ssl.SSLError) as fault:
            key = f" with --client-key {self.client_key}" if self.client_key else ""
            raise ConfigurationError(
                f"--client-cert {self.client_cert}{key}: {_why(fault)}.",
                "Name PEM files: a certificate and its key, not encrypted. Without --client-key "
                "the key is read from the certificate's file.",
            ) from None


def parse_header(text: str) -> tuple[str, str]:
    """Return `Name: value` as a pair. Raise ConfigurationError if it is not a valid header, or one
    that the kit sets. The message does not repeat the value, which may be a secret."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not set(name) <= _TOKEN:
        raise ConfigurationError(
            f"expected a header as 'Name: value', got the name {name!r}.", "Write 'Name: value'"
        )
    if name.lower() in _RESERVED:
        raise ConfigurationError(
            f"expected a header that the kit does not set, got {name!r}.", _RESERVED[name.lower()]
        )
    if not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"expected printable ASCII as the value of {name!r}, got other characters.",
            "Look for a copied line break, and for letters beyond ASCII.",
        )
    return name, value


def _why(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLError) or not fault.strerror:
        return "expected PEM, got no such part, or parts that do not belong together"
    return fault.strerror
