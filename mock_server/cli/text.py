"""Text for a terminal or a CI log: what others have written cannot act on it."""

import click


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped, line breaks and directional marks too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def echo(line: str, *, err: bool = False) -> None:
    """Print one line that may contain text of others: names, messages, paths."""
    click.echo(printable(line), err=err)
