"""Read how runs are provided and how the target's clock is moved: one method and its parameters."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.config.sources import Values
from conformance.config.toml_file import nearest
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.provision.request import RequestTemplate
from conformance.vocabulary import ProvisionMethod, State


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The method and its parameter: runs by state, a request, or the words of a command.

    `clock` moves the target's clock: a request, or the words of a command; None where the kit waits
    in real time.
    """

    method: ProvisionMethod
    states: Mapping[State, tuple[str, ...]]
    trigger: RequestTemplate | None
    command: tuple[str, ...]
    clock: RequestTemplate | tuple[str, ...] | None


_HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A word in capitals followed by a path or a URL: a request, not a command.
_REQUEST = re.compile(r"[A-Z]+ +(/|https?://)")
# The setting that each method needs, and how to give it.
_SETTINGS = {
    ProvisionMethod.STATIC: ("state", "Give runs as --state completed=RUN_ID"),
    ProvisionMethod.HTTP: ("trigger", "Give a request as --trigger 'POST /path/{state}'"),
    ProvisionMethod.COMMAND: ("command", "Give a command as --command ./make-a-run"),
}


def read_provisioning(values: Values, errors: ErrorCollector) -> Provisioning:
    """Return the provisioning; collect contradictions and missing values."""
    states: dict[State, tuple[str, ...]] = {}
    for state, run_id in values["state"]:
        states[state] = (*states.get(state, ()), run_id)
    return Provisioning(
        errors.attempt(_method, values),
        states,
        errors.attempt(_trigger, values),
        errors.attempt(words_of, values, "command"),
        errors.attempt(_clock, values),
    )


def _method(values: Values) -> ProvisionMethod:
    method = values["provision"] or ProvisionMethod.AUTO
    given = [each for each, (key, _) in _SETTINGS.items() if values.given(key)]
    if len(given) > 1 or (given and method not in (ProvisionMethod.AUTO, given[0])):
        keys = [*(_SETTINGS[each][0] for each in given), "provision"][:2]
        one, other = map(values.where, keys)
        raise ConfigurationError(f"{one} and {other} contradict each other.", "Remove one of them.")
    if method in _SETTINGS and not given:
        key, hint = _SETTINGS[method]
        raise ConfigurationError(
            f"{values.where('provision')}: {method.value} needs --{key}, got none.", hint
        )
    return given[0] if given else method


def _trigger(values: Values) -> RequestTemplate | None:
    text, body = values["trigger"] or "", values["trigger_body"] or ""
    if values.invalid("trigger") or values.invalid("trigger_body"):
        return None
    if not text:
        if body:
            raise _body_without_request(values, "trigger")
        return None
    request = _request(values, "trigger", body, values["trigger_id"] or "id")
    if "{state}" not in text + body:
        raise ConfigurationError(
            f"{values.where('trigger')}: expected {{state}} in the request, got {text!r}.",
            "Put {state} into its path or into --trigger-body.",
        )
    return request


def _clock(values: Values) -> RequestTemplate | tuple[str, ...] | None:
    text, body = values["clock"] or "", values["clock_body"] or ""
    if values.invalid("clock") or values.invalid("clock_body"):
        return None
    is_request = _REQUEST.match(text) is not None
    if body and not is_request:
        raise _body_without_request(values, "clock")
    if not text:
        return None
    clock = _request(values, "clock", body) if is_request else words_of(values, "clock")
    if "{seconds}" not in text + body:
        raise ConfigurationError(
            f"{values.where('clock')}: expected {{seconds}}, got {text!r}.",
            "Put {seconds} into the request, into --clock-body, or after the command.",
        )
    return clock


def _body_without_request(values: Values, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"{values.where(f'{key}_body')}: expected a request for this body, got none.",
        f"Give the request as --{key} 'POST /path'",
    )


def _request(values: Values, key: str, body: str, id_path: str = "") -> RequestTemplate:
    text, where = values[key], values.where(key)
    method, _, path = text.partition(" ")
    if _REQUEST.match(text) and method not in _HTTP_METHODS:
        raise ConfigurationError(
            f"{where}: expected an HTTP method, got {method!r} in {text!r}.",
            nearest(method, _HTTP_METHODS),
        )
    if method not in _HTTP_METHODS or not path.startswith("/"):
        raise ConfigurationError(
            f"{where}: expected METHOD /path, got {text!r}.",
            "Write it as POST /path, relative to --base-url.",
        )
    return RequestTemplate(key, method, path.strip(), body, id_path)


def words_of(values: Values, key: str) -> tuple[str, ...]:
    """Return the words of a command. Raise ConfigurationError if commands are not allowed."""
    text = values[key] or ""
    if text and values["no_commands"]:
        raise ConfigurationError(
            f"{values.where(key)}: expected no command with --no-commands, got {text!r}.",
            "Use a request, or leave --no-commands out if you trust the command.",
        )
    try:
        return tuple(shlex.split(text))
    except ValueError as fault:
        raise ConfigurationError(
            f"{values.where(key)}: expected a command, got {text!r}: {fault}.",
            "Quote it as for a shell.",
        ) from None
