"""How the target is spoken to, whatever is said: headers on every request, a proxy, and what proves
who is who over TLS. Everything that opens a connection is given this one value."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from conformance.errors import ConfigurationError, ErrorCollector

# What the kit varies or works out by itself: given from outside, it would falsify checks.
_OURS = {
    "authorization": "Credentials go into --token, --api-key or --cookie.",
    "x-api-key": "Credentials go into --token, --api-key or --cookie.",
    "cookie": "Credentials go into --token, --api-key or --cookie.",
    "proxy-authorization": "Write it into --proxy: http://USER:PASSWORD@HOST:PORT",
    "accept-encoding": "The kit sets it.",
    "connection": "The kit sets it.",
    "content-length": "The kit sets it.",
    "content-type": "The kit sets it.",
    "last-event-id": "The kit sets it.",
    "transfer-encoding": "The kit sets it.",
}
_INSECURE = (
    "INSECURE: the target's certificate was not looked at (--insecure), so anybody may have "
    "answered in its place."
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class Connection:
    """`headers` go with every request to the target; `proxy` is a URL or empty, and so are the
    paths of PEM files: trusted authorities, a certificate of our own and its key. `insecure`: the
    target's certificate is not looked at."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    cacert: str = ""
    client_cert: str = ""
    client_key: str = ""
    insecure: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report must know."""
        return (_INSECURE,) if self.insecure else ()

    def check(self) -> None:
        """Raise a ConfigurationError if the files are missing, wrong or contradict the rest."""
        mistakes = ErrorCollector()
        if self.client_key and not self.client_cert:
            mistakes.note(
                "--client-key is given without a certificate.", "Name it as --client-cert FILE"
            )
        if self.insecure and self.cacert:
            mistakes.note(
                "--cacert and --insecure contradict each other.",
                "Leave out --insecure: the authorities in the file are trusted.",
            )
        elif self.cacert:
            mistakes.attempt(self._trusting)
        if self.client_cert:
            mistakes.attempt(self._present, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        mistakes.tell()

    def tls(self) -> ssl.SSLContext:
        """A context for connections to the target; a ConfigurationError names the file that is
        none, or is not there."""
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
                "Name a PEM file with the certificates of the authorities to be trusted.",
            ) from None

    def _present(self, context: ssl.SSLContext) -> None:
        try:
            # Without an answer OpenSSL would ask on the terminal.
            context.load_cert_chain(self.client_cert, self.client_key or None, password="")
        except (OSError, ssl.SSLError) as fault:
            key = f" with --client-key {self.client_key}" if self.client_key else ""
            raise ConfigurationError(
                f"--client-cert {self.client_cert}{key}: {_why(fault)}.",
                "Name PEM files: a certificate and the key it was made for, not encrypted. "
                "Without --client-key the key is looked for in the certificate's file.",
            ) from None


def header(text: str, where: str) -> tuple[str, str]:
    """`Name: value` as a pair; a ConfigurationError that begins with `where` if a request could not
    carry it, or if it is the kit's to send. It does not repeat the value: that may be a secret."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name or not set(name) <= _TOKEN:
        raise ConfigurationError(f"{where} {name!r} is no header.", "Write it as 'Name: value'")
    if name.lower() in _OURS:
        raise ConfigurationError(f"{where} {name!r} cannot be given.", _OURS[name.lower()])
    if not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"{where} {name!r}: its value has characters that no header can carry.",
            "Look for a line break that was copied with it, and for letters beyond ASCII.",
        )
    return name, value


def _why(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLError) or not fault.strerror:
        return "it holds no such thing, or the parts do not belong together"
    return fault.strerror
