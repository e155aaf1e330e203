"""`runs-conformance schema`: print the JSON Schema of a file that the kit reads or writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import click

from conformance.config.converters import output_file
from conformance.config.toml_file import nearest
from conformance.errors import ConfigurationError
from conformance.reporters.files import write
from conformance.resources import failure_schema_file, report_schema_file


@click.command(name="schema")
@click.argument("kind")
@click.option("--write", "file", metavar="FILE", help="Write it to this file instead of stdout.")
def schema_command(kind: str, file: str | None) -> None:
    """Print the JSON Schema of a KIND of file: config (conformance.toml), report (--json) or
    failure (--failures).

    \b
    runs-conformance schema config > conformance.schema.json

    An editor with Taplo then completes and checks a conformance.toml whose first line is

    \b
    #:schema conformance.schema.json
    """
    if kind not in _KINDS:
        raise ConfigurationError(f"KIND: expected a schema, got {kind!r}.", nearest(kind, _KINDS))
    text = _KINDS[kind]()
    if file is None:
        click.echo(text, nl=False)
        return
    path: Path = output_file(file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
    except OSError as fault:
        raise ConfigurationError(
            f"--write {path}: {fault.strerror}.", "Name another file."
        ) from None


def _config() -> str:
    # The table of settings takes long to load.
    from conformance.config.file_schema import config_schema  # noqa: PLC0415

    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


_KINDS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "config": _config,
        "report": lambda: report_schema_file().read_text(encoding="utf-8"),
        "failure": lambda: failure_schema_file().read_text(encoding="utf-8"),
    }
)
