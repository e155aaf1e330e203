"""The contract as documents: each version and view, with the address it was asked at."""

import json
from collections.abc import Iterator

import httpx2
import pytest
from click.testing import CliRunner
from plain_yaml import parse_yaml

from mock_server.cli.library import openapi
from mock_server.openapi_document import VERSIONS, VIEWS, contract_form
from mock_server.settings import Settings
from mock_server.testing import MockWorld, serving

RUN_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
FORMS = [(version, view) for version in VERSIONS for view in VIEWS]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """A client of a mock."""
    with serving() as base_url, httpx2.Client(base_url=base_url) as opened:
        yield opened


@pytest.mark.parametrize(("version", "view"), FORMS)
def test_every_form_is_served(client: httpx2.Client, version: str, view: str) -> None:
    """As the files have it, but for the server."""
    served = client.get(f"/openapi-{version}.json", params={"view": view}).json()
    assert served.pop("servers")[0]["url"] == str(client.base_url).rstrip("/")
    text = contract_form(version, view).read_text(encoding="utf-8")
    expected = json.loads(json.dumps(parse_yaml(text)))
    assert expected.pop("servers")[0]["url"] == "/"
    assert served == expected


def test_the_source_is_served_without_a_version(client: httpx2.Client) -> None:
    """`/openapi.json` and `/openapi.yaml` are the contract in OpenAPI 3.0, comments included."""
    whole = client.get("/openapi.json").json()
    assert whole == client.get("/openapi-3.0.json").json()
    text = client.get("/openapi.yaml").text
    assert json.loads(json.dumps(parse_yaml(text))) == whole


def test_the_server_is_the_address_of_the_request(client: httpx2.Client) -> None:
    """Whatever name the client knows the mock by."""
    port = client.base_url.port
    headers = {"Host": f"localhost:{port}"}
    for path in ("/openapi.json", "/openapi-3.2.json", "/openapi.yaml"):
        document = parse_yaml(client.get(path, headers=headers).text)
        assert document["servers"][0]["url"] == f"http://localhost:{port}"


def test_the_server_is_the_address_behind_a_proxy() -> None:
    """With the prefix under which the proxy serves the mock."""
    with serving(Settings(root_path="/api-mock")) as base_url:
        document = httpx2.get(f"{base_url}/openapi-3.1.json").json()
    assert document["servers"][0]["url"] == f"{base_url}/api-mock"


def test_an_unknown_view_is_rejected(client: httpx2.Client) -> None:
    """The views are named."""
    response = client.get("/openapi-3.1.json", params={"view": "stripped"})
    assert response.status_code == 422
    assert response.json() == {"detail": "view: expected full or documented, got 'stripped'."}
    assert client.get("/openapi-2.0.json").status_code == 404


def test_the_workflows_are_served(client: httpx2.Client) -> None:
    """Next to the contract, which they refer to by a relative path."""
    document = parse_yaml(client.get("/arazzo.yaml").text)
    (source,) = document["sourceDescriptions"]
    assert client.get(f"/{source['url']}").status_code == 200


def test_documents_are_not_in_the_journal(client: httpx2.Client) -> None:
    """They are not requests of the API."""
    client.get("/openapi-3.2.json")
    client.get("/arazzo.yaml")
    journal = client.get("/_mock/requests", headers={"X-API-Key": "demo"}).text
    assert "openapi-3.2" not in journal
    assert "arazzo" not in journal


@pytest.mark.parametrize(("version", "view"), FORMS)
def test_every_form_is_printed(version: str, view: str) -> None:
    """The source as it is written, the others as the files have them."""
    done = CliRunner().invoke(openapi, ["--version", version, "--view", view])
    assert done.output == contract_form(version, view).read_text(encoding="utf-8")


def test_other_documents_are_printed() -> None:
    """The control API's and the workflows."""
    assert CliRunner().invoke(openapi, ["--control"]).output.startswith("openapi: ")
    assert CliRunner().invoke(openapi, ["--workflows"]).output.startswith("arazzo: ")


def test_the_example_of_a_run_id_exists_in_the_edge_cases(client: httpx2.Client) -> None:
    """A tool that imports the contract can send its example requests."""
    document = client.get("/openapi.json").json()
    assert document["components"]["parameters"]["RunId"]["example"] == RUN_ID
    with MockWorld(str(client.base_url), "test-edge-cases-id", start="edge-cases") as world:
        run = world.run(RUN_ID)
        assert (run["id"], run["status"]) == (RUN_ID, "completed")
        exported = world.control("state", "GET")
        world.control("state", "PUT", **exported)
        assert world.run(RUN_ID) == run
