"""What a target sends decides neither where the kit sends requests nor what it takes it for."""

from __future__ import annotations

import contextlib
import json

import pytest
from hostile import Hostile, response, says
from mutating_proxy import Forward, Json, Mutant, Proxy, Request, Response, serving
from support import Judge

from conformance.client.api import Api
from conformance.client.connection import Connection
from conformance.client.recorder import Traffic
from conformance.client.transport import Target
from conformance.config.settings import read
from conformance.errors import CheckFailed, Inconclusive, KitError
from conformance.provision.discover import DiscoverProvisioner
from conformance.provision.mock import is_mock_health
from conformance.redaction import Redactor
from conformance.runner.session import Session
from conformance.vocabulary import State, Verdict

SECRET = "a-long-secret/of+mine"


@pytest.mark.parametrize(
    ("run_id", "path"),
    [
        ("../../_mock/reset?x=", b"/..%2F..%2F_mock%2Freset%3Fx%3D"),
        ("..", b"/%2E%2E"),
        ("a#b", b"/a%23b"),
        ("%2e%2e%2f", b"/%252e%252e%252f"),
        ("\n", b"/%0A"),
        ("\ud800", b"/%3F"),
    ],
)
def test_an_id_is_quoted(run_id: str, path: bytes) -> None:
    """It can lead to no other path, whatever it is made of."""
    with Hostile(says(response(b"{}"))) as server:
        address = f"http://127.0.0.1:{server.port}"
        target = Target(address, Traffic(Redactor()), timeout=5, connection=Connection())
        Api(target, None).get_run(run_id)
        target.close()
    assert server.heads[0].startswith(b"GET /api/v1/automation-runs" + path + b" HTTP/1.1")


def test_an_id_that_fits_into_no_url() -> None:
    """It is a fault of the service, for requests and streams; nothing is sent."""
    target = Target("http://127.0.0.1:1", Traffic(Redactor()), timeout=5, connection=Connection())
    api = Api(target, None)
    for call in (api.run, api.steps, api.cancel, api.events):
        with pytest.raises(CheckFailed, match="cannot be sent: URL too long") as failed:
            call("x" * 70_000)
        assert len(str(failed.value)) < 200
    target.close()


@pytest.mark.parametrize("needs", [5, "ab", {"a": 1, "b": 2}, None, True])
def test_dependencies_of_another_type_join_nothing(needs: object) -> None:
    """A list of runs is searched for one with a join, whatever the steps of the others have."""
    page = {"items": [{"id": "a", "status": "completed"}], "total": 1}
    page["steps"] = [{"key": "s", "dependsOn": needs}]
    with Hostile(says(response(json.dumps(page).encode()))) as server:
        address = f"http://127.0.0.1:{server.port}"
        target = Target(address, Traffic(Redactor()), timeout=5, connection=Connection())
        with pytest.raises(Inconclusive, match="offers no run that could serve as"):
            DiscoverProvisioner(Api(target, None), None).provide(State.DIAMOND)
        target.close()


async def point_elsewhere(request: Request, forward: Forward, memory: Json) -> Response:
    """Give the runs of a page ids that are paths."""
    reply = await forward(request)
    if request.operation != "list" or reply.status != 200:
        return reply
    page = reply.json()
    return reply.put(page | {"items": [r | {"id": "../../_mock/reset?x="} for r in page["items"]]})


def test_an_id_that_is_a_path_is_a_finding(mock: str, judge: Judge) -> None:
    """The operations accept no such id, so no item may have one."""
    with serving(Proxy(mock, [Mutant("elsewhere", (), point_elsewhere)])) as address:
        report = judge(f"{address}/elsewhere", "LIST-02", token="test-elsewhere")
    (entry,) = report.entries
    assert entry.verdict is Verdict.VIOLATION
    assert "_mock/reset" in entry.worst.message


HEALTH = {"status": "ok", "version": "1", "uptimeSeconds": 1.5, "worlds": 3, "streams": 0}


@pytest.mark.parametrize("missing", HEALTH)
def test_a_service_that_is_ok_is_not_the_mock(missing: str) -> None:
    """Its health says more than that."""
    assert is_mock_health(HEALTH)
    assert not is_mock_health({k: v for k, v in HEALTH.items() if k != missing})
    assert not is_mock_health(HEALTH | {missing: None})


def test_no_credential_is_in_a_url() -> None:
    """Neither while the kit finds out what the target is, nor with one that says it is a mock."""
    for body in ({"status": "ok"}, HEALTH):
        with Hostile(says(response(json.dumps(body).encode()))) as server:
            settings = read(
                {"base_url": f"http://127.0.0.1:{server.port}", "token": SECRET}, environment={}
            )
            session = Session(settings)
            with contextlib.suppress(KitError), contextlib.closing(session):
                session.check_provisioning()
        lines = [head.partition(b"\r\n")[0] for head in server.heads]
        assert lines
        assert not [line for line in lines if b"secret" in line]
