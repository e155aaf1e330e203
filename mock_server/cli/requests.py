"""``runs-mock requests``: the requests of a world, and the explanation of each response."""

from typing import Any

import click

from mock_server.cli.follow_requests import follow_requests
from mock_server.cli.remote import Remote, with_remote
from mock_server.cli.text import echo, printable
from mock_server.engine.enums import Operation
from mock_server.errors import UsageError

_HEAD = ("number", "time", "method", "status", "ms", "operation", "path")
_RIGHT = {"number", "ms"}
_UNDECLARED = {
    "undeclared status": "which the contract does not declare there",
    "no operation": "by none of the contract's operations",
}


@click.command()
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option(
    "--operation",
    type=click.Choice([*map(str, Operation), "none"]),
    metavar="OPERATION",
    help="Only of this one; none: that matched none.",
)
@click.option("--status", metavar="STATUS", help="Only responses with it: 404, or 4xx.")
@click.option("--limit", type=click.IntRange(1, 1_000), help="How many.  [default: 20]")
@click.option(
    "--whose",
    type=click.Choice(["world", "none", "all", "nobody"]),
    metavar="[world|none|all]",
    help="Requests to the world, to no world, or all.  [default: world]",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with requests as they come.")
@click.option("--clear", is_flag=True, help="Remove them from the journal.")
@with_remote
def requests(mock: Remote, number: int | None, clear: bool, follow: bool, **filters: Any) -> None:
    """List the newest requests, follow them, or explain the response to one: NUMBER is the
    response header X-Mock-Request.

    \b
    runs-mock requests                                 the newest twenty
    runs-mock requests --operation getRun --status 4xx
    runs-mock requests --follow --status 5xx           and those to come, until Ctrl-C
    runs-mock requests --whose none                    wrong paths, bad credentials
    runs-mock requests 17                              why this response?
    runs-mock requests --clear

    OPERATION is listRuns, getRun, getRunSteps, streamRunEvents, cancelRun or retryRun. The path of
    a request is followed by the faults that were injected and by the number of validation errors
    (flaws).
    """
    query = {name: value for name, value in filters.items() if value is not None}
    if number is not None and (clear or follow or query):
        raise UsageError(
            "NUMBER explains one request: neither a filter nor --follow nor --clear goes with it"
        )
    if clear and (follow or query.keys() - {"whose"}):
        raise UsageError("--clear removes all requests: expected --whose only")
    if number is not None:
        _explain(mock.get(f"/requests/{number}"))
    elif clear:
        cleared = mock.call("DELETE", "/requests", query=query)["cleared"]
        echo(f"{_count(cleared, 'request')} removed")
    elif follow:
        follow_requests(mock, query)
    else:
        _list(mock.get("/requests", **{"limit": 20, **query}))


def _list(found: dict[str, Any]) -> None:
    items, total = found["items"], found["total"]
    if not items:
        echo("no requests")
        return
    rows = [_HEAD, *map(_row, items)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    marks = ["", *map(_marks, items)]
    for row, mark in zip(rows, marks, strict=True):
        cells = [
            f"{cell:>{width}}" if name in _RIGHT else f"{cell:<{width}}"
            for name, cell, width in zip(_HEAD, row, widths, strict=True)
        ]
        echo("  ".join([*cells, mark]).rstrip())
    if total > len(items):
        echo(f"{len(items)} of {total}; --limit shows more")


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    took = item["durationMs"]
    return (
        str(item["number"]),
        "" if item["at"] is None else item["at"][11:-1],
        item["method"],
        "none" if item["status"] is None else str(item["status"]),
        "" if took is None else f"{took:.1f}",
        item["operation"] or "none",
        _path(item),
    )


def _marks(item: dict[str, Any]) -> str:
    marks = []
    if item.get("backend"):
        marks.append("passed on")
    if item["faults"]:
        marks.append(f"faults: {', '.join(item['faults'])}")
    if item["flaws"]:
        marks.append(f"flaws: {len(item['flaws'])}")
    if item["stream"] == "open":
        marks.append("open")
    return "; ".join(marks)


def _explain(item: dict[str, Any]) -> None:
    echo(f"Request {item['number']}: {item['method']} {_path(item)}")
    rows = [
        ("operation", item["operation"] or "none: no operation of the contract is there"),
        ("tenant", _tenant(item)),
        ("time", item["at"] and f"{item['at']}, the world's"),
        ("answer", _response(item)),
        ("reason", item["reason"]),
        *(("flaw", f"{'.'.join(f['loc'])}: {f['msg']} ({f['type']})") for f in item["flaws"]),
        *(("ignored", ".".join(loc)) for loc in item["ignored"]),
        *_question(item["question"]),
        ("faults", ", ".join(item["faults"])),
        ("passed on", item.get("backend")),
        *(
            ("near miss", f"{miss['method']} {miss['path']}: {miss['reason']}")
            for miss in item["nearMisses"]
        ),
        ("sent", _sent(item)),
    ]
    for label, text in rows:
        if text:
            echo(f"  {label:<9}  {printable(text)}")


def _tenant(item: dict[str, Any]) -> str:
    if item["tenant"] is not None:
        return f"{item['tenant']}, by {item['credential']}"
    if item["credential"] is not None:
        return f"none: its {item['credential']} opens no world"
    return "none: it came without a credential, or did not get as far as its check"


def _response(item: dict[str, Any]) -> str:
    contract = item["contract"]
    if item["status"] is None:
        return f"none: {contract['because']}"
    if contract["location"] is None:
        return f"{item['status']}, {_UNDECLARED[contract['because']]}"
    return f"{item['status']}, as the contract declares at {contract['location']}"


def _question(question: dict[str, Any] | None) -> list[tuple[str, str]]:
    if question is None:
        return []
    return [
        ("open", f"{question['number']}: {question['question']}"),
        ("in force", f"{question['answer']}: {question['meaning']}"),
    ]


def _sent(item: dict[str, Any]) -> str:
    size, took = _count(item["bytesSent"], "byte"), item["durationMs"]
    return f"{size} so far; it goes on" if took is None else f"{size} in {took:.1f} ms"


def _path(item: dict[str, Any]) -> str:
    query = f"?{item['query']}" if item["query"] else ""
    return printable(item["path"] + query)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
