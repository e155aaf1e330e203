"""`runs-conformance init`: a configuration file with every key there is, to be uncommented."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.config.template import template
from conformance.config.toml_file import NAME, PYPROJECT, SECTION, section_of
from conformance.errors import ConfigurationError


@click.command(name="init")
@click.option("--force", is_flag=True, help=f"Overwrite a {NAME} that is there.")
def init_command(force: bool) -> None:
    """Write conformance.toml, with every key explained and commented out, to this directory.

    \b
    runs-conformance init
    runs-conformance run
    """
    path = Path(NAME)
    if section_of(Path(PYPROJECT)) is not None:
        raise ConfigurationError(
            f"[{'.'.join(SECTION)}] of {PYPROJECT} configures the kit already.", "Edit it there."
        )
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise ConfigurationError(f"{NAME} is there already.", "Overwrite it: --force") from None
    except OSError as fault:
        raise ConfigurationError(
            f"{NAME} cannot be written: {fault.strerror}.", "Call it in another directory."
        ) from None
    click.echo(f"{NAME} is written. Set base_url, name your credential, then: runs-conformance run")
