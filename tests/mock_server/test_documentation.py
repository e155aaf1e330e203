"""The pages of the documentation: which document they show, and the open questions."""

import re

import httpx2
import pytest
import yaml

from mock_server import resources


@pytest.mark.parametrize(
    ("page", "document", "title"),
    [
        ("docs", "openapi.json", "Automation runs"),
        ("docs/control", "_mock/openapi.json", "Control of the Automation runs mock"),
    ],
)
def test_a_page_shows_its_document(
    anonymous: httpx2.Client, page: str, document: str, title: str
) -> None:
    """All addresses are relative to the page, so that they hold behind a prefix, and exist."""
    text = anonymous.get(f"/{page}").text
    addresses = re.findall(r'(?:href|src|data-url|data-questions-page)="([^"]+)"', text)
    assert len(addresses) == 7
    top = httpx2.URL(f"http://127.0.0.1/{page}")
    for address in addresses:
        assert not address.startswith("/")
        assert anonymous.get(top.join(address).path).status_code == 200, address
    (shown,) = re.findall(r'data-url="([^"]+)"', text)
    assert top.join(shown).path == f"/{document}"
    assert anonymous.get(f"/{document}").json()["info"]["title"] == title


def test_the_page_of_the_questions_has_every_answer(anonymous: httpx2.Client) -> None:
    """With an anchor for each question, its default first, and the profiles that give an answer."""
    text = anonymous.get("/docs/questions").text
    questions = yaml.safe_load(resources.questions_file().read_text(encoding="utf-8"))
    sections = dict(re.findall(r'<section id="(Q\d+)">(.*?)</section>', text, re.DOTALL))
    assert list(sections) == list(questions)
    for number, question in questions.items():
        answers = re.findall(r"<dt>(\w+)( \(default\))?</dt>", sections[number])
        first = next(iter(question["answers"]))
        assert answers == [(each, " (default)" * (each == first)) for each in question["answers"]]
    (cooperative,) = re.findall(
        r"<dt>cooperative</dt>\s*<dd>(.*?)</dd>", sections["Q10"], re.DOTALL
    )
    assert "Profiles: cooperative, fastapi" in cooperative
