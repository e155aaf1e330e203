"""How runs are got and how time is moved, as it was told: one way, and what that way needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from conformance.config.sources import SettingValue
from conformance.config.toml_file import nearest
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.provision.request import RequestTemplate
from conformance.vocabulary import ProvisionMethod, State

V = TypeVar("V", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The way, and what there is for each: runs by state, a request, the words of a command.

    `clock` moves the target's time: a request, or the words of a command; None where time can only
    be waited for.
    """

    method: ProvisionMethod
    states: Mapping[State, tuple[str, ...]]
    trigger: RequestTemplate | None
    command: tuple[str, ...]
    clock: RequestTemplate | tuple[str, ...] | None


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A word in capitals, and a path or an address: no command looks like that.
_REQUEST = re.compile(r"[A-Z]+ +(/|https?://)")
# Where each way is told, by the key of the option.
_TOLD = {
    ProvisionMethod.STATIC: "state",
    ProvisionMethod.HTTP: "trigger",
    ProvisionMethod.COMMAND: "command",
}
_NEEDS = {
    ProvisionMethod.STATIC: ("runs", "Name them as --state completed=RUN_ID"),
    ProvisionMethod.HTTP: ("a request", "Give one as --trigger 'POST /path/{state}'"),
    ProvisionMethod.COMMAND: ("a command", "Give one as --command ./make-a-run"),
}


def read_provisioning(told: Mapping[str, SettingValue], mistakes: ErrorCollector) -> Provisioning:
    """The means from what was told; a mistake says what contradicts or lacks what."""
    attempt = mistakes.attempt
    return Provisioning(
        attempt(_method, told),
        _states(told["state"], mistakes),
        attempt(_trigger, told),
        attempt(_words, told["command"]),
        attempt(_clock, told),
    )


def _method(told: Mapping[str, SettingValue]) -> ProvisionMethod:
    text = str(told["provision"].value)
    wrong = f"{told['provision'].where} {text!r} is no way to get runs."
    method = _word(ProvisionMethod, text, wrong)
    given = [method for method, key in _TOLD.items() if told[key].value or told[key].wrong]
    if len(given) > 1 or (given and method not in (ProvisionMethod.AUTO, given[0])):
        methods = [_TOLD[each] for each in given]
        one, other = (told[key].where for key in [*methods, "provision"][:2])
        raise ConfigurationError(
            f"{one} and {other} contradict each other.",
            "Leave one of them out.",
        )
    if method in _NEEDS and not given:
        what, hint = _NEEDS[method]
        raise ConfigurationError(f"--provision {method.value} needs {what}.", hint)
    return given[0] if given else method


def _trigger(told: Mapping[str, SettingValue]) -> RequestTemplate | None:
    text, body = str(told["trigger"].value), str(told["trigger_body"].value)
    if told["trigger"].wrong or told["trigger_body"].wrong:
        return None
    if not text:
        if body:
            raise ConfigurationError(
                f"{told['trigger_body'].where} is a body without a request.",
                "Give the request as --trigger 'POST /path'",
            )
        return None
    request = _request("trigger", told["trigger"], body, str(told["trigger_id"].value))
    if "{state}" not in text + body:
        raise ConfigurationError(
            f"{told['trigger'].where} does not say which run is wanted.",
            "Put {state} into its path or into --trigger-body.",
        )
    return request


def _clock(told: Mapping[str, SettingValue]) -> RequestTemplate | tuple[str, ...] | None:
    text, body = str(told["clock"].value), str(told["clock_body"].value)
    if told["clock"].wrong or told["clock_body"].wrong:
        return None
    is_request = _REQUEST.match(text) is not None
    if body and not is_request:
        raise ConfigurationError(
            f"{told['clock_body'].where} is a body without a request.",
            "Give the request as --clock 'POST /path'",
        )
    if not text:
        return None
    moves = _request("clock", told["clock"], body) if is_request else _words(told["clock"])
    if "{seconds}" not in text + body:
        raise ConfigurationError(
            f"{told['clock'].where} {text!r} does not say by how much time is to move.",
            "Put {seconds} into the request, into --clock-body, or behind the command.",
        )
    return moves


def _request(purpose: str, told: SettingValue, body: str, id_at: str = "") -> RequestTemplate:
    text = str(told.value)
    method, _, path = text.partition(" ")
    if _REQUEST.match(text) and method not in _METHODS:
        raise ConfigurationError(
            f"{told.where} {text!r}: there is no method {method!r}.", nearest(method, _METHODS)
        )
    if method not in _METHODS or not path.startswith("/"):
        raise ConfigurationError(
            f"{told.where} {text!r} is no request.", "Write it as POST /path, below --base-url."
        )
    return RequestTemplate(purpose, method, path.strip(), body, id_at)


def _words(told: SettingValue) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(str(told.value)))
    except ValueError as fault:
        raise ConfigurationError(
            f"{told.where} {told.value!r} is no command: {fault}.",
            "Quote it as a shell would have it.",
        ) from None


def _states(told: SettingValue, mistakes: ErrorCollector) -> dict[State, tuple[str, ...]]:
    found: dict[State, tuple[str, ...]] = {}
    named = (mistakes.attempt(_named, told.where, text) for text in told.value)
    for state, run_id in filter(None, named):
        found[state] = (*found.get(state, ()), run_id)
    return found


def _word(vocabulary: type[V], text: str, wrong: str) -> V:
    try:
        return vocabulary(text)
    except ValueError:
        raise ConfigurationError(wrong, nearest(text, vocabulary)) from None


def _named(where: str, text: str) -> tuple[State, str]:
    name, _, run_id = text.partition("=")
    state = _word(State, name, f"{where} {text!r}: there is no state {name!r}.")
    if not run_id:
        raise ConfigurationError(f"{where} {text!r} names no run.", f"Write --state {name}=RUN_ID")
    return state, run_id
