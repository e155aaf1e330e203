"""`runs-conformance contract`: compare versions of a contract, trace its evidence, compute its
forms and its page."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from conformance.catalogue import behaviour_profiles, open_questions, requirements
from conformance.contract.contract import Contract, load
from conformance.contract.forms import Version, View, as_text, form, write_forms
from conformance.contract.provenance import Provenance, Tracer
from conformance.errors import ConfigurationError
from conformance.resources import forms_dir

_DASH = "-"
_PAGES = ("contract", "questions", "requirements")


@click.group(name="contract")
def contract_command() -> None:
    """Review the contract.

    \b
    runs-conformance contract diff old.yaml openapi.yaml
    runs-conformance contract evidence /components/schemas/Run/properties/status
    runs-conformance contract forms --version 3.1
    """


@contract_command.command(name="diff")
@click.argument("old", type=Path, metavar="OLD")
@click.argument("new", type=Path, metavar="NEW")
@click.option(
    "--view",
    type=click.Choice([view.value for view in View]),
    default=View.FULL.value,
    show_default=True,
    help="Compare the complete documents, or only what is documented or derived.",
)
@click.option("--strict", is_flag=True, help="Count changes of analogue and inferred parts.")
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(["breaking", "exhaustive", "generated", "undecided"]),
    default=["breaking"],
    show_default=True,
    help="Impacts that fail the comparison. May be repeated.",
)
@click.option(
    "--for",
    "audiences",
    multiple=True,
    type=click.Choice(["sender", "receiver", "backend"]),
    default=["sender", "receiver"],
    show_default=True,
    help="Audiences that count: clients that send, clients that read, backends.",
)
@click.option(
    "--waivers",
    type=Path,
    metavar="FILE",
    help="Tolerated changes.  [default: contract-waivers.toml if it exists]",
)
@click.option("--json", "json_file", metavar="FILE", help="Write a JSON report ('-': stdout).")
@click.option("--markdown", "markdown_file", metavar="FILE", help="Write a Markdown report.")
@click.option("--sarif", "sarif_file", metavar="FILE", help="Write a SARIF 2.1.0 report.")
def diff_command(
    old: Path,
    new: Path,
    view: str,
    strict: bool,
    fail_on: tuple[str, ...],
    audiences: tuple[str, ...],
    waivers: Path | None,
    **files: str | None,
) -> None:
    """Judge the changes from the OpenAPI document OLD to NEW.

    For each change: whether it breaks a client that sends, a client that reads, or a backend,
    decided by the values that the schemas accept, with an example. A change of a part that is only
    analogue or inferred breaks nothing that is documented: it fails under --strict.

    \b
    impacts: breaking    a party that followed the old contract fails under the new one
             exhaustive  only a client that handles nothing but the known values fails
             generated   only the names in generated code change
             undecided   neither a counterexample nor a proof was found
             compatible  everything still works

    \b
    Exit codes: 0 no change fails, 1 a change fails, 2 a document cannot be compared, or a waiver is
    expired or unused.
    """
    # Comparing is the work of this command alone.
    from conformance.contract_diff import reports, verdict  # noqa: PLC0415
    from conformance.contract_diff.change import Audience, Impact  # noqa: PLC0415
    from conformance.contract_diff.compare_contracts import compare  # noqa: PLC0415
    from conformance.contract_diff.waivers import read_contract_waivers  # noqa: PLC0415

    contracts = [_viewed(load(file), View(view), file) for file in (old, new)]
    found = verdict.judge(
        compare(contracts[0], contracts[1], (str(old), str(new))),
        verdict.Policy({*map(Impact, fail_on)}, {*map(Audience, audiences)}, strict),
        read_contract_waivers(waivers, Path()),
        view=view,
        today=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    texts: dict[str, Callable[[], str]] = {
        "json_file": lambda: reports.as_json(found),
        "markdown_file": lambda: reports.as_markdown(found),
        "sarif_file": lambda: reports.as_sarif(found, (_read(old), _read(new))),
    }
    for key, render in texts.items():
        if (name := files[key]) is not None:
            _write(name, render())
    if _DASH not in files.values():
        click.echo(reports.as_text(found), nl=False)
    sys.exit(found.exit_code)


@contract_command.command(name="evidence")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--contract", "file", type=Path, metavar="FILE", help="Another OpenAPI document.")
def evidence_command(names: tuple[str, ...], file: Path | None) -> None:
    """Show the evidence for the contract.

    NAME is a JSON pointer into openapi.yaml, a requirement or an open question. For a place the
    lines of the reference are shown, or the reason and the open question. Without NAME, list every
    place that is not documented.

    \b
    runs-conformance contract evidence /components/parameters/Limit/schema/maximum
    runs-conformance contract evidence CANCEL-05 Q02
    """
    contract = load(file)
    tracer = Tracer(contract)
    lines: list[str] = []
    for name in names:
        lines += [*([""] if lines else []), *_evidence(name, contract, tracer)]
    if not names:
        for mark in contract.marks:
            question = f" {mark.question}" if mark.question else ""
            lines.append(f"{mark.level.value:9}{question:4}  {mark.pointer or '/'}: {mark.because}")
    click.echo("\n".join(lines))


@contract_command.command(name="forms")
@click.option(
    "--version",
    type=click.Choice([version.value for version in Version]),
    default=Version.V3_1.value,
    show_default=True,
    help="The OpenAPI version.",
)
@click.option(
    "--view",
    type=click.Choice([view.value for view in View]),
    default=View.FULL.value,
    show_default=True,
    help="All of the contract, or only what is documented or derived.",
)
@click.option("--contract", "file", type=Path, metavar="FILE", help="Another OpenAPI document.")
@click.option("--write", metavar="DIRECTORY", type=Path, help="Write every form into a directory.")
def forms_command(version: str, view: str, file: Path | None, write: Path | None) -> None:
    """Print the contract in a version of OpenAPI, computed from openapi.yaml (3.0.3)."""
    contract = load(file)
    if write is None:
        click.echo(as_text(form(contract, Version(version), View(view))), nl=False)
        return
    for written in write_forms(contract, write):
        click.echo(str(written))


@contract_command.command(name="page")
@click.argument("name", type=click.Choice(_PAGES), default=_PAGES[0])
@click.option("--write", metavar="FILE", type=Path, help="Write the page to this file.")
def page_command(name: str, write: Path | None) -> None:
    """Print a Markdown page: the contract with its evidence, the open questions with their answers
    and observers, or the requirements."""
    page = _page(name)
    if write is None:
        click.echo(page, nl=False)
    else:
        _write(str(write), page)


def _page(name: str) -> str:
    from conformance.reporters import catalogue_pages  # noqa: PLC0415
    from conformance.reporters.contract_page import ContractPage  # noqa: PLC0415

    if name == "requirements":
        return catalogue_pages.requirements_page(requirements.load())
    if name == "questions":
        return catalogue_pages.questions_page(
            load(), requirements.load(), open_questions.load(), behaviour_profiles.load()
        )
    return ContractPage(load()).render()


def _viewed(contract: Contract, view: View, file: Path) -> Contract:
    if view is View.FULL:
        return contract
    if contract.marks and not str(contract.full.get("openapi", "")).startswith("3.0"):
        raise ConfigurationError(
            f"{file}: expected OpenAPI 3.0 to compute the documented view, got "
            f"{contract.full.get('openapi')}.",
            f"Compare the documented forms: see {forms_dir()}",
        )
    return Contract(contract.documented, contract.documented, ())


def _evidence(name: str, contract: Contract, tracer: Tracer) -> Iterator[str]:
    catalogue, questions = requirements.load(), open_questions.load()
    if name.upper() in catalogue.requirements:
        found = catalogue[name.upper()]
        yield f"{found.id}: {found.statement}"
        yield f"  {found.level.value}: {found.source}"
        if found.question:
            yield from (f"  {line}" for line in _evidence(found.question, contract, tracer))
    elif name.upper() in questions:
        question = questions[name.upper()]
        yield f"{question.number}: {question.text}"
        for word, meaning in question.answers.items():
            yield f"  {word}{' (default)' if word == question.default else ''}: {meaning}"
        observers = [e.id for e in catalogue.requirements.values() if e.question == question.number]
        yield f"  observed by {', '.join(observers)}"
        for mark in contract.marks:
            if mark.question == question.number:
                yield f"  {mark.level.value} {mark.pointer or '/'}: {mark.because}"
    else:
        yield from _place(tracer, name)


def _place(tracer: Tracer, name: str) -> Iterator[str]:
    try:
        found = tracer.trace(name.removeprefix("#"))
    except LookupError:
        raise ConfigurationError(
            f"{name}: expected a JSON pointer into the contract, a requirement or a question.",
            "Write a pointer as /components/schemas/Run/properties/status",
        ) from None
    yield f"{found.pointer}: {found.level.value}"
    if found.place != found.pointer:
        yield f"  at {found.place}"
    yield from _reasons(found)


def _reasons(found: Provenance) -> Iterator[str]:
    for fact in found.facts:
        yield f"  reference, {fact.section}: {fact.text} (fixtures/reference.yaml:{fact.line})"
    for mark in found.marks:
        question = f" Open question {mark.question}." if mark.question else ""
        yield f"  {mark.level.value}: {mark.because}{question}"
    if not found.facts and not found.marks:
        yield "  no line of the reference: OpenAPI itself asks for it"


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _write(name: str, text: str) -> None:
    if name == _DASH:
        click.echo(text, nl=False)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ConfigurationError(f"{name}: {fault.strerror}.", "Choose another file.") from None
