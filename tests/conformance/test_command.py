"""The command as people meet it: what it refuses and how, what it writes, and what it never
shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import jsonschema_rs
import pytest
from command_line import call_kit, run
from hostile import closed_port
from mock_process import DEFAULTS

import conformance
from mock_server.engine.behaviour import read


def test_no_server_there() -> None:
    """A refused connection is exit code 2 and says what to look at."""
    with closed_port() as port:
        done = run("--base-url", f"http://127.0.0.1:{port}", "--token", "x")
    assert done.returncode == 2
    assert (done.stdout + done.stderr).count("is not reachable") == 1
    assert "Start the API" in done.stdout


def test_tls_where_there_is_none(mock: str) -> None:
    """https:// at a plain server is reported from a server that is down."""
    done = run("--base-url", mock.replace("http:", "https:"), "--token", "demo")
    assert done.returncode == 2
    assert "write http:// in --base-url" in done.stdout


def test_a_refused_credential(mock: str) -> None:
    """Is reported before anything is checked, and not shown."""
    done = run("--base-url", mock, "--api-key", "unknown-credential")
    assert done.returncode == 2
    said = f"the credential is rejected: GET {mock}/api/v1/automation-runs?limit=1 returned 401."
    assert said in done.stdout
    assert "unknown-credential" not in done.stdout + done.stderr


def test_each_refused_credential_is_reported(mock: str) -> None:
    """By the option or variable that gave it, those that are not used for every request among
    them: what they would show is not a fault of the service."""
    words = [
        "--token",
        "test-taken",
        "--api-key",
        "unknown-credential",
        "--cookie",
        "test-taken",
    ]
    other = "nor-does-anybody-know-this"
    done = run("--base-url", mock, *words, RUNS_CONFORMANCE_OTHER_TOKEN=other)
    assert done.returncode == 2
    refused = (
        f": the credential is rejected: GET {mock}/api/v1/automation-runs?limit=1 returned 401."
    )
    reported = [line for line in done.stdout.splitlines() if "rejected" in line]
    assert reported == [f"--api-key{refused}", f"RUNS_CONFORMANCE_OTHER_TOKEN{refused}"]
    assert "unknown-cred" not in done.stdout + done.stderr


def test_a_way_in_which_a_good_credential_is_refused(proxy: str) -> None:
    """Is the fault of the service, where the same secret is taken in another way."""
    words = ["--base-url", f"{proxy}/no-x-api-key", "--include", "AUTH-0[23]"]
    done = run(*words, "--token", "test-two-ways", "--api-key", "test-two-ways")
    assert done.returncode == 1
    assert "violation AUTH-03" in done.stdout


def test_a_place_without_the_api(mock: str) -> None:
    """A base URL that is wrong is not a violation."""
    done = run("--base-url", f"{mock}/elsewhere", "--token", "demo")
    assert done.returncode == 2
    assert "expected the Automation runs API" in done.stdout


def test_options_from_the_environment(mock: str) -> None:
    """Everything that is an option is a variable too, for a process that has no others."""
    variables = {
        "RUNS_CONFORMANCE_BASE_URL": mock,
        "RUNS_CONFORMANCE_TOKEN": "test-environment",
        "RUNS_CONFORMANCE_INCLUDE": "LIST-01 LIST-05",
    }
    command = [sys.executable, "-m", "conformance", "run"]
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 of 2 requirements tested" in done.stdout


def test_of_several_credentials_it_is_reported_which_is_used(mock: str) -> None:
    """The first goes with every request; none is left out silently."""
    words = ["--base-url", mock, "--include", "AUTH-0[23]"]
    done = run(*words, "--api-key", "test-several", "--token", "test-several")
    assert done.returncode == 0, done.stdout
    assert (
        "default credential: --token; --api-key where a check is about that scheme" in done.stdout
    )
    done = run("--base-url", mock, "--include", "LIST-05", "--token", "test-several")
    assert "1 check against http" in done.stdout
    assert "1 of 1 requirement tested" in done.stdout
    assert "where a check is about" not in done.stdout


def listed(width: int, *words: str) -> list[str]:
    """The lines of a list in a terminal of this width."""
    return call_kit("list", *words, environment={"COLUMNS": str(width)}).stdout.splitlines()


def explained(*names: str) -> subprocess.CompletedProcess[str]:
    """`runs-conformance explain`."""
    return call_kit("explain", *names)


def test_an_open_question_is_explained() -> None:
    """Its answers, who sees them, and what the mock plays."""
    done = explained("q02")
    assert done.returncode == 0
    assert done.stdout.startswith("Q02  What does a cancel of a finished run return?")
    assert "conflict: 409; the run does not change. (the contract's own)" in done.stdout
    assert "observed by CANCEL-05\n" in done.stdout
    assert "uses conflict" in done.stdout
    assert "answers: {Q02: bad_request}\n" in done.stdout


def test_what_is_said_of_the_mock_it_plays(tmp_path: Path) -> None:
    """The lines that are shown are a file that it takes."""
    lines = explained("Q02").stdout.splitlines()
    file = tmp_path / "own.yaml"
    file.write_text("\n".join(line.strip() for line in lines[-2:]))
    assert read(file).answers() == DEFAULTS | {"Q02": "bad_request"}


def test_a_pattern_explains_all_that_it_matches() -> None:
    """In the order of the catalogue; several names together, and what is unknown is named."""
    reported = explained("CANCEL-0[45]", "get-01", "Q0[12]").stdout
    heads = [part.split()[0] for part in reported.split("\n\n")]
    assert heads == ["CANCEL-04", "CANCEL-05", "GET-01", "Q01", "Q02"]
    done = explained("GTE-01", "LIST-01", "zzz*")
    assert (done.returncode, "LIST-01  " in done.stdout) == (2, False)
    assert (
        "expected a requirement or an open question, got 'GTE-01'.\nDid you mean GET-01"
        in done.stdout
    )
    assert "'zzz*'.\nSee: runs-conformance list" in done.stdout


def test_a_list_in_a_narrow_terminal() -> None:
    """A paragraph for each requirement, of words that are not cut; a table where there is room."""
    narrow = listed(46, "CANCEL-0[12]", "FUZZ-COVERAGE-LIST")
    assert narrow[0] == "CANCEL-01  documented Q22"
    assert narrow[1].startswith("  ")
    assert max(map(len, narrow)) <= 46
    wide = listed(120, "CANCEL-0[12]")
    assert wide[0].split() == ["id", "level", "question", "statement"]


def test_files_for_machines(proxy: str, tmp_path: Path) -> None:
    """JSON and JUnit say the same as the terminal, and none of them has the credential."""
    files = tmp_path / "new" / "report.json", tmp_path / "report.xml"
    secret = "test-a-long-secret-credential"
    words = ["--json", str(files[0]), "--junit", str(files[1]), "--include", "GET-0[1-3]"]
    done = run("--base-url", f"{proxy}/version-is-text", "--token", secret, *words)
    assert done.returncode == 1
    report = json.loads(files[0].read_text())
    assert (report["conclusion"], report["exitCode"]) == ("not conformant", 1)
    schema = json.loads((Path(conformance.__file__).parent / "report.schema.json").read_text())
    jsonschema_rs.validate(schema, report)
    verdicts = {entry["id"]: entry["verdict"] for entry in report["requirements"]}
    assert verdicts == {"GET-01": "violation", "GET-02": "pass", "GET-03": "pass"}
    (violated,) = (entry for entry in report["requirements"] if entry["verdict"] == "violation")
    assert violated["curl"] in done.stdout
    assert violated["checks"][0]["exchanges"]
    cases = ElementTree.parse(files[1]).getroot().findall(".//testcase")
    failed = [case.get("name", "")[:6] for case in cases if case.find("failure") is not None]
    assert (len(cases), failed) == (3, ["GET-01"])
    for text in (done.stdout, files[0].read_text(), files[1].read_text()):
        assert secret not in text


def test_a_file_that_cannot_be_written_is_known_at_once(mock: str, tmp_path: Path) -> None:
    """Not after minutes of checking."""
    file = tmp_path / "file"
    file.touch()
    done = run("--base-url", mock, "--token", "demo", "--json", str(file / "report.json"))
    assert done.returncode == 2
    assert "--json" in done.stdout


def test_read_only_changes_nothing(mock: str, tmp_path: Path) -> None:
    """What needs a change is declared unsupported; the rest looks at what the list offers."""
    file = tmp_path / "report.json"
    # Runs that change while they are read are looked at for seconds, until they are stable.
    with httpx2.Client(headers={"X-API-Key": "test-read-only"}, verify=False) as client:
        client.post(f"{mock}/_mock/reset", json={"scale": 0}).raise_for_status()
    words = ["--read-only", "--include", "GET-0[1-35689]", "--include", "CANCEL-*"]
    words += ["--json", str(file)]
    done = run("--base-url", mock, "--token", "test-read-only", *words)
    assert done.returncode == 0, done.stdout
    report = json.loads(file.read_text())
    assert report["provisioner"] == "discover"
    cancels = [e["verdict"] for e in report["requirements"] if e["operation"] == "cancelRun"]
    assert len(cancels) > 9
    assert set(cancels) == {"unsupported"}
    sent = {
        x["method"] for e in report["requirements"] for c in e["checks"] for x in c["exchanges"]
    }
    assert sent <= {"GET"}


def test_runs_named_one_by_one(mock: str) -> None:
    """Each is used up by the check that changes it; what is not named is declared unsupported."""
    with httpx2.Client(headers={"X-API-Key": "test-static"}, verify=False) as client:
        made = [
            client.post(f"{mock}/_mock/runs", json={"scenario": "long-queue"}).json()["id"]
            for _ in range(2)
        ]
    words = [f"--state=pending={run_id}" for run_id in made]
    for requirement in ("CANCEL-01", "CANCEL-02", "CANCEL-09", "CANCEL-03"):
        words += ["--include", requirement]
    done = run("--base-url", mock, "--token", "test-static", *words)
    assert done.returncode == 0, done.stdout
    assert "every run configured for 'pending' is used up" in done.stdout
    assert "no run is configured: --state running_long=RUN_ID" in done.stdout
    assert "2 of 4 requirements tested" in done.stdout


def test_quiet_says_what_went_wrong_and_nothing_else(mock: str, proxy: str) -> None:
    """On the error stream: the output stays empty."""
    words = ["--quiet", "--token", "test-quiet", "--include", "GET-0[12]"]
    done = run("--base-url", mock, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run("--base-url", f"{proxy}/version-is-text", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("\nviolation GET-01")
    assert "checks against" not in done.stderr
    done = run("--base-url", "http://127.0.0.1:9", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("is not reachable") == 1


def test_a_run_that_is_refused_has_its_reports(tmp_path: Path) -> None:
    """Each of them says why there is not a verdict."""
    kinds = ("json", "html", "junit", "markdown", "sarif", "badge")
    words = [f"--{kind}={tmp_path / kind}" for kind in kinds]
    done = run("--base-url", "http://127.0.0.1:9", "--token", "x", *words)
    assert done.returncode == 2
    for kind in kinds:
        text = (tmp_path / kind).read_text(encoding="utf-8")
        assert "no verdict" in text.lower(), kind
        assert "is not reachable" in text or kind == "badge", kind
    assert ElementTree.parse(tmp_path / "junit").getroot().get("errors") == "1"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_reported(mock: str, tmp_path: Path) -> None:
    """After the verdict; the other reports are whole."""
    words = ["--include", "GET-02", "--json", "/dev/full", "--junit", str(tmp_path / "r.xml")]
    done = run("--base-url", mock, "--token", "test-full", *words)
    assert done.returncode == 2
    assert "--json /dev/full: No space left on device." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    ElementTree.parse(tmp_path / "r.xml")


def test_as_a_pytest_plugin(mock: str, tmp_path: Path) -> None:
    """The checks are tests for those who run tests, with the same reports."""
    command = [sys.executable, "-m", "pytest", "-p", "conformance.plugin", "-p", "no:cacheprovider"]
    command += ["--pyargs", "conformance", "-q", "--runs-include", "LIST-0[1-5]"]
    command += ["--runs-base-url", mock, "--runs-token", "demo"]
    command += ["--runs-html", str(tmp_path / "report.html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conformant: 5 pass" in done.stdout
    assert "Conformant" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_directory_is_not_a_report(tmp_path: Path, mock: str) -> None:
    """What cannot be written is known before the run."""
    done = run(
        "--base-url", mock, "--token", "demo", "--include", "GET-01", "--json", str(tmp_path)
    )
    assert done.returncode == 2
    assert "expected a file that can be written" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
