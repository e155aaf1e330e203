"""Remove credentials from everything that is shown to people, and make characters visible that
would act on a terminal, a log or a page."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from html.entities import html5
from typing import Any

REDACTED = "[redacted]"
_CARRIERS = frozenset({"authorization", "x-api-key", "cookie", "set-cookie", "proxy-authorization"})
# Shorter secrets are redacted only as words of their own; the shortest not at all.
_WORD_LENGTH = 8
MIN_LENGTH = 3
# So much of a longer secret identifies it, where the rest of it is cut off.
_HEAD_LENGTH = 8
_CUT_LENGTH = 12
# The most characters that one character of a secret is spelled with, usually.
_MAX_SPELLING = 8
_SIMILAR = 0.6
# Without one of these a text spells every secret as it is.
_ESCAPES = frozenset("\\%&=")
_COOKIE = "vai_token"
_BEARER = re.compile(r"(?i)(bearer +)(.*)", re.DOTALL)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
# Lines that a CI system takes for a command: GitHub, Azure Pipelines, TeamCity.
_COMMAND = re.compile(r"(?m)^([^\S\n]*):(?=:)")
_MARKED_COMMAND = re.compile(r"##(?=\[|vso\[|teamcity\[)")


def visible(text: str) -> str:
    """Return the text with control characters, lone surrogates and characters that reorder or hide
    text as escapes; line feeds and tabs stay."""
    return _UNSEEN.sub(_escape, text)


def harmless(text: str) -> str:
    """Return text for a terminal or a log, in which no line is a command of a CI system."""
    text = _COMMAND.sub(r"\1\\u003a", visible(text))
    return _MARKED_COMMAND.sub(r"#\\u0023", text)


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that must not be shown. `name` is the shell variable that stands for it; `folded`: a
    target may change its case; `word`: only as a word of its own."""

    text: str
    name: str = ""
    folded: bool = True
    word: bool = False

    @property
    def head(self) -> str:
        """Return the characters that identify the secret."""
        return self.text if len(self.text) < _CUT_LENGTH else self.text[:_HEAD_LENGTH]


@dataclass(slots=True)
class Redactor:
    """Takes secrets out of headers and text.

    Headers that carry credentials are always cleared. In other text secrets are replaced in each
    spelling that an encoder makes of them; those of fewer than 8 characters only as words of their
    own, those of fewer than 3 not at all. `names` are further headers that carry credentials.
    """

    secrets: tuple[Secret, ...] = ()
    names: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, secrets: Iterable[str | tuple[str, str]], headers: Iterable[tuple[str, str]] = ()
    ) -> Redactor:
        """Return one that knows these secrets, each alone or with the name of its shell variable,
        and the values of these headers."""
        pairs = [(name, value) for name, value in headers if name.lower() != "host"]
        named = [(each, "") if isinstance(each, str) else each for each in secrets]
        variables = {text: name for text, name in reversed(named) if name}
        known = dict.fromkeys([*(text for text, _ in named), *(value for _, value in pairs)])
        found = [each for text in known if len(text) >= MIN_LENGTH for each in _forms(text)]
        return cls(
            tuple(sorted(found, key=lambda each: len(each.text), reverse=True)),
            frozenset(name.lower() for name, _ in pairs),
            variables,
        )

    def add(self, secret: str, variable: str) -> None:
        """Know another secret from now on, with the name of its shell variable."""
        more = Redactor.of([(secret, variable)])
        known = {*self.secrets, *more.secrets}
        self.secrets = tuple(sorted(known, key=lambda each: len(each.text), reverse=True))
        self.variables = {**self.variables, **more.variables}

    @property
    def longest(self) -> int:
        """The length of the longest spelling that is usual."""
        return max((len(each.text) * _MAX_SPELLING for each in self.secrets), default=0)

    def text(self, text: str) -> str:
        """Return the text without secrets, and with control characters as escapes."""
        return visible(self.without_secrets(text))

    def data(self, data: Any) -> Any:
        """Return parsed JSON with all of its texts, also keys, as `text` returns them."""
        match data:
            case str():
                return self.text(data)
            case dict():
                return {self.text(str(key)): self.data(value) for key, value in data.items()}
            case list() | tuple():
                return [self.data(each) for each in data]
            case _:
                return data

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a response; those that carry credentials are cleared."""
        return {
            self.text(name): REDACTED if self._carries(name) else self.text(value)
            for name, value in headers.items()
        }

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request with each credential as the shell variable that holds it.
        Another value, which the kit has made up, is shown, unless it resembles a secret."""
        return {
            name: self._placeholder(name.lower(), value)
            if self._carries(name)
            else self.text(value)
            for name, value in headers.items()
        }

    def _carries(self, name: str) -> bool:
        return name.lower() in _CARRIERS | self.names

    def _placeholder(self, name: str, value: str) -> str:
        match name:
            case "authorization":
                bearer = _BEARER.fullmatch(value)
                return f"Bearer {self._variable(bearer[2], 'TOKEN')}" if bearer else REDACTED
            case "x-api-key":
                return self._variable(value, "API_KEY")
            case "cookie":
                parts = (self._cookie(part.strip()) for part in value.split(";"))
                return "; ".join(dict.fromkeys(parts))
            case "set-cookie" | "proxy-authorization":
                return REDACTED
            case _:
                return f"${name.upper().replace('-', '_')}"

    def _cookie(self, part: str) -> str:
        """Return the contract's own cookie as a variable; others may be sessions of anything."""
        name, equals, value = part.partition("=")
        own = equals and name == _COOKIE
        return f"{name}={self._variable(value, 'COOKIE')}" if own else REDACTED

    def _variable(self, value: str, scheme: str) -> str:
        if not self.variables:
            return f"${scheme}"
        if value in self.variables:
            return f"${self.variables[value]}"
        shown = self.text(value)
        likeness, name = max((_likeness(value, s), name) for s, name in self.variables.items())
        return f"$ALTERED_{name}" if shown != value or likeness >= _SIMILAR else shown

    def without_secrets(self, text: str) -> str:
        """Return the text without secrets, its control characters as they are."""
        lower, escaped = text.lower(), not _ESCAPES.isdisjoint(text)
        for secret in self.secrets:
            if escaped or (secret.head.lower() if secret.folded else secret.head) in (
                lower if secret.folded else text
            ):
                text = _replace(text, secret)
        return text


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio()


def _replace(text: str, secret: Secret) -> str:
    """Replace the secret, and the rest of it where it was cut off."""
    parts, start = [], 0
    rest = [_spelling(each, secret.folded) for each in secret.text[len(secret.head) :]]
    while found := _pattern(secret.head, secret.folded, secret.word).search(text, start):
        end = found.end()
        for each in rest:
            if (more := each.match(text, end)) is None:
                break
            end = more.end()
        parts += [text[start : found.start()], REDACTED]
        start = end
    return "".join([*parts, text[start:]]) if parts else text


def _forms(text: str) -> Iterator[Secret]:
    """Yield the secret itself, and its hexadecimal and base64 forms within a longer text."""
    yield Secret(text, word=len(text) < _WORD_LENGTH)
    raw = text.encode()
    yield from _whole(raw.hex(), folded=True)
    yield from _whole(raw.hex(" "), folded=True)
    yield from _whole(raw.hex(":"), folded=True)
    for before in range(3):
        # The outermost characters depend on the text around the secret.
        encoded_text = base64.b64encode(b"\0" * before + raw)
        first, last = (0, 2, 3)[before], len(encoded_text) - (0, 3, 2)[(before + len(raw)) % 3]
        inner = [encoded_text[first:last].decode()]
        inner += [] if before else [encoded_text.rstrip(b"=").decode()]
        urlsafe = [each.replace("+", "-").replace("/", "_") for each in inner]
        for encoded in dict.fromkeys((*inner, *urlsafe)):
            yield from _whole(encoded, folded=False)


def _whole(text: str, *, folded: bool) -> Iterator[Secret]:
    if len(text) >= MIN_LENGTH:
        yield Secret(text, folded=folded, word=len(text) < _WORD_LENGTH)


@cache
def _pattern(head: str, folded: bool, word: bool) -> re.Pattern[str]:
    spelled = "".join(_spelled(each, folded) for each in head)
    return re.compile(rf"(?<![A-Za-z0-9]){spelled}(?![A-Za-z0-9])" if word else spelled)


@cache
def _spelling(character: str, folded: bool) -> re.Pattern[str]:
    return re.compile(_spelled(character, folded))


@cache
def _spelled(character: str, folded: bool) -> str:
    """A pattern for the character in every spelling, however often encoded again."""
    cases = dict.fromkeys((character, character.lower(), character.upper())) if folded else None
    return "(?:" + "|".join(each for c in cases or (character,) for each in _spellings(c)) + ")"


def _spellings(character: str) -> Iterator[str]:
    yield rf"\\{{0,8}}{re.escape(character)}" if not character.isalnum() else re.escape(character)
    if len(character) > 1 or ord(character) > 0xFF:
        # No encoder is known to pass these through headers.
        return
    code = ord(character)
    digits = _hex_digits(code)
    yield rf"\\{{1,8}}(?:[uU]00{digits}|[xX]{digits}|[uU]\{{0{{0,4}}{digits}\}}|{code:03o})"
    yield rf"%(?:25){{0,4}}{digits}"
    yield rf"={digits}"
    amp = r"&(?:amp;){0,4}"
    names = "|".join(re.escape(n) for n in _entities(character))
    yield rf"{amp}#(?:0{{0,6}}{code}|[xX]0{{0,6}}{digits});?"
    if names:
        yield rf"{amp}(?:{names})"


def _hex_digits(code: int) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{code:02x}")


@cache
def _entities(character: str) -> Sequence[str]:
    return sorted((name for name, text in html5.items() if text == character), key=len)[::-1]


def _escape(found: re.Match[str]) -> str:
    """The escape that JSON has: it is valid in every file that a report is written to."""
    if found[0] == "\r":
        return r"\r"
    raw = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(rf"\u{raw[n : n + 4]}" for n in range(0, len(raw), 4))
