"""``runs-mock schema``: print the JSON Schema of a kind of file."""

from pathlib import Path

import click

from mock_server.errors import UsageError, unknown_name


@click.command()
@click.argument("kind")
@click.option(
    "--write",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it to this file instead of stdout.",
)
def schema(kind: str, file: Path | None) -> None:
    """Print the JSON Schema of a KIND of file: scenario, behaviour, world or preset.

    \b
    runs-mock schema scenario > scenario.json

    An editor that reads comments then completes and checks a scenario whose first line is

    \b
    # yaml-language-server: $schema=scenario.json
    """
    # The models take long to load.
    from mock_server.worlds.file_schemas import FILES, as_text, file_schema  # noqa: PLC0415

    if kind not in FILES:
        raise UsageError(unknown_name("schema", kind, FILES))
    text = as_text(file_schema(kind))
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--write: {file} cannot be written: {error.strerror}") from None
