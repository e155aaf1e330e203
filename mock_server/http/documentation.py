"""The documentation for people: the contract and the control API in Swagger UI, with the evidence
for their parts, and the open questions that it refers to."""

from collections import defaultdict
from functools import cache

from flask import Flask, render_template

from mock_server import resources
from mock_server.engine import behaviour


def register(app: Flask) -> None:
    """Add the pages to ``app``."""

    @app.get("/docs")
    def docs() -> str:
        return _document("the contract", "openapi.json", top="", remember=True)

    @app.get("/docs/control")
    def control_docs() -> str:
        # The credential is the token of the control API: the browser does not keep it.
        return _document("control API", "_mock/openapi.json", top="../", remember=False)

    @app.get("/docs/questions")
    def open_questions() -> str:
        questions = behaviour.questions()
        return render_template("questions.html", questions=questions, profiles=_profiles())


def _document(title: str, document: str, *, top: str, remember: bool) -> str:
    """Return the page of a document. Addresses are relative, for a proxy with a prefix."""
    return render_template(
        "docs.html",
        title=title,
        document=document,
        questions={number: each.question for number, each in behaviour.questions().items()},
        top=top,
        remember=remember,
    )


@cache
def _profiles() -> dict[str, dict[str, list[str]]]:
    """Return the names of the profiles that give each answer, by question and answer."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in behaviour.names():
        profile = behaviour.find(name, resources.behaviours_dir())
        for number, answer in profile.answers().items():
            found[number][answer].append(name)
    return found
