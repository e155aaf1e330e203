"""What a run of the kit is told, as checked values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from conformance.catalogue.requirements import Catalogue
from conformance.catalogue.requirements import load as load_catalogue
from conformance.client.connection import Connection, header
from conformance.client.credentials import AuthScheme, Credential
from conformance.client.redaction import Redactor
from conformance.config import toml_file
from conformance.config.options import ENVIRONMENT
from conformance.config.provisioning import Provisioning, read_provisioning
from conformance.config.sources import SettingValue, gather
from conformance.config.waivers import read_waivers
from conformance.errors import ConfigurationError, ErrorCollector
from conformance.fuzz.config import GATE_CASES, FuzzConfig, chosen
from conformance.results.waivers import Waiver
from conformance.vocabulary import ROOT, FileKind

MOST_WORKERS = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked values; times are in seconds. The first credential is used where any will do."""

    config: str
    base_url: str
    credentials: tuple[Credential, ...]
    others: tuple[Credential, ...]
    provisioning: Provisioning
    connection: Connection
    read_only: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    strict: bool
    budget: float
    timeout: float
    patience: float
    wait_for_api: float
    workers: int
    reports: Mapping[FileKind, Path]
    waivers: tuple[Waiver, ...]
    fuzz: FuzzConfig

    def redactor(self) -> Redactor:
        """What takes out of reports everything secret that was told."""
        secrets = [credential.secret for credential in (*self.credentials, *self.others)]
        if password := urlsplit(self.connection.proxy).password:
            secrets += [password, unquote(password)]
        return Redactor.of(secrets, self.connection.headers)


def read(given: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from options by key, the environment and the configuration file, in this order.

    A ConfigurationError says of every option that is wrong who gave it, why it is wrong, and what
    would be right.
    """
    mistakes = ErrorCollector()
    attempt = mistakes.attempt
    named = given.get("config") or environment.get(f"{ENVIRONMENT}CONFIG", "")
    file = toml_file.find(str(named), Path())
    told = gather(given, environment, file, mistakes)
    catalogue = load_catalogue()
    if not any(told[_key(scheme)].value or told[_key(scheme)].wrong for scheme in AuthScheme):
        mistakes.note(
            "No credential is given.",
            "Give one as --token, --api-key or --cookie, in RUNS_CONFORMANCE_TOKEN, or as "
            f'token_env = "VARIABLE" in {toml_file.NAME}.',
        )
    settings = Settings(
        config="" if file is None else str(file.path),
        base_url=attempt(_url, told["base_url"]),
        credentials=_credentials(told, "", mistakes),
        others=_credentials(told, "other_", mistakes),
        provisioning=read_provisioning(told, mistakes),
        connection=_connection(told, mistakes),
        read_only=bool(told["read_only"].value),
        include=tuple(told["include"].value),
        exclude=tuple(told["exclude"].value),
        strict=bool(told["strict"].value),
        budget=attempt(_seconds, told["budget"]),
        timeout=attempt(_seconds, told["timeout"]),
        patience=attempt(_seconds, told["patience"]),
        wait_for_api=attempt(_seconds, told["wait_for_api"]) if told["wait_for_api"].value else 0.0,
        workers=attempt(_workers, told["workers"]),
        reports=_reports(told, mistakes),
        waivers=() if file is None else read_waivers(file, catalogue, mistakes),
        fuzz=_effort(told, mistakes),
    )
    _look_at_patterns(told, catalogue, mistakes)
    mistakes.tell()
    return settings


def _look_at_patterns(
    told: Mapping[str, SettingValue], catalogue: Catalogue, mistakes: ErrorCollector
) -> None:
    """Each must match a requirement, and together they must leave one."""
    both = told["include"], told["exclude"]
    found = [mistakes.attempt(catalogue.matching, p, t.where) for t in both for p in t.value]
    if all(found) and not catalogue.select(*(tuple(each.value) for each in both)):
        given = [f"{each.where} {' '.join(each.value)}" for each in both if each.value]
        leave = "leaves" if len(given) == 1 else "leave"
        mistakes.note(
            f"{' with '.join(given)} {leave} no requirement.",
            "What is excluded is taken from what is included; without --include that is all.",
        )


def _url(told: SettingValue) -> str:
    if told.wrong:
        return ""
    text = str(told.value)
    if not text:
        raise ConfigurationError(
            "No base URL is given.",
            "Give it as --base-url http://127.0.0.1:8080, or write a configuration file: "
            "runs-conformance init",
        )
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ConfigurationError(
            f"{told.where} {text!r} is no HTTP address.",
            "Write it as http://HOST:PORT or https://HOST",
        )
    if parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{told.where} {parts.scheme}://{parts.hostname} has a user, a query or a fragment.",
            "Credentials go into --token, --api-key or --cookie.",
        )
    if ROOT in parts.path:
        raise ConfigurationError(
            f"{told.where} {text!r} goes too far.", f"Leave out {ROOT} and what follows."
        )
    return text.rstrip("/")


def _connection(told: Mapping[str, SettingValue], mistakes: ErrorCollector) -> Connection:
    def text(key: str) -> str:
        return str(told[key].value)

    where, headers = told["header"].where, filter(str.strip, told["header"].value)
    connection = Connection(
        headers=tuple(mistakes.attempt(header, each, where) for each in headers),
        proxy=mistakes.attempt(_proxy, told["proxy"]),
        cacert=text("cacert"),
        client_cert=text("client_cert"),
        client_key=text("client_key"),
        insecure=bool(told["insecure"].value),
    )
    mistakes.attempt(connection.check)
    return connection


def _proxy(told: SettingValue) -> str:
    text = str(told.value)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.path not in ("", "/"):
        # What it says may hold a password: it is not repeated.
        raise ConfigurationError(
            f"{told.where} is no address of a proxy.", "Write it as http://HOST:PORT"
        )
    return text


def _credentials(
    told: Mapping[str, SettingValue], prefix: str, mistakes: ErrorCollector
) -> tuple[Credential, ...]:
    given = [(scheme, told[_key(scheme, prefix)]) for scheme in AuthScheme]
    return tuple(mistakes.attempt(_credential, scheme, one) for scheme, one in given if one.value)


def _credential(scheme: AuthScheme, told: SettingValue) -> Credential:
    secret = str(told.value)
    if odd := next((i for i, c in enumerate(secret, 1) if not "!" <= c <= "~"), None):
        raise ConfigurationError(
            f"{told.where} has a character that no header can carry: number {odd} of "
            f"{len(secret)} is {_described(secret[odd - 1])}.",
            "Copy it again; a credential is printable ASCII without spaces.",
        )
    return Credential(scheme, secret, told.where)


def _key(scheme: AuthScheme, prefix: str = "") -> str:
    return prefix + scheme.value.replace("-", "_")


def _described(character: str) -> str:
    if character.isspace():
        return "a line break" if character in "\r\n" else "a space"
    return "not of ASCII" if not character.isascii() else "a control character"


def _reports(told: Mapping[str, SettingValue], mistakes: ErrorCollector) -> dict[FileKind, Path]:
    given = {kind: told[kind.value] for kind in FileKind if told[kind.value].value}
    first: dict[Path, SettingValue] = {}
    for one in given.values():
        before = first.setdefault(Path(one.value).resolve(), one)
        if before is not one:
            mistakes.note(
                f"{one.where} {one.value}: {before.where} writes there.", "Name another file."
            )
    return {kind: mistakes.attempt(writable, one.value, one.where) for kind, one in given.items()}


def _effort(told: Mapping[str, SettingValue], mistakes: ErrorCollector) -> FuzzConfig:
    cases = mistakes.attempt(_whole, told["fuzz"], 100_000)
    seed = mistakes.attempt(_whole, told["fuzz_seed"], 2**32 - 1)
    if cases == 0:
        mistakes.note(
            f"{told['fuzz'].where} 0 tries nothing.", "Leave out what is not wanted: --exclude."
        )
    if cases is None and seed is None:
        return FuzzConfig()
    return FuzzConfig(cases or GATE_CASES, chosen() if seed is None else seed)


def _whole(told: SettingValue, most: int) -> int | None:
    text = str(told.value).strip()
    if text and not (text.isascii() and text.isdecimal() and int(text) <= most):
        raise ConfigurationError(
            f"{told.where} {text!r} is no number of the kind.",
            f"Write a whole number, {most} at the most.",
        )
    return int(text) if text else None


def _workers(told: SettingValue) -> int:
    workers = _whole(told, MOST_WORKERS)
    if not workers:
        raise ConfigurationError(f"{told.where} {told.value} checks nothing.", "Write at least 1.")
    return workers


def _seconds(told: SettingValue) -> float:
    text = str(told.value).strip()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text)
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"] if found else 0
    if not 0 < seconds <= 86_400:
        raise ConfigurationError(
            f"{told.where} {text!r} is no time.", "Write it as 30s, 5m or 1h; a day at the most."
        )
    return seconds


def writable(path: str | Path, where: str) -> Path:
    """The path; a ConfigurationError that begins with `where` if no file can be written there.
    Nothing is made yet."""
    file = Path(path)
    nearest = next(each for each in (file.absolute(), *file.absolute().parents) if each.exists())
    if nearest == file.absolute():
        why = "it is a directory" if file.is_dir() else ""
    else:
        why = "" if nearest.is_dir() else f"{nearest} is no directory"
    if not why and not os.access(nearest, os.W_OK):
        why = f"{nearest} cannot be written to"
    if why:
        raise ConfigurationError(f"{where} {path}: {why}.", "Name a file that can be written.")
    return file
