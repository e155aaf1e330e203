"""What can be told to a run of the kit: one table, from which the command line, the environment,
the configuration file and the pytest plugin all take theirs, and the order in which they count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.errors import ConfigurationError, Mistakes
from conformance.settings.configfile import ConfigFile, nearest
from conformance.vocabulary import ROOT

ENVIRONMENT = "RUNS_CONFORMANCE_"
WAIVERS = "waivers"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be told: `flag` options are yes or no, `many` can be given repeatedly.

    In the configuration file it stands at `at`, a key or TABLE.KEY, by default its name; `pairs`
    are a table there and NAME=VALUE elsewhere. A secret is not written down there: KEY_env names
    the variable of the environment that holds it. `example` shows it where the default does not.
    """

    name: str
    help: str
    metavar: str = "TEXT"
    default: str = ""
    flag: bool = False
    many: bool = False
    pairs: bool = False
    lines: bool = False
    in_file: bool = True
    at: str = ""
    example: str = ""

    @property
    def key(self) -> str:
        """The name as an identifier."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that gives it as well; several values are parted by spaces, or
        by line breaks if they are `lines`."""
        return ENVIRONMENT + self.key.upper()

    @property
    def secret(self) -> bool:
        """Whether it must not be written down."""
        return self.metavar == "SECRET"

    @property
    def place(self) -> tuple[str, ...]:
        """The way to it in the configuration file."""
        place = tuple((self.at or self.key).split("."))
        return (*place[:-1], f"{place[-1]}_env") if self.secret else place


OPTIONS = (
    Option(
        "config",
        "The configuration file; by default conformance.toml, or [tool.runs-conformance] of "
        "pyproject.toml, in the working directory.",
        "FILE",
        in_file=False,
    ),
    Option(
        "base-url",
        f"Where the API is: what comes before {ROOT}.",
        "URL",
        example="http://127.0.0.1:8080",
    ),
    Option(
        "token",
        "Credential of the tenant under test, sent as Authorization: Bearer. Of several the first "
        "of token, api-key, cookie goes with every request; the others are used where a check is "
        "about that way to present one.",
        "SECRET",
        example="BACKEND_TOKEN",
    ),
    Option("api-key", "The same, sent as X-API-Key.", "SECRET", example="BACKEND_API_KEY"),
    Option("cookie", "The same, sent as the cookie vai_token.", "SECRET", example="BACKEND_COOKIE"),
    Option(
        "other-token",
        "Credential of another tenant, for the checks on isolation.",
        "SECRET",
        example="BACKEND_OTHER_TOKEN",
    ),
    Option(
        "other-api-key",
        "The same, sent as X-API-Key.",
        "SECRET",
        example="BACKEND_OTHER_API_KEY",
    ),
    Option(
        "other-cookie",
        "The same, sent as the cookie vai_token.",
        "SECRET",
        example="BACKEND_OTHER_COOKIE",
    ),
    Option(
        "provision",
        "How runs are got: mock (its control API), http (--trigger), command (--command), discover "
        "(look at what the list offers), static (--state); auto takes what is configured, the mock "
        "if it is one, else discover.",
        "WAY",
        "auto",
    ),
    Option("read-only", "Send nothing but GET to the API: safe on production.", flag=True),
    Option(
        "include",
        "Only requirements whose id matches this pattern.",
        "PATTERN",
        many=True,
        example="LIST-*",
    ),
    Option(
        "exclude",
        "No requirement whose id matches this pattern.",
        "PATTERN",
        many=True,
        example="AUTH-0[2-4]",
    ),
    Option("strict", "Deviations from what is only inferred count as well.", flag=True),
    Option(
        "fuzz",
        "Make up this many cases for each operation, at random, instead of the few that are the "
        "same in every run.",
        "CASES",
        example="200",
    ),
    Option(
        "fuzz-seed", "Make up the same cases as the run that told this seed.", "SEED", example="7"
    ),
    Option("budget", "The whole run takes no longer than this: 90s, 5m.", "TIME", "10m"),
    Option("timeout", "How long one answer may take.", "TIME", "10s"),
    Option("patience", "How long a run may take to get where it is going.", "TIME", "60s"),
    Option(
        "wait-for-api",
        "Wait so long at the most for a target that is only starting.",
        "TIME",
        example="60s",
    ),
    Option("workers", "Check side by side in this many processes.", "N", "1"),
    Option(
        "state",
        "A run to use, as STATE=RUN_ID; see 'runs-conformance states'.",
        "S=ID",
        many=True,
        pairs=True,
        at="states",
        example="completed=497f6eca-6276-4993-bfeb-53cbbbba6f08",
    ),
    Option(
        "trigger",
        "A request that makes a run in {state}, as POST /path/{state}.",
        "REQUEST",
        at="trigger.request",
        example="POST /internal/runs/{state}",
    ),
    Option(
        "trigger-body",
        "Its JSON body, with {state} for the state that is wanted.",
        "JSON",
        at="trigger.body",
        example='{"automation": "{state}"}',
    ),
    Option(
        "trigger-id",
        "Where the run's id is in its answer, as data.run.id.",
        "PATH",
        "id",
        at="trigger.id",
    ),
    Option(
        "command",
        "An executable that makes a run: told the state as its last argument, it prints "
        '{"id": "..."} or {"unsupported": "why"}. Its environment has RUNS_BASE_URL, RUNS_SECRET, '
        "RUNS_AUTH_HEADER and RUNS_STATE.",
        "COMMAND",
        at="command.run",
        example="./make-a-run",
    ),
    Option(
        "clock",
        "A request, as POST /path, or a command that moves the target's time forward by "
        "{seconds}; without it the kit waits.",
        "REQUEST",
        at="clock.advance",
        example="POST /internal/clock?by={seconds}",
    ),
    Option(
        "clock-body",
        "The JSON body of that request, with {seconds} for how far.",
        "JSON",
        at="clock.body",
        example='{"seconds": "{seconds}"}',
    ),
    Option(
        "header",
        "Sent with every request to the target. A secret is better told by the environment: "
        "RUNS_CONFORMANCE_HEADER, one on each line.",
        "'NAME: VALUE'",
        many=True,
        lines=True,
        at="connection.headers",
        example="X-Environment: staging",
    ),
    Option(
        "proxy",
        "Talk to the target through this proxy. No other is used, whatever the environment says.",
        "URL",
        at="connection.proxy",
        example="http://127.0.0.1:3128",
    ),
    Option(
        "cacert",
        "Trust the authorities in this PEM file, and no others.",
        "FILE",
        at="connection.cacert",
        example="authority.pem",
    ),
    Option(
        "client-cert",
        "Show the target this certificate (PEM).",
        "FILE",
        at="connection.client_cert",
        example="client.pem",
    ),
    Option(
        "client-key",
        "Its key, if that is in another file.",
        "FILE",
        at="connection.client_key",
        example="client-key.pem",
    ),
    Option(
        "insecure",
        "Believe any certificate of the target; the report says so.",
        flag=True,
        at="connection.insecure",
    ),
    Option(
        "json",
        "Write the report as JSON; directories on the way are made.",
        "FILE",
        at="reports.json",
        example="report.json",
    ),
    Option("junit", "As JUnit XML.", "FILE", at="reports.junit", example="report.xml"),
    Option(
        "html",
        "As one page for a browser, with evidence, traffic and pictures of the observed runs.",
        "FILE",
        at="reports.html",
        example="report.html",
    ),
    Option(
        "markdown",
        'In short, as Markdown: "$GITHUB_STEP_SUMMARY" shows it with a job.',
        "FILE",
        at="reports.markdown",
        example="report.md",
    ),
    Option(
        "sarif",
        "As SARIF 2.1.0, each fault at its line of openapi.yaml.",
        "FILE",
        at="reports.sarif",
        example="report.sarif",
    ),
    Option("badge", "The verdict as an SVG.", "FILE", at="reports.badge", example="badge.svg"),
)

BY_KEY: Mapping[str, Option] = {option.key: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Told:
    """A value and who gave it; text, yes or no, or several texts. If it is `wrong`, which was told
    by then, the value is the default."""

    value: Any
    option: Option
    file: ConfigFile | None = None
    variable: str = ""
    wrong: bool = False

    @property
    def where(self) -> str:
        """The option, the variable, or the line of the file, to begin a message with."""
        if self.file is not None:
            return self.file.where(*self.option.place)
        return self.variable or f"--{self.option.name}"


def gather(
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    file: ConfigFile | None,
    mistakes: Mistakes,
) -> dict[str, Told]:
    """What is told for every option, by key: by an option, else by the environment, else by the
    file, else by default."""
    for key in given:
        if key not in BY_KEY:
            raise ConfigurationError(f"There is no option {key!r}.", nearest(key, BY_KEY))
    if file is not None:
        _refuse_unknown(file, mistakes)
    return {
        option.key: mistakes.attempt(_told, option, given, environment, file)
        or Told(_default(option), option, wrong=True)
        for option in OPTIONS
    }


def _refuse_unknown(file: ConfigFile, mistakes: Mistakes) -> None:
    """Every key must be an option's place, or the waivers, which are no option."""
    places = [option.place for option in OPTIONS if option.in_file]
    known = {place[0] for place in places} | {WAIVERS}
    known |= {option.key for option in OPTIONS if option.secret}
    mistakes.attempt(file.refuse_unknown, file.data, known)
    for table in dict.fromkeys(place[0] for place in places if len(place) > 1):
        keys = mistakes.attempt(file.expect, dict, file.data.get(table, {}), table) or {}
        known = {place[1] for place in places if place[0] == table}
        mistakes.attempt(file.refuse_unknown, keys, known, table)


def _told(
    option: Option,
    given: Mapping[str, Any],
    environment: Mapping[str, str],
    file: ConfigFile | None,
) -> Told:
    if file is not None and option.secret and option.key in file.data:
        raise ConfigurationError(
            f"{file.where(option.key)} holds a credential in clear.",
            "Put it into a variable of the environment and name that: "
            f'{option.key}_env = "{option.example}"',
        )
    value = given.get(option.key)
    if value not in (None, "", False, (), []):
        return Told(value, option)
    if text := environment.get(option.variable, ""):
        return Told(_from_text(option, text), option, variable=option.variable)
    if file is not None and option.in_file:
        found = file.get(*option.place)
        if found is not None:
            return Told(_from_file(option, found, environment, file), option, file)
    return Told(_default(option), option)


def _default(option: Option) -> Any:
    return () if option.many else False if option.flag else option.default


def _from_text(option: Option, text: str) -> Any:
    if option.many:
        return tuple(text.splitlines() if option.lines else text.split())
    if not option.flag:
        return text
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ConfigurationError(
                f"{option.variable}={text!r} is neither yes nor no.", "Set it to 1 or 0."
            )


def _from_file(option: Option, value: Any, environment: Mapping[str, str], file: ConfigFile) -> Any:
    place = option.place
    if option.flag:
        return file.expect(bool, value, *place)
    if option.pairs:
        named = file.expect(dict, value, *place)
        return tuple(f"{k}={v}" for k, vs in named.items() for v in _texts(file, vs, *place, k))
    if option.many:
        return _texts(file, value, *place)
    if option.secret:
        return _referred(file, file.expect(str, value, *place), environment, *place)
    if option.metavar == "JSON" and isinstance(value, dict | list):
        return json.dumps(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else file.expect(str, value, *place)


def _referred(file: ConfigFile, name: str, environment: Mapping[str, str], *place: str) -> str:
    if not environment.get(name):
        raise ConfigurationError(
            f"{file.where(*place)}: the environment has no {name!r}.",
            "Set the variable to the credential, or leave the line out.",
        )
    return environment[name]


def _texts(file: ConfigFile, value: Any, *place: str) -> tuple[str, ...]:
    several = value if isinstance(value, list) else [value]
    return tuple(file.expect(str, each, *place) for each in several)
