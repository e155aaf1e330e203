"""The documentation of the mock in a real browser: each part shows how well it is known."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from watched import Watched

from conformance.contract.contract import Contract, load
from conformance.contract.pointer import as_pointer, resolve
from mock_server.settings import Access, Settings
from mock_server.testing import serving

KEYWORDS = ("type", "nullable", "enum", "format", "default", "anyOf", "description")
OPERATIONS = """
async () => {
  const { Evidence } = await import("/static/docs/evidence.js")
  const document = await (await fetch("/openapi.json")).json()
  const evidence = new Evidence(document), found = {}
  const note = (place, entries) => {
    found[place] = entries.map(({ level, because }) => `${level}: ${because}`).sort()
  }
  for (const [path, item] of Object.entries(document.paths))
    for (const method of ["get", "post"].filter((each) => each in item)) {
      for (const each of [...(item.parameters ?? []), ...(item[method].parameters ?? [])]) {
        const { name, in: kind } = document.components.parameters[each.$ref.split("/").at(-1)]
        note(`${method} ${path} ${name}`, evidence.parameter(path, method, name, kind))
      }
      for (const code of Object.keys(item[method].responses))
        note(`${method} ${path} ${code}`, evidence.response(path, method, code))
    }
  for (const [name, schema] of Object.entries(document.components.schemas))
    for (const property of Object.keys(schema.properties ?? {})) {
      const place = ["components", "schemas", name, "properties", property]
      note(`${name} ${property}`, evidence.schema(place))
    }
  return found
}
"""


def entry(place: Locator, badge: str) -> Locator:
    """Return the entry at a place with this badge."""
    return place.get_by_role("listitem").filter(has=place.page.get_by_text(badge, exact=True))


def test_a_parameter_a_response_and_a_property_show_their_evidence(
    watched: Watched, mock_server_url: str
) -> None:
    """The level as a word, what it is about, the reason, and the open question with its text; what
    is documented has no badge. The link leads to the answers."""
    page = watched.page
    page.goto(f"{mock_server_url}/docs#/Automation%20runs/listRuns")
    operation = page.locator("#operations-Automation_runs-listRuns")
    parameters = operation.locator(".parameters-container")
    shown = entry(parameters, "schema: analogue")
    expect(shown).to_contain_text("an optional union whose members are lost")
    expect(shown.get_by_role("link")).to_have_text(
        "Open question Q05: What does an unknown value of the status filter return?"
    )
    expect(entry(parameters, "values: analogue")).to_have_count(1)
    expect(parameters.get_by_role("list", name="Evidence")).to_have_count(1)

    responses = operation.locator(".responses-table").first
    refused = responses.locator("tr.response[data-code='401'] + tr")
    expect(entry(refused, "analogue")).to_contain_text("requires a credential on every request")
    expect(responses.locator("tr.response[data-code='422'] + tr .evidence")).to_have_count(0)

    schemas = page.locator("section.models")
    schemas.locator("#model-Run").get_by_role("button").first.click()
    run = schemas.locator("#model-Run")
    expect(entry(run, "presence, null: inferred").first).to_contain_text("How are empty optional")
    status = run.locator("tr.property-row").filter(has_text="orchestratorType").last
    expect(entry(status, "values: analogue")).to_contain_text("a sibling resource documents")
    expect(entry(status, "presence, null: inferred").get_by_role("link")).to_have_text(
        "Open question Q19"
    )

    shown.get_by_role("link").click()
    expect(page).to_have_url(f"{mock_server_url}/docs/questions#Q05")
    expect(page.locator("section:target")).to_contain_text("200 with no items.")
    assert watched.stayed_at(mock_server_url)
    assert watched.complaints == []


def reasons(contract: Contract, *pointers: str) -> set[str]:
    """Return the level and the reason of every mark that covers one of the places."""
    return {
        f"{mark.level.value}: {' '.join(mark.because.split())}"
        for pointer in pointers
        for mark in contract.marks_for(pointer)
    }


def expected(contract: Contract) -> dict[str, set[str]]:
    """Return the reasons that the kit knows for each parameter, response and property."""
    found = {}
    for path, item in contract.full["paths"].items():
        for method in (each for each in ("get", "post") if each in item):
            route = ("paths", path, method)
            for holder, above in ((item, route[:2]), (item[method], route)):
                for index, raw in enumerate(holder.get("parameters", [])):
                    place = as_pointer((*above, "parameters", index))
                    name = resolve(contract.full, raw)["name"]
                    found[f"{method} {path} {name}"] = reasons(
                        contract, place, f"{place}/schema", f"{place}/schema/enum"
                    )
            for code, raw in item[method]["responses"].items():
                place = as_pointer((*route, "responses", code))
                media = resolve(contract.full, raw).get("content", {})
                inner = [as_pointer((*route, "responses", code, "content", m)) for m in media]
                found[f"{method} {path} {code}"] = reasons(
                    contract, place, f"{place}/headers", *inner
                )
    for name, schema in contract.full["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            above = f"/components/schemas/{name}"
            place = f"{above}/properties/{field}"
            pointers = [place, *(f"{place}/{keyword}" for keyword in KEYWORDS)]
            required = [f"{above}/required"] if field in schema.get("required", []) else []
            found[f"{name} {field}"] = reasons(contract, *pointers, *required)
    return found


def test_every_mark_of_the_contract_is_shown(page: Page, mock_server_url: str) -> None:
    """Where the kit, which reads the marks for its verdicts, applies them as well."""
    contract = load()
    page.goto(f"{mock_server_url}/docs/questions")
    shown: dict[str, list[str]] = page.evaluate(OPERATIONS)
    wanted = expected(contract)
    assert shown.keys() == wanted.keys()
    assert sum(map(len, wanted.values())) > 90
    for place, all_reasons in wanted.items():
        known = {" ".join(each.split()) for each in shown[place]}
        assert all_reasons <= known, place
        # An object that is a property says besides what holds for its own properties.
        extra = {each.partition(": ")[2] for each in known - all_reasons}
        objects = {" ".join(m.because.split()) for m in contract.marks if m.pointer.count("/") == 3}
        assert extra <= objects, place


@pytest.mark.parametrize("token", [None, "correct-horse"])
def test_the_control_api_is_shown_and_called(watched: Watched, token: str | None) -> None:
    """With a token, the page asks for it under "Authorize"; it does not keep it."""
    page = watched.page
    with serving(Settings(start="empty", access=Access(token=token))) as url:
        page.goto(f"{url}/docs/control")
        operation = page.locator("#operations-World-listWorlds")
        expect(operation).to_be_visible()
        if token:
            page.get_by_role("button", name="Authorize").click()
            form = page.locator(".auth-container").filter(has_text="X-Mock-Token")
            form.get_by_role("textbox").fill(token)
            form.get_by_role("button", name="Apply credentials").click()
            page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
        operation.get_by_role("button").first.click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        response = operation.locator(".live-responses-table .response")
        expect(response.locator(".response-col_status")).to_contain_text("200")
        kept: Any = page.evaluate("Object.values({...localStorage})")
        assert token is None or not any(token in value for value in kept)
        assert watched.stayed_at(url)
        assert watched.complaints == []
