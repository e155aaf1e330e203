"""``runs-mock exam``, with clients in processes of their own."""

import json
import re
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mock_server.cli import main
from mock_server.exam.client_command import PLACEHOLDERS, ClientCommand
from mock_server.testing import serving

CLIENT = """\
import http.client, json, sys
from urllib.parse import urlsplit

print("a log line")
print('{"level": "info"}', flush=True)
task, base_url, token, run_id = sys.argv[1:]
last = None
while True:
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc)
    headers = {"X-API-Key": token} | ({} if last is None else {"Last-Event-ID": last})
    connection.request("GET", f"/api/v1/automation-runs/{run_id}/events", headers=headers)
    response = connection.getresponse()
    if response.status != 200:
        break
    fields = {}
    try:
        for line in response:
            name, _, value = line.decode().rstrip().partition(": ")
            fields[name] = value
            if not name:
                last = fields["id"]
                shown = {"shown": "event", "id": last, "event": fields["event"]}
                print(json.dumps(shown), flush=True)
    except http.client.IncompleteRead:
        pass
    if fields.get("event") == "run.completed":
        break
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as base_url:
        yield base_url


@dataclass
class Done:
    code: int
    out: str
    err: str


Exam = Callable[..., Done]


@pytest.fixture
def exam(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Exam:
    """A function that runs the command on the mock of these tests."""
    monkeypatch.setenv("RUNS_MOCK_URL", url)

    def run(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(["exam", *map(str, arguments)])
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of a client that follows, resumes and reports, and does nothing else."""
    path = tmp_path_factory.mktemp("client") / "follow.py"
    path.write_text(CLIENT)
    program = shlex.join([sys.executable, "-IS", str(path)])
    return program + " follow {base_url} {token} {run_id}"


def test_all_reports(exam: Exam, client: str, tmp_path: Path) -> None:
    """One exam with items of each verdict: the exit code, the terminal and the files agree."""
    kinds = ("json", "junit", "html", "markdown")
    files = {kind: tmp_path / "new" / f"exam.{kind}" for kind in kinds}
    options = [part for kind in kinds for part in (f"--{kind}", files[kind])]
    for pattern in ("STREAM-0[12]", "poll-01", "wait-03", "REPEAT-01"):
        options += ["--only", pattern]
    done = exam("--client", client, *options)
    assert done.code == 1, done
    assert "failed      POLL-01      MUST    expected reads until the run finishes" in done.out
    assert "            | a log line\n" in done.out
    assert done.out.splitlines()[-1].startswith("failed: 2 passed, 2 failed, 1 not judged in ")
    report = json.loads(files["json"].read_text())
    assert report["exitCode"] == 1
    assert {item["id"]: item["outcome"] for item in report["items"]} == {
        "STREAM-01": "passed",
        "STREAM-02": "passed",
        "POLL-01": "failed",
        "WAIT-03": "failed",
        "REPEAT-01": "not judged",
    }
    assert report["items"][2]["sent"][0]["status"] == 501
    suites = ElementTree.fromstring(files["junit"].read_text())
    counts = {name: suites.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "1", "errors": "0", "skipped": "2"}
    page = files["html"].read_text()
    assert "expected reads until the run finishes" in page
    assert not re.search("(src|href)=", page), "it loads something"
    assert "| POLL-01 | MUST | **failed** |" in files["markdown"].read_text()


def test_a_should_fails_a_strict_exam_only(exam: Exam, client: str) -> None:
    """And so does what was not judged; with -q only these are shown."""
    assert exam("--client", client, "--only", "WAIT-03").code == 0
    done = exam("--client", client, "--only", "WAIT-0[23]", "--strict", "-q")
    assert done.code == 1
    lines = [line for line in done.out.splitlines()[:-1] if "|" not in line]
    assert sorted(line[:22] for line in lines) == [
        "failed      WAIT-03   ",
        "not judged  WAIT-02   ",
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "import sys; sys.exit('cannot import it')",
            "ended with exit code 1\n.*| cannot import it",
        ),
        ("pass", "undisturbed: .*ended with exit code 0"),
        ('print(\'{"shown": "event"}\')', "a report is not valid: .*event: Field required"),
        ("print('{\"shown\": 7}')", "a report is not valid: .*shown: Input tag '7'"),
    ],
)
def test_a_client_without_a_verdict(exam: Exam, script: str, expected: str) -> None:
    """The exit code says so, and the reason is shown."""
    command = shlex.join([sys.executable, "-ISc", script])
    done = exam("--client", command, "--only", "STREAM-04", "--only", "CONTRACT-01")
    assert done.code == 2, done
    assert re.search(expected, done.out), done.out


def test_a_client_that_does_not_end(exam: Exam) -> None:
    """It is ended when it does nothing."""
    command = shlex.join([sys.executable, "-ISc", "import signal; signal.pause()"])
    done = exam("--client", command, "--only", "CONTRACT-01", "--quiet-after", "1ms")
    assert done.code == 2
    assert "the client sent no request with its credential" in done.out


def test_a_client_is_ended_with_what_it_has_started() -> None:
    """Also what ignores the first signal."""
    child = "import signal; signal.signal(15, 1); print('{}', flush=True); signal.pause()"
    child = child.replace("{}", '{"shown": "run", "status": "started"}')
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-ISc', {child!r}])"
    command = ClientCommand(shlex.join([sys.executable, "-ISc", script]))
    sitting = dict.fromkeys(PLACEHOLDERS.values(), "")
    started = threading.Event()
    process = command.start(sitting, lambda _: started.set())
    try:
        assert started.wait(60)
        assert not process.ended
    finally:
        process.stop()
    assert process.output_ended


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "--client: expected a command that starts the client, got none"),
        (("--client", ""), "--client: expected a command, got an empty one"),
        (("--client", "'"), '--client: expected a command, got "\'": No closing quotation'),
        (("--client", "no-such-program x"), "--client: expected a program, got 'no-such-program'"),
        (("--client", "node {run}"), "--client: placeholder: expected one of task, base_url"),
        (("--client", "true", "--tasks", "fly"), "--tasks: task: expected one of follow, show"),
        (("--client", "true", "--only", "STREM*"), "--only: item: expected one of STREAM-01"),
        (("--explain", "STREAM-99"), "--explain: item: expected one of STREAM-01"),
        (("--client", "true", "--json", "/dev/null/x"), "--json /dev/null/x: cannot be written"),
        (("--client", "true", "--html", "/"), "File '/' is a directory"),
        (("--client", "true", "--url", "http://127.0.0.1:9"), "no mock answers at http://127"),
        (("--client", "true", "--world", "demo7"), "any name that begins with 'test-'"),
        (("--client", "true", "--workers", "0"), "0 is not in the range"),
    ],
)
def test_mistakes_are_explained(exam: Exam, arguments: tuple[str, ...], expected: str) -> None:
    """One line, exit code 2, before any client is started."""
    done = exam(*arguments)
    assert done.code == 2
    assert expected in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_the_items_are_listed_and_explained(exam: Exam) -> None:
    listed = exam("--list", "--only", "wait-*").out.splitlines()
    assert [line.split()[0] for line in listed] == [f"WAIT-0{n}" for n in range(1, 6)]
    assert "the client's requests and the credential URL" in exam("--explain", "auth-01").out
