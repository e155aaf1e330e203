"""Options of ``runs-mock serve`` for what is around the mock: origins, proxies, tokens, faults."""

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import click

from mock_server import resources
from mock_server.cli.options import add_options
from mock_server.errors import UsageError, unknown_name
from mock_server.public_address import PREFIX

_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9.*_-]+)(:\d{1,5})?")
_OWN_PATHS = ("/api", "/_mock", "/docs", "/static")
_RULES_FILES = (".yaml", ".yml")


class Words(click.ParamType[Any]):
    """Texts, separated by commas, each checked by ``_check``."""

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(
            self._check(text.strip(), param, ctx) for text in value.split(",") if text.strip()
        )

    def _check(self, text: str, param: Any, ctx: Any) -> str:
        raise NotImplementedError


class Origins(Words):
    """Origins of web pages."""

    name = "origins"

    def _check(self, text: str, param: Any, ctx: Any) -> str:
        origin = text.lower().rstrip("/")
        if not _ORIGIN.fullmatch(origin):
            self.fail(
                "expected an origin such as https://app.example.org:3000, capacitor://localhost, "
                f"null or *, got {text!r}",
                param,
                ctx,
            )
        # Browsers leave out the port that a scheme has by default.
        return re.sub(r"^(http://.*):80$|^(https://.*):443$", lambda m: m[1] or m[2], origin)


class Networks(Words):
    """Addresses of the internet, or networks of them."""

    name = "networks"

    def _check(self, text: str, param: Any, ctx: Any) -> str:
        try:
            return str(ip_network(text, strict=False))
        except ValueError:
            self.fail(
                f"expected an address or a network such as 10.0.0.0/8, got {text!r}", param, ctx
            )


class RootPath(click.ParamType[Any]):
    """The path under which a proxy serves the mock."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        path = str(value).rstrip("/")
        if path and not PREFIX.fullmatch(path):
            self.fail(f"expected a path such as /mock, got {value!r}", param, ctx)
        if path in _OWN_PATHS:
            self.fail(f"{path} is a path of the mock itself; choose another", param, ctx)
        return path


_OPTIONS = (
    click.option(
        "--cors-origin",
        "cors_origins",
        type=Origins(),
        default="",
        envvar="RUNS_MOCK_CORS_ORIGIN",
        help="Origins of pages that may call the API, in addition to this machine's: "
        "https://*.example.org, capacitor://localhost, tauri://localhost, null, or * for all.",
    ),
    click.option(
        "--root-path",
        type=RootPath(),
        default="",
        envvar="RUNS_MOCK_ROOT_PATH",
        help="Path under which a proxy serves the mock, such as /mock.",
    ),
    click.option(
        "--trusted-proxy",
        "trusted_proxies",
        type=Networks(),
        default="",
        envvar="RUNS_MOCK_TRUSTED_PROXY",
        help="Addresses or networks of proxies whose X-Forwarded-* headers count, in addition to "
        "this machine.",
    ),
    click.option(
        "--accept-any-token",
        metavar="WORLD",
        envvar="RUNS_MOCK_ACCEPT_ANY_TOKEN",
        help="World that every credential opens that names none.",
    ),
    click.option(
        "--world-claim",
        metavar="CLAIM",
        envvar="RUNS_MOCK_WORLD_CLAIM",
        help="Claim of a JWT that names the world, such as sub; a value that is not a world opens "
        "test-VALUE. Signatures are not verified.",
    ),
    click.option(
        "--faults",
        multiple=True,
        metavar="PRESET|FILE",
        envvar="RUNS_MOCK_FAULTS",
        help="Faults of every world from the start: a preset (runs-mock faults preset) or a file "
        "with rules.",
    ),
    click.option(
        "--latency",
        metavar="DURATION",
        envvar="RUNS_MOCK_LATENCY",
        help="Delay of every response in every world, such as 300ms or 200ms..2s.",
    ),
    click.option(
        "--control-token-file",
        "token_file",
        type=click.Path(path_type=Path),
        envvar="RUNS_MOCK_CONTROL_TOKEN_FILE",
        help="File with the control token, such as a mounted secret.",
    ),
    click.option(
        "--open",
        "failure",
        type=click.Path(path_type=Path),
        metavar="FILE",
        envvar="RUNS_MOCK_OPEN",
        help="Open the runs of a failure as a world: a file of runs-conformance run --failures.",
    ),
)


def setup_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of this module to ``command``."""
    return add_options(command, _OPTIONS)


def read_token(token: str | None, file: Path | None) -> str | None:
    """Return the control token of the option or of the file. Raise UsageError."""
    if file is None:
        return token
    if token is not None:
        raise UsageError("--control-token and --control-token-file: expected one of them, got both")
    try:
        content = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--control-token-file: {file} cannot be read: {error}") from None
    if not content:
        raise UsageError(f"--control-token-file: {file} is empty; write the token into it")
    return content


def starting_rules(names: tuple[str, ...], latency: str | None) -> tuple[Any, ...]:
    """Return the rules of the presets, the files and the latency. Raise UsageError."""
    if not names and latency is None:
        return ()
    # The kinds of fault take long to load.
    from pydantic import ValidationError  # noqa: PLC0415

    from mock_server import yaml_model  # noqa: PLC0415
    from mock_server.faults.rules import MAX_RULES, Preset, Rule, presets  # noqa: PLC0415

    rules: list[Rule] = []
    known = presets(resources.faults_dir())
    for name in names:
        if name.endswith(_RULES_FILES):
            rules += yaml_model.load(Path(name), Preset)[0].rules
        elif name in known:
            rules += known[name].rules
        else:
            raise UsageError(f"--{unknown_name('faults', name, known)} Or name a .yaml file.")
    if latency is not None:
        try:
            rules.append(Rule.model_validate({"latency": {"takes": latency}}))
        except ValidationError as error:
            raise UsageError(f"--latency: {error.errors()[0]['ctx']['error']}") from None
    if len(rules) > MAX_RULES:
        raise UsageError(f"--faults: expected at most {MAX_RULES} rules, got {len(rules)}")
    return tuple(rules)
