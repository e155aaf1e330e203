"""What can be told to a run of the kit: one table, from which the command line, the environment,
the configuration file and the pytest plugin all take theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.vocabulary import ROOT

ENVIRONMENT = "RUNS_CONFORMANCE_"


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
    def nothing(self) -> Any:
        """The value where nobody tells one."""
        return () if self.many else False if self.flag else self.default

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
