"""How runs are got and how time is moved, as it was told: one way, and what that way needs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.errors import ConfigurationError
from conformance.provision.http import Trigger
from conformance.settings.configfile import nearest
from conformance.settings.options import Told
from conformance.vocabulary import Provision, State


@dataclass(frozen=True, slots=True)
class Means:
    """The way, and what there is for each: runs by state, a request, the words of a command.

    `clock` moves the target's time: a request, or the words of a command; None where time can only
    be waited for.
    """

    way: Provision
    states: Mapping[State, tuple[str, ...]]
    trigger: Trigger | None
    command: tuple[str, ...]
    clock: Trigger | tuple[str, ...] | None


def read_means(told: Mapping[str, Told]) -> Means:
    """The means from what was told; a ConfigurationError says what contradicts or lacks what."""
    states = _states(told["state"])
    trigger = _trigger(told)
    command = _words(told["command"])
    given = {
        Provision.STATIC: bool(states),
        Provision.HTTP: trigger is not None,
        Provision.COMMAND: bool(command),
    }
    return Means(_way(told, given), states, trigger, command, _clock(told))


# Where each way is told, by the key of the option.
_TOLD = {
    Provision.STATIC: "state",
    Provision.HTTP: "trigger",
    Provision.COMMAND: "command",
}
_NEEDS = {
    Provision.STATIC: ("runs", "Name them as --state completed=RUN_ID"),
    Provision.HTTP: ("a request", "Give one as --trigger 'POST /path/{state}'"),
    Provision.COMMAND: ("a command", "Give one as --command ./make-a-run"),
}


def _way(told: Mapping[str, Told], there: Mapping[Provision, bool]) -> Provision:
    text = str(told["provision"].value)
    try:
        way = Provision(text)
    except ValueError:
        raise ConfigurationError(
            f"{told['provision'].where} {text!r} is no way to get runs.", nearest(text, Provision)
        ) from None
    given = [each for each, is_there in there.items() if is_there]
    if len(given) > 1 or (given and way not in (Provision.AUTO, given[0])):
        ways = [_TOLD[each] for each in given]
        one, other = (told[key].where for key in [*ways, "provision"][:2])
        raise ConfigurationError(
            f"{one} and {other} contradict each other.",
            "Leave one of them out.",
        )
    if way in _NEEDS and not given:
        what, remedy = _NEEDS[way]
        raise ConfigurationError(f"--provision {way.value} needs {what}.", remedy)
    return given[0] if given else way


def _trigger(told: Mapping[str, Told]) -> Trigger | None:
    text, body = str(told["trigger"].value), str(told["trigger_body"].value)
    if not text:
        if body:
            raise ConfigurationError(
                f"{told['trigger_body'].where} is a body without a request.",
                "Give the request as --trigger 'POST /path'",
            )
        return None
    where = told["trigger"].where
    request = _request("trigger", text, body, str(told["trigger_id"].value))
    if request is None:
        raise ConfigurationError(
            f"{where} {text!r} is no request.", "Write it as POST /path, below --base-url."
        )
    if "{state}" not in text + body:
        raise ConfigurationError(
            f"{where} does not say which run is wanted.",
            "Put {state} into its path or into --trigger-body.",
        )
    return request


def _clock(told: Mapping[str, Told]) -> Trigger | tuple[str, ...] | None:
    text, body = str(told["clock"].value), str(told["clock_body"].value)
    request = _request("clock", text, body)
    if body and request is None:
        raise ConfigurationError(
            f"{told['clock_body'].where} is a body without a request.",
            "Give the request as --clock 'POST /path'",
        )
    if not text:
        return None
    if "{seconds}" not in text + body:
        raise ConfigurationError(
            f"{told['clock'].where} {text!r} does not say by how much time is to move.",
            "Put {seconds} into the request, into --clock-body, or behind the command.",
        )
    return request or _words(told["clock"])


def _request(purpose: str, text: str, body: str, id_at: str = "") -> Trigger | None:
    method, _, path = text.partition(" ")
    if not (method.isascii() and method.isalpha() and method.isupper() and path.startswith("/")):
        return None
    return Trigger(purpose, method, path.strip(), body, id_at)


def _words(told: Told) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(str(told.value)))
    except ValueError as fault:
        raise ConfigurationError(
            f"{told.where} {told.value!r} is no command: {fault}.",
            "Quote it as a shell would have it.",
        ) from None


def _states(told: Told) -> dict[State, tuple[str, ...]]:
    found: dict[State, tuple[str, ...]] = {}
    for text in told.value:
        name, _, run_id = text.partition("=")
        try:
            state = State(name)
        except ValueError:
            raise ConfigurationError(
                f"{told.where} {text!r}: there is no state {name!r}.", nearest(name, State)
            ) from None
        if not run_id:
            raise ConfigurationError(
                f"{told.where} {text!r} names no run.", f"Write --state {name}=RUN_ID"
            )
        found[state] = (*found.get(state, ()), run_id)
    return found
