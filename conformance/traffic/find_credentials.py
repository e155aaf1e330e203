"""Find the credentials in traffic, so that no report shows them. Which ones there are is known only
when they pass by."""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Iterator
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from conformance.redaction import MIN_LENGTH, Redactor
from conformance.traffic.client_rules import url_credentials
from conformance.traffic.exchange import ObservedRequest, ObservedResponse

MAX_SECRETS = 64
MAX_LENGTH = 8_192
_MIN_COOKIE = 8
# What a client sends that has no credential.
_WORDS = frozenset({"null", "none", "nil", "undefined", "true", "false", "any", "nan"})
_SCHEME = re.compile(r"(?i)^\s*([a-z][\w-]*)\s+(\S.*)$")
SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|passphrase|(?:api|access|private)-?_?key|credential|authorization"
    r"|bearer|signature|session|csrf|xsrf|jwt|(?:^|[-_])(?:sig|pwd)$"
)
_VARIABLES = {"authorization": "TOKEN", "x-api-key": "API_KEY", "cookie": "COOKIE"}


class SecretCollector:
    """Know the credentials of the latest requests and responses."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._redactor: Redactor | None = None
        self._numbers: dict[str, int] = {}

    def learn(self, request: ObservedRequest, response: ObservedResponse | None) -> None:
        """Add the credentials of an exchange."""
        found = [*_of_request(request), *(_of_response(response) if response else ())]
        for secret, variable in found:
            if not MIN_LENGTH <= len(secret) <= MAX_LENGTH or secret.lower() in _WORDS:
                continue
            if secret not in self._known:
                self._redactor = None
                self._known[secret] = self._numbered(variable)
            self._known.move_to_end(secret)
            if len(self._known) > MAX_SECRETS:
                self._known.popitem(last=False)

    def _numbered(self, variable: str) -> str:
        """Return a name of its own for each credential, so that clients can be distinguished."""
        if not variable:
            return ""
        self._numbers[variable] = number = self._numbers.get(variable, 0) + 1
        return variable if number == 1 else f"{variable}_{number}"

    @property
    def redactor(self) -> Redactor:
        """Return the redactor that removes the credentials known so far."""
        if self._redactor is None:
            self._redactor = Redactor.of(self._known.items())
        return self._redactor

    def leaked(self, request: ObservedRequest, text: str) -> str:
        """Return the header whose credential is in the text; empty if there is none."""
        for secret, variable in _of_request(request):
            # A short one may be a word of its own.
            if len(secret) >= 12 and secret in text:
                names = {variable: name for name, variable in _VARIABLES.items()}
                return names.get(variable, "URL")
        return ""


def _of_request(request: ObservedRequest) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        match name:
            case "authorization" | "proxy-authorization":
                scheme = _SCHEME.match(value)
                secret = scheme[2].strip() if scheme else value.strip()
                yield secret, _VARIABLES.get(name, "")
                if scheme and scheme[1].lower() == "basic":
                    yield from ((part, "") for part in _basic(secret))
            case "x-api-key":
                yield value.strip(), _VARIABLES[name]
            case _ if SECRET_NAME.search(name) and len(value) >= _MIN_COOKIE:
                yield value, ""
            case "cookie":
                yield from _cookie_secrets(value)
    yield from ((value, "") for value in url_credentials(request.query))
    for name, value in parse_qsl(request.query):
        if SECRET_NAME.search(name) and len(value) >= _MIN_COOKIE:
            yield value, ""


def _of_response(response: ObservedResponse) -> Iterator[tuple[str, str]]:
    for name, value in response.headers:
        if SECRET_NAME.search(name) and len(value) >= _MIN_COOKIE:
            yield value, ""
        if name == "set-cookie":
            yield from _cookie_secrets(value.partition(";")[0])


def _cookie_secrets(header: str) -> Iterator[tuple[str, str]]:
    """Yield the values that may be secrets: a short one of another cookie is a setting."""
    for cookie, value in _cookies(header):
        if cookie == "vai_token":
            yield value, _VARIABLES["cookie"]
        elif len(value) >= _MIN_COOKIE:
            yield value, ""


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    parsed: SimpleCookie = SimpleCookie()
    try:
        parsed.load(header)
    except CookieError:
        parsed.clear()
    if parsed:
        yield from ((name, morsel.value) for name, morsel in parsed.items())
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name not in parsed:
            yield name, value.strip().strip('"')


def _basic(encoded: str) -> Iterator[str]:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield decoded.partition(":")[2]
