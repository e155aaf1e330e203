"""Turn resolved values into the settings of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from conformance.catalogue.requirements import load as load_catalogue
from conformance.catalogue.versions import LATEST, load_version
from conformance.client.connection import Connection
from conformance.client.credentials import AuthScheme, Credential
from conformance.config import toml_file
from conformance.config.options import OPTIONS, new_context
from conformance.config.provisioning import Provisioning, read_provisioning, words_of
from conformance.config.report_options import REPORT_OPTIONS
from conformance.config.run_id import run_id_of_ci
from conformance.config.selection import CheckSelection
from conformance.config.shard_options import check_shard, read_weights
from conformance.config.sources import Resolution, Values, resolve
from conformance.config.token_command import IssuedToken, TokenCommand
from conformance.config.waivers import read_waivers
from conformance.errors import ErrorCollector
from conformance.fuzz.config import GATE_CASES, FuzzConfig, chosen
from conformance.redaction import Redactor
from conformance.results.record import Shard
from conformance.results.waivers import Waiver
from conformance.vocabulary import FileKind, Verdict

# Verdicts that fail the run with --strict.
STRICT = frozenset({Verdict.VIOLATION, Verdict.DEVIATION, Verdict.INCONCLUSIVE})


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked values; times are in seconds. The first credential is the default one."""

    config: str
    base_url: str
    credentials: tuple[Credential, ...]
    others: tuple[Credential, ...]
    provisioning: Provisioning
    connection: Connection
    read_only: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    catalogue: str
    strict: bool
    fail_on: frozenset[Verdict]
    budget: float
    timeout: float
    patience: float
    wait_for_api: float
    settle: float
    requests_per_minute: int
    workers: int
    reports: Mapping[FileKind, Path]
    failures: Path | None
    github: bool
    waivers: tuple[Waiver, ...]
    fuzz: FuzzConfig
    issued: tuple[IssuedToken, ...] = ()
    sequential: bool = False
    shard: Shard | None = None
    blob: Path | None = None
    run_id: str = ""
    no_commands: bool = False
    weights: Mapping[tuple[str, str], float] = field(default_factory=dict)
    selection: CheckSelection | None = None

    @property
    def complete_traffic(self) -> bool:
        """Whether the contents of exchanges are kept: for files about failures, which a merge may
        write too."""
        files = {FileKind.HAR, FileKind.HTML}.intersection(self.reports)
        asked = self.failures is not None or self.selection is not None
        return bool(files) or asked or self.shard is not None

    @property
    def left_to_merge(self) -> tuple[str, ...]:
        """Return the options of reports that a shard does not write."""
        if self.shard is None:
            return ()
        given = [kind.value for kind in FileKind if kind in self.reports]
        given += ["failures"] if self.failures is not None else []
        given += ["github"] if self.github else []
        return tuple(f"--{name}" for name in given)

    def selects(self, requirement: str, check: str) -> bool:
        """Return whether this check may be run; by default every check."""
        return self.selection is None or (requirement, check) in self.selection.checks

    def redactor(self) -> Redactor:
        """Return the redactor that removes every configured secret from reports."""
        secrets = [(each.secret, variable_of(each)) for each in self.credentials]
        secrets += [(each.secret, f"OTHER_{variable_of(each)}") for each in self.others]
        if password := urlsplit(self.connection.proxy).password:
            secrets += [(password, ""), (unquote(password), "")]
        return Redactor.of(secrets, self.connection.headers)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The files that reports are written to, the directory for failures, and whether a job of
    GitHub is annotated."""

    files: Mapping[FileKind, Path]
    failures: Path | None
    github: bool


def read_reports(ctx: click.Context) -> ReportSettings:
    """Return the settings of a command that only writes reports. Raise ConfigurationError with all
    errors together."""
    values, resolution = Values(ctx, REPORT_OPTIONS), Resolution.of(ctx)
    if resolution.file_error is not None:
        raise resolution.file_error
    files = report_files(values, resolution.errors)
    settings = ReportSettings(files, values["failures"], values["github"])
    resolution.errors.raise_all()
    return settings


def read(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from options by key, the environment (by default that of the process) and
    the configuration file, in this order. Raise ConfigurationError with all errors together."""
    ctx = new_context(given)
    Resolution.begin(ctx, os.environ if environment is None else environment)
    return from_context(ctx, given)


def from_context(ctx: click.Context, given: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a command; those that it does not offer come from `given`, the
    environment and the configuration file. Raise ConfigurationError with all errors together."""
    values = resolve(ctx, OPTIONS, given)
    resolution = Resolution.of(ctx)
    if resolution.file_error is not None:
        raise resolution.file_error
    errors, file = resolution.errors, resolution.file
    if not values.given("base_url"):
        errors.note(
            "No base URL is given.",
            "Give it as --base-url http://127.0.0.1:8080, or write a configuration file: "
            "runs-conformance init",
        )
    commands = _token_commands(values, errors)
    if not commands.get("") and not any(values.given(_key(scheme)) for scheme in AuthScheme):
        errors.note(
            "No credential is given.",
            "Give one as --token, --api-key, --cookie or --token-command, in "
            "RUNS_CONFORMANCE_TOKEN, or as "
            f'token_env = "VARIABLE" in {toml_file.NAME}.',
        )
    settings = Settings(
        config="" if file is None else str(file.path),
        base_url=values["base_url"] or "",
        credentials=_credentials(values),
        others=_credentials(values, "other_"),
        provisioning=read_provisioning(values, errors),
        connection=connection_of(values, errors),
        read_only=values["read_only"],
        include=values["include"],
        exclude=values["exclude"],
        catalogue=values["catalogue"] or LATEST,
        strict=values["strict"],
        fail_on=STRICT
        if values["strict"]
        else frozenset({Verdict.VIOLATION, *(values["fail_on"] or ())}),
        budget=values["budget"],
        timeout=values["timeout"],
        patience=values["patience"],
        wait_for_api=values["wait_for_api"] or 0.0,
        settle=values["settle"],
        requests_per_minute=values["requests_per_minute"] or 0,
        workers=values["workers"],
        reports=report_files(values, errors),
        failures=values["failures"],
        github=values["github"],
        waivers=() if file is None else read_waivers(file, load_catalogue(), errors),
        fuzz=_fuzz(values),
        sequential=values["sequential"],
        shard=values["shard"],
        blob=values["blob"],
        no_commands=values["no_commands"],
        run_id=values["run_id"] or run_id_of_ci(resolution.environment),
        weights=errors.attempt(read_weights, values),
    )
    _check_selection(values, errors)
    check_shard(values, errors)
    errors.raise_all()
    return _with_tokens(settings, commands)


def _token_commands(values: Values, errors: ErrorCollector) -> dict[str, TokenCommand]:
    """Return the commands that print a token, by the prefix of the tenant's settings."""
    found: dict[str, TokenCommand] = {}
    for prefix in ("", "other_"):
        key = f"{prefix}token_command"
        words = errors.attempt(words_of, values, key)
        if words and values.given(f"{prefix}token"):
            errors.note(
                f"{values.where(key)} and {values.where(f'{prefix}token')} contradict each other.",
                "Remove one of them.",
            )
        elif words:
            base_url, timeout = values["base_url"] or "", values["timeout"] or 0.0
            found[prefix] = TokenCommand(words, values.where(key), base_url, timeout)
    return found


def _with_tokens(settings: Settings, commands: Mapping[str, TokenCommand]) -> Settings:
    """Run the commands, and put what they print before the other credentials."""
    own, others, issued = settings.credentials, settings.others, list[IssuedToken]()
    for prefix, command in commands.items():
        first = command.issue()
        token = Credential(AuthScheme.TOKEN, first.secret, command.where)
        issued.append(IssuedToken(command, first, f"{prefix}token".upper()))
        own, others = (own, (token, *others)) if prefix else ((token, *own), others)
    return replace(settings, credentials=own, others=others, issued=tuple(issued))


def _check_selection(values: Values, errors: ErrorCollector) -> None:
    """The patterns together must leave a requirement."""
    keys = ("include", "exclude")
    if any(values.invalid(key) for key in (*keys, "catalogue")):
        return
    catalogue = load_version(values["catalogue"] or LATEST)
    if not catalogue.select(values["include"], values["exclude"]):
        given = [f"{values.where(key)} {' '.join(values[key])}" for key in keys if values[key]]
        errors.note(
            f"{' with '.join(given)}: expected at least one requirement, got none.",
            "--exclude is applied after --include; without --include all are included.",
        )


def connection_of(values: Values, errors: ErrorCollector) -> Connection:
    """Return how to connect to the target; collect the errors of its files."""
    connection = Connection(
        headers=values["header"],
        proxy=values["proxy"] or "",
        cacert=values["cacert"] or "",
        client_cert=values["client_cert"] or "",
        client_key=values["client_key"] or "",
        insecure=values["insecure"],
    )
    errors.attempt(connection.check)
    return connection


def _credentials(values: Values, prefix: str = "") -> tuple[Credential, ...]:
    keys = [(scheme, _key(scheme, prefix)) for scheme in AuthScheme]
    return tuple(Credential(s, values[key], values.where(key)) for s, key in keys if values[key])


def variable_of(credential: Credential) -> str:
    """Return the shell variable that stands for the credential in commands."""
    return _key(credential.scheme).upper()


def _key(scheme: AuthScheme, prefix: str = "") -> str:
    return prefix + scheme.value.replace("-", "_")


def report_files(values: Values, errors: ErrorCollector) -> dict[FileKind, Path]:
    """Return the files to write reports to; collect an error for a file that is given twice."""
    given = {kind: values[kind.value] for kind in FileKind if values[kind.value]}
    first: dict[Path, FileKind] = {}
    for kind, path in given.items():
        before = first.setdefault(path.resolve(), kind)
        if before is not kind:
            errors.note(
                f"{values.where(kind.value)}: expected a file of its own, got {path}, which "
                f"{values.where(before.value)} writes.",
                "Name another file.",
            )
    return given


def _fuzz(values: Values) -> FuzzConfig:
    cases, seed = values["fuzz"], values["fuzz_seed"]
    if cases is None and seed is None:
        return FuzzConfig()
    return FuzzConfig(cases or GATE_CASES, chosen() if seed is None else seed)
