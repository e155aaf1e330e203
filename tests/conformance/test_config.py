"""The configuration file: what counts before what, what is refused and where, and that the one
which `init` writes is whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import trustme
from command_line import call_kit

from conformance.config.options import OPTIONS
from conformance.config.settings import Settings, read
from conformance.config.template import template
from conformance.config.toml_file import find
from conformance.errors import ConfigurationError
from conformance.vocabulary import FileKind, ProvisionMethod, State

ENOUGH = {"RUNS_CONFORMANCE_TOKEN": "t"}
VARIABLES = {option.example: "secret" for option in OPTIONS if option.secret}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test is in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "conformance.toml") -> None:
    """A configuration file in the working directory."""
    Path(name).write_text(text, encoding="utf-8")


def refused(text: str, name: str = "conformance.toml", **environment: str) -> str:
    """What is said to such a file, the remedy too."""
    written(text, name)
    with pytest.raises(ConfigurationError) as caught:
        read({}, ENOUGH | environment)
    return f"{caught.value.message} {caught.value.hint}"


def runs_conformance(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return call_kit(*words)


def test_options_before_environment_before_file_before_default() -> None:
    """Each is asked only for what the one before did not say."""
    written('base_url = "http://file"\nbudget = "1s"\ntimeout = 2\npatience = "3s"\nstrict = true')
    environment = ENOUGH | {
        "RUNS_CONFORMANCE_BUDGET": "10s",
        "RUNS_CONFORMANCE_TIMEOUT": "20s",
        "RUNS_CONFORMANCE_STRICT": "no",
    }
    reported = read({"budget": "100s"}, environment)
    assert (reported.budget, reported.timeout, reported.patience, reported.strict) == (
        100,
        20,
        3,
        False,
    )
    assert (reported.base_url, reported.config, reported.provisioning.method) == (
        "http://file",
        "conformance.toml",
        ProvisionMethod.AUTO,
    )


def test_the_section_of_a_project_file() -> None:
    """Says the same as a file of its own, and what else stands there is not a matter."""
    text = "[project]\nname = 'x'\n[tool.runs-conformance]\nbase_url = 'http://x'\n"
    written(text + "[tool.runs-conformance.states]\nfails = ['a', 'b']", "pyproject.toml")
    reported = read({}, ENOUGH)
    assert (reported.base_url, dict(reported.provisioning.states)) == (
        "http://x",
        {State.FAILS: ("a", "b")},
    )


def test_a_file_from_an_editor_that_marks_its_encoding() -> None:
    """The mark is not a part of the text."""
    written('\ufeffbase_url = "http://x"\r\nbudget = "7s"\r\n')
    assert read({}, ENOUGH).budget == 7


def test_a_project_file_without_a_section() -> None:
    """Broken or not, it is none of the kit's business."""
    written("[project\n", "pyproject.toml")
    assert read({"base_url": "http://x"}, ENOUGH).config == ""


def test_two_files_contradict_each_other() -> None:
    """Neither is quietly left out; one that is named counts alone."""
    written('base_url = "http://a"')
    assert "Keep one of them" in refused("[tool.runs-conformance]\n", "pyproject.toml")
    written('base_url = "http://c"', "third.toml")
    assert read({"config": "third.toml"}, ENOUGH).base_url == "http://c"
    environment = ENOUGH | {"RUNS_CONFORMANCE_CONFIG": "third.toml"}
    assert read({}, environment).base_url == "http://c"


def test_tables() -> None:
    """Runs, the trigger, the files and the waivers."""
    written(
        """
        base_url = "http://x"
        include = ["LIST-*"]
        [trigger]
        request = "POST /make"
        body = { automation = "{state}", count = 1 }
        id = "data.id"
        [reports]
        json = "out/report.json"
        [[waivers]]
        requirements = "CANCEL-06"
        reason = "known"
        owner = "us"
        expires = 2030-01-31
        [[waivers]]
        requirements = ["cancel-0[78]", "RETRY-*"]
        reason = "known"
        owner = "us"
        expires = "2030-02-01"
        """
    )
    reported = read({}, ENOUGH)
    assert reported.provisioning.trigger is not None
    assert reported.provisioning.trigger.body == '{"automation": "{state}", "count": 1}'
    assert reported.provisioning.trigger.id_path == "data.id"
    assert (reported.include, reported.provisioning.method) == (("LIST-*",), ProvisionMethod.HTTP)
    assert reported.reports == {FileKind.JSON: Path("out/report.json")}
    first, second = reported.waivers
    assert (first.patterns, first.expires) == (("CANCEL-06",), "2030-01-31")
    assert second.covers("CANCEL-07")
    assert not second.covers("CANCEL-06")
    assert not second.expired("2030-02-01")
    assert second.expired("2030-02-02")


def test_credentials_are_referred_to() -> None:
    """By the name of a variable; one that is not set is reported."""
    written('base_url = "http://x"\ntoken_env = "MINE"')
    assert [c.secret for c in read({}, {"MINE": "s"}).credentials] == ["s"]
    assert [c.secret for c in read({"token": "option"}, {}).credentials] == ["option"]
    with pytest.raises(
        ConfigurationError, match=r"conformance\.toml:2: token_env: expected the env"
    ):
        read({}, {})


WAIVER = '[[waivers]]\nrequirements = "GET-01"\nreason = "r"\nowner = "o"\nexpires = 2030-01-01\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '\n\nbase_ulr = "x"',
            "conformance.toml:3: base_ulr: unknown key. Did you mean 'b",
        ),
        (
            "strict = 1",
            "conformance.toml:1: strict: expected true or false, got a number: 1. Write true",
        ),
        ('strict = "yes"', "strict: expected true or false, got text in quotes: 'yes'."),
        ("include = 3", "conformance.toml:1: include: expected text in quotes, got a number: 3."),
        (
            'include = [\n "A",\n 3]',
            "conformance.toml:1: include: expected text in quotes, got a number: 3",
        ),
        (
            "\nprovision = true",
            "conformance.toml:2: provision: expected text in quotes, got true or false:",
        ),
        (
            '# c\nbudget = "soon"',
            "conformance.toml:2: budget: expected a duration of at most a day, got 'soon'.",
        ),
        (
            'provision = "http2"',
            "conformance.toml:1: provision: expected one of auto, mock, discover, static, http, "
            "command, "
            "got 'http2'. Did you mean 'http'?",
        ),
        (
            "trigger = 3",
            "conformance.toml:1: trigger: expected a table, got a number: 3. Write a table.",
        ),
        ('[trigger]\nbody = "{}"\nurl = 1', "conformance.toml:3: trigger.url: unknown key."),
        (
            '[trigger]\nbody = "{}"',
            "conformance.toml:2: trigger.body: expected a request for this body, got none.",
        ),
        (
            "[states]\ndone = 'x'",
            "conformance.toml:1: states: expected STATE=RUN_ID, got the unknown state 'done' in",
        ),
        (
            "[states]\nfails = 7",
            "conformance.toml:2: states.fails: expected text in quotes, got a number: 7.",
        ),
        ('a = """\nbase_url = 1\n"""\nbaseurl = 1', "conformance.toml:1: a: unknown key"),
        (
            'token = "s3cret"',
            "conformance.toml:1: token: expected no credential in the file, got one.",
        ),
        ("base_url = ", "conformance.toml: Invalid value"),
        ("[[waivers]]\n", "conformance.toml:1: waivers.1: expected requirements, got none."),
        (WAIVER.replace("owner", "onwer"), "waivers.1.onwer: unknown key. Did you mean"),
        (WAIVER.replace('"o"', '" "'), "conformance.toml:1: waivers.1: expected owner, got none."),
        (
            WAIVER + WAIVER.replace('reason = "r"\n', ""),
            "conformance.toml:6: waivers.2: expected reason, got none.",
        ),
        (
            WAIVER.replace("expires = 2030-01-01", ""),
            "waivers.1: expected expires, got none. Add expires = 2027-01-31",
        ),
        (
            WAIVER.replace("2030-01-01", '"soon"'),
            "conformance.toml:5: waivers.1.expires: expected a date, got 'soon'.",
        ),
        (
            WAIVER.replace("2030-01-01", "2030-01-01T00:00:00"),
            "expected a date, got '2030-01-01 00:00:00'. Write it as expires =",
        ),
        (
            WAIVER.replace("[[waivers]]", "[waivers]"),
            "waivers: expected a list, got a table: {'requirements': 'GET-01'",
        ),
        (
            '[reports]\njson = "x"\nhtml = "./x"',
            "reports.html: expected a file of its own, got x, which conformance.toml:2:",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    """With its file, line, key and value, and what would be right."""
    answer = refused(text, RUNS_CONFORMANCE_BASE_URL="http://x")
    assert said in answer
    assert "s3cret" not in answer


def test_all_that_is_wrong_in_a_file_is_named() -> None:
    """Each with its line, once, and nothing that only follows from another."""
    waiver = WAIVER.replace('"r"', '""').replace("2030-01-01", "1")
    text = f'budgte = "1s"\nstrict = 1\nclock = 3\ntoken_env = "NONE"\n{waiver}'
    written(text + WAIVER.replace("GET-01", "GTE-*"))
    with pytest.raises(ConfigurationError) as caught:
        read({}, {})
    reported = [message for message, _ in caught.value.parts]
    assert reported == [
        "conformance.toml:1: budgte: unknown key.",
        "conformance.toml:3: clock: expected a table, got a number: 3.",
        "conformance.toml:4: token_env: expected the environment variable 'NONE' to be set.",
        "conformance.toml:2: strict: expected true or false, got a number: 1.",
        "No base URL is given.",
        "conformance.toml:5: waivers.1: expected reason, got none.",
        "conformance.toml:10: waivers.2: expected a pattern that matches a requirement, got "
        "'GTE-*'.",
    ]


def test_lines_of_a_project_file() -> None:
    """Count from the top of the whole file."""
    text = "[project]\nname = 'x'\n\n[tool.runs-conformance]\nbudgte = '1s'\n"
    assert "pyproject.toml:5: budgte: unknown key" in refused(text, "pyproject.toml")


def test_files_that_are_not_there_or_no_text() -> None:
    """Are reported with their name."""
    with pytest.raises(ConfigurationError, match=r"none\.toml: No such file"):
        find("none.toml", Path())
    Path("latin.toml").write_bytes(b'base_url = "\xe9"')
    with pytest.raises(ConfigurationError, match=r"latin\.toml: expected UTF-8"):
        find("latin.toml", Path())
    Path("pyproject.toml").touch()
    with pytest.raises(
        ConfigurationError, match=r"expected \[tool\.runs-conformance\], got no such table"
    ):
        find("pyproject.toml", Path())


def uncommented() -> list[str]:
    """Every line of the written file that can be uncommented, with its table."""
    return [line for line in template().splitlines() if re.match(r"#[a-z_]+ = ", line)]


def settings_of(text: str) -> Settings:
    """What such a file comes to."""
    written(text)
    return read({}, ENOUGH | VARIABLES)


def test_the_written_file_is_valid_as_it_is() -> None:
    """But for a credential, which only the user has."""
    assert settings_of(template()).base_url == "http://127.0.0.1:8080"


def papers() -> None:
    """The certificates that the written file names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path("authority.pem")
    ours = authority.issue_cert("me.example")
    ours.private_key_pem.write_to_path("client-key.pem")
    ours.private_key_and_cert_chain_pem.write_to_path("client.pem")


# A key that needs another one, or that takes its place.
NEEDS_ANOTHER = ("#body = ", "#client_key = ", "#token_command = ", "#other_token_command = ")


@pytest.mark.parametrize("line", [x for x in uncommented() if not x.startswith(NEEDS_ANOTHER)])
def test_every_line_of_the_written_file_can_be_uncommented(line: str) -> None:
    """Each by itself; a waiver needs all of its lines."""
    papers()
    text = template()
    if text.index(line) < text.index("#[[waivers]]"):
        text = text.replace(line, line[1:])
    else:
        head, _, waiver = text.partition("#[[waivers]]")
        text = f"{head}[[waivers]]" + waiver.replace("\n#", "\n")
    settings_of(text)


def test_every_option_has_its_key_in_the_written_file() -> None:
    """Every option has a key."""
    keys = {option.place[-1] for option in OPTIONS if option.in_file and not option.pairs}
    shown = {re.split(r"#| = ", line)[1] for line in uncommented()} | {"base_url"}
    assert keys <= shown
    text = template()
    papers()
    for key in ("request", "body", "advance", "client_cert", "client_key"):
        text = text.replace(f"#{key} = ", f"{key} = ")
    settings_of(text)


def test_init_writes_once(here: Path) -> None:
    """And overwrites only on demand; not at all next to a section that says the same."""
    assert runs_conformance("init").returncode == 0
    assert Path("conformance.toml").read_text(encoding="utf-8") == template()
    written("mine = 1")
    done = runs_conformance("init")
    assert (done.returncode, done.stdout) == (
        2,
        "conformance.toml is there already.\nOverwrite it: --force\n",
    )
    assert Path("conformance.toml").read_text(encoding="utf-8") == "mine = 1"
    assert runs_conformance("init", "--force").returncode == 0
    written("[tool.runs-conformance]\n", "pyproject.toml")
    assert runs_conformance("init", "--force").returncode == 2


def test_the_command_refuses_a_wrong_file() -> None:
    """In two lines, with exit code 2."""
    written('base_url = "http://x"\nbudgte = "1m"')
    done = runs_conformance("run", "--token", "x")
    assert (done.returncode, done.stdout) == (
        2,
        "conformance.toml:2: budgte: unknown key.\nDid you mean 'budget'?\n",
    )


def test_a_waiver_for_nothing_there_is() -> None:
    """A misspelled pattern is refused before anything is asked."""
    written('base_url = "http://127.0.0.1:9"\n' + WAIVER.replace("GET-01", "GTE-01"))
    done = runs_conformance("run", "--token", "x")
    assert done.returncode == 2
    assert (
        "conformance.toml:2: waivers.1: expected a pattern that matches a requirement, got 'GTE-01'"
        in done.stdout
    )


def test_no_setting_is_declared_twice() -> None:
    """No two options share a name, a variable or a place."""
    places = [option.place for option in OPTIONS if option.in_file]
    assert len(set(places)) == len(places)
    for names in ({o.key for o in OPTIONS}, {o.envvar for o in OPTIONS}):
        assert len(names) == len(OPTIONS)
