"""The words of the project are measured and checked; see tools/language.py."""

from __future__ import annotations

import pytest

from tools import language

SOURCE = '''"""Return what the client is told.

It was told twice."""

TOLD = "a string is not measured"  # An answer. Who knows?


class Liar:
    """A response."""
'''


def test_docstrings_and_comments_are_measured() -> None:
    """And nothing else of a module: per 10,000 words."""
    prose = language.prose(SOURCE)
    assert "a string" not in prose
    words = 16
    assert language.rates(prose) == {
        "told, tell": pytest.approx(2 * 10_000 / words),
        "what": pytest.approx(10_000 / words),
        "who, whoever, nobody": pytest.approx(10_000 / words),
        "response": pytest.approx(10_000 / words),
        "answer": pytest.approx(10_000 / words),
    }
    assert set(language.rates("").values()) == {0}


def test_banned_words_are_found_wherever_they_stand() -> None:
    """In docstrings, strings, comments and names, each with its line and a replacement."""
    found = [(each.line, each.word.lower()) for each in language.banned(SOURCE, "module.py")]
    assert found == [(1, "told"), (3, "told"), (5, "told"), (8, "liar")]
    (liar,) = (each for each in language.banned(SOURCE, "module.py") if each.word == "Liar")
    assert str(liar) == "module.py:8: 'Liar': write mutant"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def told_by(reader): ...", ["told", "reader"]),
        ("class HTTPReaderTold: ...", ["Told", "Reader"]),
        ("all were put to\n    # the test", ["put to the test"]),
        ("this is no number", ["is no"]),
        ("this is no longer a number and no more", []),
        ("is there no such thing", []),
        ("asyncio.StreamReader, getReader()", []),
        ("untold toldest retell liaryx", []),
        ("history, storage, StoryBook", ["Story"]),
    ],
)
def test_what_counts_as_a_word(text: str, found: list[str]) -> None:
    """Identifiers are read as the words they consist of, and parts of words are not words."""
    assert [each.word for each in language.banned(text, "x")] == found


def test_the_check_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 for one banned word or one rate that is too low; the table comes first."""
    rates = dict.fromkeys(language.COLUMNS, 50.0)
    monkeypatch.setattr(language, "measure", lambda package: rates)
    monkeypatch.setattr(language, "texts", lambda: ["Makefile"])
    monkeypatch.setattr(language, "BANNED", {})
    assert language.main(["--check"]) == 0
    monkeypatch.setattr(language, "BANNED", {"PYTHON": "Python"})
    rates["response"] = 39.9
    assert language.main([]) == 0
    assert language.main(["--check"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("|  | told, tell | what | who, whoever, nobody | response | answer |\n")
    lines = err.strip().splitlines()
    assert lines[0].startswith("Makefile:")
    assert lines[-1] == "mock_server: 'response': expected at least 40 per 10,000 words, got 39.9"


def test_every_kind_of_text_is_read() -> None:
    """What people read is among the files that are checked; what others wrote is not."""
    texts = language.texts()
    assert {
        "README.md",
        "Makefile",
        ".ci/run",
        "openapi.yaml",
        "conformance/requirements.yaml",
        "mock_server/templates/start.html",
        "tests/conftest.py",
    } <= set(texts)
    assert not [text for text in texts if "swagger-ui" in text or text.startswith("requirements/")]
