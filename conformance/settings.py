"""What a run of the kit is told: one table of options, from which the command line, the environment
and the pytest plugin all take theirs, and the checked values that come of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from conformance.credential import Credential, Way
from conformance.errors import ConfigurationError
from conformance.provision.http import Trigger
from conformance.vocabulary import ROOT, Provision, State

ENVIRONMENT = "RUNS_CONFORMANCE_"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be told: `flag` options are yes or no, `many` can be given repeatedly."""

    name: str
    help: str
    metavar: str = "TEXT"
    default: str = ""
    flag: bool = False
    many: bool = False

    @property
    def key(self) -> str:
        """The name as an identifier."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that gives it as well; several values are parted by spaces."""
        return ENVIRONMENT + self.key.upper()


OPTIONS = (
    Option("base-url", f"Where the API is: what comes before {ROOT}.", "URL"),
    Option(
        "token", "Credential of the tenant under test, sent as Authorization: Bearer.", "SECRET"
    ),
    Option("api-key", "The same, sent as X-API-Key.", "SECRET"),
    Option("cookie", "The same, sent as the cookie vai_token.", "SECRET"),
    Option("other-token", "Credential of another tenant, for the checks on isolation.", "SECRET"),
    Option("other-api-key", "The same, sent as X-API-Key.", "SECRET"),
    Option("other-cookie", "The same, sent as the cookie vai_token.", "SECRET"),
    Option(
        "provision",
        "How runs are got: mock (its control API), http (--trigger), discover (look at what the "
        "list offers), static (--state); auto takes what is configured, the mock if it is one, "
        "else discover.",
        "WAY",
        "auto",
    ),
    Option(
        "state", "A run to use, as STATE=RUN_ID; see 'runs-conformance states'.", "S=ID", many=True
    ),
    Option("trigger", "A request that makes a run in {state}, as POST /path/{state}.", "REQUEST"),
    Option("trigger-body", "Its JSON body, with {state} for the state that is wanted.", "JSON"),
    Option("trigger-id", "Where the run's id is in its answer, as data.run.id.", "PATH", "id"),
    Option("read-only", "Send nothing but GET to the API: safe on production.", flag=True),
    Option("include", "Only requirements whose id matches this pattern.", "PATTERN", many=True),
    Option("exclude", "No requirement whose id matches this pattern.", "PATTERN", many=True),
    Option("strict", "Deviations from what is only inferred count as well.", flag=True),
    Option("budget", "The whole run takes no longer than this: 90s, 5m.", "TIME", "10m"),
    Option("timeout", "How long one answer may take.", "TIME", "10s"),
    Option("patience", "How long a run may take to get where it is going.", "TIME", "60s"),
)

_BY_KEY = {option.key: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked values; times are in seconds. The first credential is used where any will do."""

    base_url: str
    credentials: tuple[Credential, ...]
    others: tuple[Credential, ...]
    provision: Provision
    states: Mapping[State, tuple[str, ...]]
    trigger: Trigger | None
    read_only: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    strict: bool
    budget: float
    timeout: float
    patience: float


def read(given: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from options by key and the environment, options first.

    A ConfigurationError says which option is wrong, why, and what would be right.
    """
    for key in given:
        if key not in _BY_KEY:
            near = get_close_matches(key, _BY_KEY, n=1)
            raise ConfigurationError(
                f"There is no option {key!r}.", f"Did you mean {near[0]!r}?" if near else ""
            )
    raw = {option.key: _raw(option, given, environment) for option in OPTIONS}
    states = _states(raw["state"])
    trigger = _trigger(raw)
    credentials = _credentials(raw, "")
    if not credentials:
        raise ConfigurationError(
            "No credential is given.",
            "Give one as --token, --api-key or --cookie, or in RUNS_CONFORMANCE_TOKEN.",
        )
    return Settings(
        base_url=_url(raw["base_url"]),
        credentials=credentials,
        others=_credentials(raw, "other_"),
        provision=_provision(raw["provision"], states, trigger),
        states=states,
        trigger=trigger,
        read_only=bool(raw["read_only"]),
        include=tuple(raw["include"]),
        exclude=tuple(raw["exclude"]),
        strict=bool(raw["strict"]),
        budget=_seconds("budget", raw["budget"]),
        timeout=_seconds("timeout", raw["timeout"]),
        patience=_seconds("patience", raw["patience"]),
    )


def _raw(option: Option, given: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    value = given.get(option.key)
    if value not in (None, "", False, (), []):
        return value
    text = environment.get(option.variable, "")
    if option.many:
        return tuple(text.split())
    if option.flag:
        return _flag(option, text)
    return text or option.default


def _flag(option: Option, text: str) -> bool:
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "" | "0" | "false" | "no" | "off":
            return False
        case _:
            raise ConfigurationError(
                f"{option.variable}={text!r} is neither yes nor no.", "Set it to 1 or 0."
            )


def _url(text: str) -> str:
    if not text:
        raise ConfigurationError(
            "No base URL is given.", "Give it as --base-url http://127.0.0.1:8080"
        )
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ConfigurationError(
            f"--base-url {text!r} is no HTTP address.",
            "Write it as http://HOST:PORT or https://HOST",
        )
    if parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            f"--base-url {parts.scheme}://{parts.hostname} has a user, a query or a fragment.",
            "Credentials go into --token, --api-key or --cookie.",
        )
    if ROOT in parts.path:
        raise ConfigurationError(
            f"--base-url {text!r} goes too far.", f"Leave out {ROOT} and what follows."
        )
    return text.rstrip("/")


def _credentials(raw: Mapping[str, Any], prefix: str) -> tuple[Credential, ...]:
    found: list[Credential] = []
    for way in Way:
        option = _BY_KEY[prefix + way.value.replace("-", "_")]
        secret = raw[option.key]
        if not secret:
            continue
        if (
            not str(secret).isprintable()
            or not str(secret).isascii()
            or str(secret) != secret.strip()
        ):
            raise ConfigurationError(
                f"--{option.name} has characters that no header can carry.",
                "Look for a line break or a space that was copied with it.",
            )
        found.append(Credential(way, str(secret)))
    return tuple(found)


def _provision(
    text: str, states: Mapping[State, tuple[str, ...]], trigger: Trigger | None
) -> Provision:
    try:
        way = Provision(text)
    except ValueError:
        raise ConfigurationError(
            f"--provision {text!r} is no way to get runs.", f"It is one of {', '.join(Provision)}."
        ) from None
    meant = {Provision.STATIC: bool(states), Provision.HTTP: trigger is not None}
    options = {Provision.STATIC: "--state", Provision.HTTP: "--trigger"}
    given = [each for each, there in meant.items() if there]
    if len(given) > 1 or (given and way not in (Provision.AUTO, given[0])):
        raise ConfigurationError(
            f"{options[given[0]]} and "
            f"{options[given[1]] if len(given) > 1 else f'--provision {way.value}'} "
            "contradict each other.",
            "Leave one of them out.",
        )
    if way is Provision.STATIC and not states:
        raise ConfigurationError(
            "--provision static needs runs.", "Name them as --state completed=RUN_ID"
        )
    if way is Provision.HTTP and trigger is None:
        raise ConfigurationError(
            "--provision http needs a request.", "Give one as --trigger 'POST /path/{state}'"
        )
    return given[0] if given else way


def _trigger(raw: Mapping[str, Any]) -> Trigger | None:
    text, body = str(raw["trigger"]), str(raw["trigger_body"])
    if not text:
        return None
    method, _, path = text.partition(" ")
    if not method.isupper() or not path.startswith("/"):
        raise ConfigurationError(
            f"--trigger {text!r} is no request.", "Write it as POST /path, below --base-url."
        )
    if "{state}" not in text + body:
        raise ConfigurationError(
            "--trigger does not say which run is wanted.",
            "Put {state} into its path or into --trigger-body.",
        )
    return Trigger(method, path.strip(), body, str(raw["trigger_id"]))


def _states(given: tuple[str, ...]) -> dict[State, tuple[str, ...]]:
    found: dict[State, tuple[str, ...]] = {}
    for text in given:
        name, _, run_id = text.partition("=")
        try:
            state = State(name)
        except ValueError:
            raise ConfigurationError(
                f"--state {text!r}: there is no state {name!r}.",
                f"It is one of {', '.join(State)}.",
            ) from None
        if not run_id:
            raise ConfigurationError(
                f"--state {text!r} names no run.", f"Write --state {name}=RUN_ID"
            )
        found[state] = (*found.get(state, ()), run_id)
    return found


def _seconds(name: str, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", str(text).strip())
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"] if found else 0
    if not 0 < seconds <= 86_400:
        raise ConfigurationError(
            f"--{name} {text!r} is no time.", "Write it as 30s, 5m or 1h; a day at the most."
        )
    return seconds
