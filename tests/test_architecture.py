"""What holds of the two packages as wholes: who imports whom, where time and chance come from, how
long a file may be, and which names are public."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import conformance
import mock_server

TOP = Path(__file__).parent.parent
PACKAGES = ("mock_server", "conformance")
FILES = sorted(file for package in PACKAGES for file in (TOP / package).rglob("*.py"))
MAX_LINES = 400
NAMES = [str(file.relative_to(TOP)) for file in FILES]
SOURCES = {name: file.read_text(encoding="utf-8") for file, name in zip(FILES, NAMES, strict=True)}

# Where each may be used. Durations of the kit's own requests are not time of day.
HOMES = {
    "time.time": "mock_server/engine/clock.py",
    "time.time_ns": "mock_server/engine/clock.py",
    "datetime.datetime.now": "mock_server/engine/clock.py",
    "datetime.datetime.utcnow": "mock_server/engine/clock.py",
    "datetime.datetime.today": "mock_server/engine/clock.py",
    "datetime.date.today": "mock_server/engine/clock.py",
    "uuid.uuid1": "mock_server/engine/randomness.py",
    "uuid.uuid4": "mock_server/engine/randomness.py",
    "random": "mock_server/engine/randomness.py",
    "secrets": "mock_server/engine/randomness.py conformance/fuzz/config.py",
    "os.urandom": "mock_server/engine/randomness.py",
    # A library of an extra: these are loaded where a store needs it.
    "redis": "mock_server/store/valkey.py mock_server/store/valkey_client.py "
    "mock_server/store/valkey_listing.py",
    "hiredis": "mock_server/store/valkey_client.py",
}

# The layers of each package, lowest first: a module imports from its own folder and from those
# that stand before it. Folders in one group do not import each other.
LAYERS = {
    "mock_server": (
        "errors cookies header_text public_address resources file_limits gc_tuning lean_event",
        "yaml_model openapi_document strict_json",
        "engine",
        "journal",
        "faults",
        "settings",
        "worlds",
        "http",
        "exam",
        "control",
        "store",
        "app",
        "reload",
        "transport",
        "response_cycle",
        "request_head",
        "connection",
        "server",
        "cluster",
        "testing",
        "mcp",
        "pytest_plugin cli",
    ),
    "conformance": (
        "resources vocabulary redaction signals",
        "errors",
        "deadline",
        "contract",
        "catalogue client",
        "assertions provision fuzz",
        "harness",
        "results checks",
        "config reporters",
        "contract_diff",
        "traffic",
        "recording",
        "proxy",
        "runner",
        "mcp",
        "plugin cli",
    ),
}


@cache
def used(source: str) -> list[str]:
    """Return the dotted names that a module imports or reaches through what it imports."""
    return list(_used(list(ast.walk(ast.parse(source)))))


def _used(nodes: list[ast.AST]) -> Iterator[str]:
    known: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}"
    for node in nodes:
        if isinstance(node, ast.Attribute):
            names = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                names.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in known:
                yield ".".join([known[inner.id], *names])


def strays(source: str, name: str) -> set[str]:
    """What the module uses and should not: the other package, a source of time or of chance."""
    package = Path(name).parts[0]
    (other,) = set(PACKAGES) - {package}
    found = set()
    for word in used(source):
        homes = [home.split() for key, home in HOMES.items() if f"{word}.".startswith(f"{key}.")]
        if f"{word}.".startswith(f"{other}.") or (
            homes and not any(name in home for home in homes)
        ):
            found.add(word)
    return found


def test_other_code_can_be_read_in_a_sitting_too() -> None:
    """Tests, tools, benchmarks and examples."""
    files = [file for top in ("tests", "tools", "bench", "examples") for file in own(TOP / top)]
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(files) > 100
    assert {str(file): n for file, n in lengths.items() if n > MAX_LINES} == {}


def own(folder: Path) -> Iterator[Path]:
    """Yield the modules in a folder, without those of installed packages."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "node_modules"]
        yield from (Path(parent, name) for name in files if name.endswith(".py"))


def test_a_module_keeps_to_its_place() -> None:
    """The kit does not trust the mock's code and the mock does not need the kit's; time comes from
    one clock and chance from one seed."""
    assert len(SOURCES) > 400
    assert {name: found for name in SOURCES if (found := strays(SOURCES[name], name))} == {}


def test_a_module_can_be_read_in_a_sitting() -> None:
    """It also says what it is for."""
    lengths = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}
    documented = {name: ast.get_docstring(ast.parse(SOURCES[name])) for name in SOURCES}
    assert [name for name, purpose in documented.items() if not purpose] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import mock_server.engine.clock", {"mock_server.engine.clock"}),
        ("from mock_server import clock", {"mock_server.clock"}),
        ("import time as t\nt.time()", {"time.time"}),
        ("from time import time_ns", {"time.time_ns"}),
        ("import datetime as dt\ndt.datetime.now()", {"datetime.datetime.now"}),
        ("from datetime import datetime\ndatetime.now(None)", {"datetime.datetime.now"}),
        ("from uuid import uuid4", {"uuid.uuid4"}),
        ("import random", {"random"}),
        ("from random import Random", {"random.Random"}),
        ("import secrets\nsecrets.token_hex()", {"secrets", "secrets.token_hex"}),
        ("import time\ntime.monotonic()", set()),
        ("import uuid\nuuid.UUID(x)", set()),
        ("from mock_server_things import a", set()),
    ],
)
def test_a_stray_is_found(source: str, found: set[str]) -> None:
    """However it is imported; and what only looks alike is left in peace."""
    assert strays(source, "conformance/check.py") == found


def upward(source: str, name: str) -> set[str]:
    """Return the imports of a module from layers that do not stand before its own."""
    package, part = (Path(word).stem for word in Path(name).parts[:2])
    rank = {word: n for n, words in enumerate(LAYERS.get(package, ())) for word in words.split()}
    found = set()
    for word in used(source):
        other = word.split(".")[1] if word.startswith(f"{package}.") else part
        if other != part and part in rank and rank.get(other, -1) >= rank[part]:
            found.add(word)
    return found


def test_a_module_imports_from_lower_layers() -> None:
    """Every folder of a package can be understood with those before it, and without the others."""
    assert {name: found for name in SOURCES if (found := upward(SOURCES[name], name))} == {}


def test_every_folder_has_a_layer() -> None:
    """A folder without a layer would escape the order."""
    for package, layers in LAYERS.items():
        parts = {Path(name).parts[1] for name in NAMES if Path(name).parts[0] == package}
        placed = {word for words in layers for word in words.split()}
        assert placed == {Path(part).stem for part in parts} - {"__init__", "__main__"}


@pytest.mark.parametrize(
    ("source", "name", "found"),
    [
        ("import mock_server.app", "mock_server/http/call.py", {"mock_server.app"}),
        ("from mock_server import app", "mock_server/http/call.py", {"mock_server.app"}),
        (
            "def f():\n    from mock_server.app import M",
            "mock_server/http/call.py",
            {"mock_server.app.M"},
        ),
        ("from mock_server.app import M", "mock_server/cli/serve.py", set()),
        (
            "from conformance.results.report import R",
            "conformance/client/api.py",
            {"conformance.results.report.R"},
        ),
        (
            "import conformance.catalogue.requirements",
            "conformance/client/api.py",
            {"conformance.catalogue.requirements"},
        ),
        ("from conformance.client.sse import Parser", "conformance/client/api.py", set()),
        ("from conformance import deadline", "conformance/client/api.py", set()),
    ],
)
def test_an_import_from_a_higher_layer_is_found(source: str, name: str, found: set[str]) -> None:
    """In any form, also in a function, and from another folder of the same layer."""
    assert upward(source, name) == found


def test_the_public_names_are_counted() -> None:
    """Adding a name is a decision."""
    public = {
        package.__name__: sorted(
            # Pytest adds names that are not identifiers to the packages of its plugins.
            n
            for n in vars(package)
            if n.isidentifier() and (n[0] != "_" or n == "__version__")
        )
        for package in (mock_server, conformance)
    }
    modules = {Path(name).stem for name in NAMES} | {Path(name).parent.name for name in NAMES}
    assert {name: set(names) - modules for name, names in public.items()} == {
        "mock_server": {"__version__"},
        "conformance": {"__version__"},
    }
    assert mock_server.__version__ == conformance.__version__


def fixtures(source: str) -> set[str]:
    """The names of the fixtures of a module."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and any("pytest.fixture" in ast.unparse(mark) for mark in node.decorator_list)
    }


def test_a_fixture_keeps_its_name_to_itself() -> None:
    """One with the name of a fixture of a conftest takes its place, also for fixtures of the
    session that need it, and fails the tests of other modules."""
    defined = {file: fixtures(file.read_text("utf-8")) for file in own(TOP / "tests")}
    shared = {file: names for file, names in defined.items() if file.name == "conftest.py"}
    assert any(shared.values())
    found = [
        f"{file.relative_to(TOP)}: {name}"
        for file, names in defined.items()
        for above, taken in shared.items()
        if above != file and file.is_relative_to(above.parent)
        for name in taken & names
    ]
    assert not found
