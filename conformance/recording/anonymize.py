"""Replace values by their shape: what a service's results and errors hold is not for files that are
passed on. Ids are mapped, each always to the same; a string becomes one of its format and length,
unless a pattern allows it. Known credentials and what looks like one are never kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from conformance.assertions.matchers import parse_timestamp
from conformance.recording.run_course import Json, StepError
from conformance.redaction import Redactor
from conformance.traffic.find_credentials import SECRET_NAME
from conformance.vocabulary import UUID

MAX_ITEMS = 100
MAX_DEPTH = 40
MAX_NODES = 5_000
"""Values of one result; what comes after them is left out."""

_MAX_LINE = 1_000
_MAX_MESSAGE = 10_000
_MAX_FORMAT = 4_096
_MARGIN = 1_000
"""Characters after those that are kept, among which a credential may end."""
_MAX_INTEGER = 2**63 - 1
_ID = re.compile(UUID, re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EMAIL = re.compile(r"\A[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*")
_FIELD = re.compile(r"[A-Za-z_$@][\w$@.:-]{0,63}")
# JWTs, keys with usual prefixes, private keys, values of an Authorization header, addresses with a
# user, and what is named like a credential. Each part is bounded, or begins with a character that
# it does not repeat: the time is linear.
_SECRET = re.compile(
    r"eyJ[\w-]{8}"
    r"|\b(?:sk|pk|rk)[-_][\w-]{10}"
    r"|gh[opsur]_\w{10}|github_pat_\w{10}"
    r"|\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat)-[\w-]{10}"
    r"|xox[a-z]-[\w-]{10}|xapp-[\w-]{10}"
    r"|A[KS]IA[A-Z0-9]{10}|AIza[\w-]{20}|ya29\.[\w-]{10}"
    r"|(?:npm|hf|whsec|shp[a-z]{2}|dop_v1)_\w{16}|pypi-[\w-]{16}|SG\.[\w-]{16}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY"
    r"|://[^\s/?#@]+@"
    r"|(?i:bearer|basic) +\S"
    r"|(?i:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|private|account)[-_ ]?key"
    r"|credentials?|authorization|signature|\bsig|cookie|session[-_]?id)"
    r"[\"']{0,2}\s{0,4}[:=]\s{0,4}\S"
)
# A cookie of a result is one, those of requests have settings, too.
_SECRET_NAME = re.compile(f"{SECRET_NAME.pattern}|cookie")
# The name of a field that holds an id, or several.
_ID_NAME = re.compile(r"(?:^|[_-])(?:id|ID|ids|IDs)$|[a-z](?:Id|ID|Ids|IDs)$")
_HASHES = {32: "{{md5}}", 40: "{{sha1}}", 64: "{{sha256}}"}
_FILLER = "This text replaces one of about this length. "


class IdMap:
    """Maps ids to others, in the order in which they are seen: nothing of an id is in the one that
    stands for it."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}

    def number(self, text: str, kind: str) -> int:
        """Return the number of a text among those of its kind, from 1."""
        known = self._numbers.setdefault(kind, {})
        return known.setdefault(text.lower(), len(known) + 1)

    def uuid(self, text: str) -> str:
        """Return the UUID that stands for an id."""
        digits = sha256(f"recorded id {self.number(text, 'id')}".encode()).hexdigest()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


class Shapes:
    """The rules of one recording. `keep` are patterns of places whose strings are kept, such as
    `result.status` or `load.error.*`."""

    def __init__(self, redactor: Redactor, keep: Sequence[str] = ()) -> None:
        self._redactor = redactor
        self._keep = tuple(keep)
        self.ids = IdMap()

    def know(self, redactor: Redactor) -> None:
        """Take the credentials that are known by now."""
        self._redactor = redactor

    def line(self, text: object, default: str, limit: int = _MAX_LINE) -> str:
        """Return a name without credentials and ids; `default` for what is not a text."""
        if not isinstance(text, str) or not text:
            return default
        text = self._redactor.text(text[: limit + _MARGIN])
        clean = _ID.sub(lambda found: self.ids.uuid(found[0]), text)
        return "[secret]" if _SECRET.search(clean) else clean.replace("{{", "{ {")[:limit]

    def result(self, value: object, step: str) -> Json | None:
        """Return the shape of a result."""
        if value is None:
            return None
        budget = iter(range(MAX_NODES))
        known = value if isinstance(value, dict) else {"value": value}
        shaped: Json = self._value(known, ("result",), step, budget, 0)
        return shaped

    def error(self, value: object, step: str) -> StepError:
        """Return the shape of an error. A code that is a word is kept: clients decide by it."""
        source = value if isinstance(value, dict) else {"message": value}
        code = _first_text(source, "code", "type")
        message = _first_text(source, "message", "detail", "title", "reason") or ""
        return StepError(
            "step_failed" if code is None else self._code(code, step),
            self._kept(message, ("error", "message"), step)
            or _filler(len(message))
            or "The step failed",
        )

    def _code(self, code: str, step: str) -> str:
        word = len(code) <= 64 and _WORD.fullmatch(code) and not re.search(r"\d{5}", code)
        if word and not _ID.search(code) and self._is_harmless(code, ("code",)):
            return code
        return self._kept(code, ("error", "code"), step) or "step_failed"

    def _value(
        self, value: Any, path: tuple[str, ...], step: str, budget: Iterator[int], depth: int
    ) -> Any:
        if next(budget, None) is None or depth > MAX_DEPTH:
            return None
        is_id = bool(_ID_NAME.search(path[-1]))
        match value:
            case str():
                return self._kept(value, path, step) or self._shape(value, is_id=is_id)
            case dict():
                found: Json = {}
                for key, inner in list(value.items())[:MAX_ITEMS]:
                    name = self._field(key, len(found))
                    found[name] = self._value(inner, (*path, name), step, budget, depth + 1)
                return found
            case list():
                inner = value[:MAX_ITEMS]
                return [self._value(each, path, step, budget, depth + 1) for each in inner]
            case _:
                return self._number(value, is_id=is_id)

    def _number(self, value: float | None, *, is_id: bool) -> float | None:
        """Return a number that a file can have; true, false and null as they are."""
        if value is None or isinstance(value, bool):
            return value
        if is_id:
            return self.ids.number(str(value), "number")
        fits = isfinite(value) if isinstance(value, float) else abs(value) <= _MAX_INTEGER
        return value if fits else 0

    def _field(self, key: str, position: int) -> str:
        """Return a key that says what a value is; one that is a value itself is replaced."""
        if _ID.fullmatch(key):
            return self.ids.uuid(key)
        named = _FIELD.fullmatch(key) and not re.search(r"\d{5}", key)
        named = named and not any(fits(key) for fits, _ in _FORMATS)
        return key if named and self._is_harmless(key, ()) else f"field-{position + 1}"

    def _kept(self, text: str, path: tuple[str, ...], step: str) -> str:
        """Return the text if a pattern allows it here, else an empty one."""
        place = ".".join(path)
        names = (place, f"{step}.{place}")
        allowed = any(fnmatchcase(name, pattern) for name in names for pattern in self._keep)
        if not allowed or not self._is_harmless(text[: _MAX_MESSAGE + _MARGIN], path):
            return ""
        return self.line(text, "", _MAX_MESSAGE)

    def _is_harmless(self, text: str, path: tuple[str, ...]) -> bool:
        """Whether it is not a credential, by its value or by the names that lead to it."""
        named = any(_SECRET_NAME.search(name) for name in path)
        return not named and not _SECRET.search(text) and self._redactor.text(text) == text

    def _shape(self, text: str, *, is_id: bool) -> str:
        """Return a text, or a placeholder for one, of the same format and length."""
        if _ID.fullmatch(text):
            return self.ids.uuid(text)
        if is_id and text:
            return f"id-{self.ids.number(text, 'text')}"
        if len(text) > _MAX_FORMAT:
            return _text_of_length(text)
        found = (shape for fits, shape in _FORMATS if fits(text))
        return next(found, None) or _HASHES.get(_hash_length(text)) or _text_of_length(text)


def _text_of_length(text: str) -> str:
    size = len(text)
    if text.isdecimal() or not text.strip():
        return ("1234567890" * 10)[:size] if text.isdecimal() else ""
    if size <= 20:
        return "{{word}} {{word}}" if " " in text else "{{word}}"
    if size <= 100:
        return "{{sentence}}" if " " in text else "{{slug}}"
    return " ".join(["{{paragraph}}"] * min(1 + size // 400, 5))


def _filler(size: int) -> str:
    """Return a text whose length is that size rounded: to 10, from 100 on to 100."""
    step = 10 if size < 100 else 100
    rounded = min(-(-size // step) * step, 2_000)
    return (_FILLER * (rounded // len(_FILLER) + 1))[: rounded + 1].rpartition(" ")[0]


def _first_text(source: Json, *names: str) -> str | None:
    return next((source[name] for name in names if isinstance(source.get(name), str)), None)


def _hash_length(text: str) -> int:
    return len(text) if _HEX.fullmatch(text) else 0


def _is_timestamp(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


_FORMATS: tuple[tuple[Callable[[str], object], str], ...] = (
    (_EMAIL.fullmatch, "{{safe_email}}"),
    (_IPV4.fullmatch, "{{ipv4}}"),
    (_DATE.fullmatch, "2026-01-01"),
    (_is_timestamp, "2026-01-01T00:00:00Z"),
    (_is_url, "{{url}}"),
)
