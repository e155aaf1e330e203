"""The main job of each other view, in a real browser."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import yaml
from dashboard_visit import Visit
from playwright.sync_api import expect

RUNS = "/api/v1/automation-runs"


def test_the_first_screen_says_what_to_call_and_shows_runs(visit: Visit) -> None:
    """The command that is shown works; a link leads to each document."""
    visit.world.create("diamond")
    page = visit.open("start")
    command = page.get_by_label("Code").inner_text()
    assert command == (
        f"curl -H 'X-API-Key: {visit.world.key}' '{visit.world.base_url}{RUNS}?status=running'"
    )
    expect(page.get_by_role("list", name="Newest runs")).to_contain_text("Weekly revenue report")
    links = page.locator(".links a").evaluate_all("links => links.map(link => link.href)")
    assert len(links) == 5
    for link in links:
        assert visit.world.client.get(link).status_code == 200


def test_a_preset_is_switched_on_and_hits(visit: Visit) -> None:
    """The bar names it, its counter grows as it applies, and it is switched off again."""
    page = visit.open("faults")
    switch = page.get_by_role("switch", name="expired-token")
    switch.check()
    expect(page.get_by_role("link", name="1 fault: status")).to_be_visible()
    assert visit.world.client.get(RUNS).status_code == 401
    row = page.get_by_role("region", name="Rules in force").get_by_role("row").nth(1)
    expect(row.get_by_role("cell").nth(2)).to_have_text("1")
    switch.uncheck()
    expect(page.get_by_role("link", name="No faults")).to_be_visible()
    assert visit.world.client.get(RUNS).status_code == 200


@pytest.mark.extended
def test_a_rule_is_built(visit: Visit) -> None:
    """From the kinds that the control API describes, with conditions."""
    page = visit.open("faults")
    page.get_by_label("Fault", exact=False).first.select_option("status")
    page.get_by_label("code").fill("502")
    page.get_by_role("checkbox", name="retryRun").check()
    page.get_by_label("For so many requests").fill("3")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_role("region", name="Rules in force")).to_contain_text("status (code 502)")
    [active] = visit.world.control("faults", "GET")["items"]
    assert active["rule"]["status"]["code"] == 502
    assert (active["rule"]["operations"], active["rule"]["count"]) == (["retryRun"], 3)


def test_a_request_is_explained(visit: Visit) -> None:
    """It appears by itself; the detail has the error, the open question and a near miss; two are
    compared, and one is sent again."""
    page = visit.open("requests")
    expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()
    visit.world.client.get(f"{RUNS}?status=lost")
    visit.world.client.get(f"{RUNS}?limit=2")
    page.get_by_role("row").filter(has_text="status=lost").get_by_role("link").click()
    detail = page.locator(".explain")
    expect(detail).to_contain_text("query.status")
    expect(detail).to_contain_text("Open question Q05")
    expect(detail).to_contain_text("/get/responses/422")
    for box in page.get_by_role("checkbox").all():
        box.check()
    expect(page.get_by_role("region", name="Comparison")).to_contain_text("differs")
    visit.expected = True  # The same error again.
    detail.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("row").filter(has_text="status=lost")).to_have_count(2)


@pytest.mark.extended
def test_a_body_is_sent_again(visit: Visit) -> None:
    """As it was, without its secrets; and it may be changed before."""
    run_id = visit.world.create("failure-in-the-middle")
    visit.world.advance(60)
    body = {"mode": "from_step", "stepKey": "load", "token": "it's secret"}
    visit.world.client.post(f"{RUNS}/{run_id}/retry", json=body)
    page = visit.open("requests")
    page.get_by_role("row").filter(has_text="retryRun").get_by_role("link").click()
    detail = page.locator(".explain")
    shown = '{"mode":"from_step","stepKey":"load","token":"[redacted]"}'
    expect(detail.get_by_label("Body")).to_have_value(shown)
    expect(detail).to_contain_text("The journal does not keep secrets.")
    visit.expected = True  # The run is not finished any more.
    changed = '{"mode":"full"}'
    detail.get_by_label("Body").fill(changed)
    detail.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("row").filter(has_text="retryRun")).to_have_count(2)
    newest, first = visit.world.control("requests?operation=retryRun", "GET")["items"]
    assert (newest["body"], first["body"]) == (changed, shown)


@pytest.mark.extended
def test_an_unmatched_request_is_found(visit: Visit) -> None:
    """Among those without a world, with what it may have meant."""
    visit.world.client.get("/api/v1/automation-run")
    page = visit.open("requests?kind=unmatched&whose=all&q=automation-run")
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.locator(".explain")).to_contain_text("Near misses")


@pytest.mark.extended
def test_an_answer_is_changed(visit: Visit) -> None:
    """The mock behaves accordingly at once; a profile changes many."""
    page = visit.open("behaviour")
    group = page.get_by_role("group", name="Q06")
    group.get_by_role("radio", name="invalid").check()
    expect(group).to_contain_text("changed")
    assert visit.world.client.get(f"{RUNS}?limit=0").status_code == 422
    page.get_by_role("switch", name="terse").check()
    library = visit.world.control("questions", "GET")
    [terse] = [one["answers"] for one in library["profiles"] if one["name"] == "terse"]
    changed = [
        one for one in library["questions"] if terse[one["number"]] != next(iter(one["answers"]))
    ]
    expect(page.locator(".question.is-changed")).to_have_count(len(changed))
    assert visit.world.control("behaviour", "GET")["answers"] == terse


@pytest.mark.extended
def test_coverage_grows_as_the_client_calls(visit: Visit) -> None:
    """The tree shows which codes and parameters were exercised."""
    page = visit.open("coverage")
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    visit.world.client.get(f"{RUNS}?limit=2")
    branch = page.locator("details").filter(has_text="listRuns,")
    expect(branch).to_contain_text("2 of 8")
    branch.locator("summary").click()
    expect(branch.get_by_text("limit covered")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing yet")).to_be_visible()


@pytest.mark.extended
def test_a_failure_is_opened_as_a_world(visit: Visit, tmp_path: Path) -> None:
    """The page goes to its world; a file of another kind changes nothing."""
    world, run_id = visit.world, visit.world.create("diamond")
    world.advance(1.5)
    body = json.dumps(world.run(run_id))
    exchange = {"at": 0, "seconds": 0, "method": "GET", "status": 200, "events": []}
    exchange |= {"url": f"http://x/api/v1/automation-runs/{run_id}", "responseBody": body}
    check = {"message": "", "recordingStarted": "", "exchanges": [exchange]}
    found = {"kind": "runs-conformance failure", "format": 1, "checks": [check]}
    found["requirement"] = {"id": "LIFE-02", "statement": ""}
    file = tmp_path / "LIFE-02.json"
    page = visit.open("state")
    visit.expected = True  # The first file is rejected.
    for content in ({"kind": "report"}, found):
        file.write_text(json.dumps(content), encoding="utf-8")
        page.get_by_label("Failure to open").set_input_files(file)
        expect(page.get_by_role("status").or_(page.get_by_role("alert")).first).to_be_visible()
    page.wait_for_url("**/test-failure-life-02*/runs")
    expect(page.get_by_role("link", name="Observed in LIFE-02").first).to_be_visible()


def test_a_world_is_exported_and_imported(visit: Visit, tmp_path: Path) -> None:
    """The document is that of the control API; dropped on the page, it brings back the runs."""
    run_id = visit.world.create("diamond")
    page = visit.open("state")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "world.json"
    download.value.save_as(file)
    assert json.loads(file.read_bytes()) == visit.world.control("state", "GET")
    visit.world.control("reset", start="empty", scale=0)
    expect(page.get_by_text("It holds 0 runs")).to_be_visible()
    drop = """(zone, text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "world.json"));
      zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }"""
    page.locator(".drop").first.evaluate(drop, file.read_text(encoding="utf-8"))
    expect(page.get_by_text("It holds 1 runs")).to_be_visible()
    assert visit.world.run(run_id)["status"] == "pending"


@pytest.mark.extended
def test_a_stream_is_listed_while_it_is_open(visit: Visit) -> None:
    """With the run that is followed."""
    run_id = visit.world.create("diamond")
    page = visit.open("streams")
    expect(page.get_by_role("heading", name="No client follows a run")).to_be_visible()
    with visit.world.client.stream("GET", f"{RUNS}/{run_id}/events") as response:
        parts = response.iter_raw()  # Kept, because its end would close the stream.
        assert next(parts)
        expect(page.get_by_role("heading", name="Open (1)")).to_be_visible()
        expect(page.get_by_role("table").first).to_contain_text(run_id[:8])
        expect(page.get_by_role("table").first).to_contain_text("1 of 1 events")
    expect(page.get_by_role("heading", name="Open (0)")).to_be_visible()


@pytest.mark.extended
def test_a_scenario_is_changed_before_the_start(visit: Visit) -> None:
    """Duration and outcome of a step."""
    page = visit.open("new/quick-success")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Duration of index").fill("30s")
    dialog.get_by_label("Duration of index").press("Tab")
    dialog.get_by_label("Outcome of index").select_option("fails")
    dialog.get_by_role("button", name="Start").click()
    expect(page.locator(".run-facts")).to_contain_text("pending")
    [created] = visit.world.control("runs", "GET")["items"]
    found = visit.world.control(f"runs/{created['run']['id']}", "GET")["definition"]["steps"]
    [step] = [one for one in found if one["key"] == "index"]
    assert (step["takes"], step["outcome"]) == ("30s", ["fails"])


@pytest.mark.extended
def test_a_decision_is_made_and_an_outcome_forced(visit: Visit) -> None:
    """Approve the step that waits, then fail the one that runs."""
    run_id = visit.world.create("approval")
    visit.world.advance(3)
    page = visit.open(f"runs/{run_id}")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("button", name="Ask for approval (approve), running")).to_be_visible()
    visit.world.advance(1)
    page.get_by_role("button", name="Pay the refund (pay), running").click()
    page.get_by_text("Force", exact=True).click()
    page.get_by_role("button", name="Fail pay").click()
    expect(page.locator(".run-facts")).to_contain_text("failed")


def test_commands_are_found_by_words(visit: Visit) -> None:
    """Ctrl-K, some words, Enter; `?` shows the keys; the space bar runs the clock."""
    page = visit.open("start")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search commands")).to_be_focused()
    page.keyboard.type("go cover")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Coverage")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert not visit.world.control("clock", "GET")["frozen"]


@pytest.mark.extended
def test_a_fresh_world_is_opened(visit: Visit) -> None:
    """With the content that is chosen; the address names it."""
    page = visit.open("start")
    page.get_by_label("World", exact=True).select_option("Open a fresh world…")
    name = f"{visit.world.key[:50]}-fresh"
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Content").select_option("edge-cases")
    dialog.get_by_role("button", name="Open").click()
    expect(page).to_have_url(f"{visit.world.base_url}/#/w/{name}/runs")
    expect(page.get_by_role("listitem").first).to_be_visible()
    names = [one["name"] for one in visit.world.control("worlds", "GET")["items"]]
    assert name in names


@pytest.mark.extended
def test_a_run_is_taken_along_as_a_scenario(visit: Visit) -> None:
    """The copied file creates an equal run; the copied command reads this one."""
    run_id = visit.world.create("flaky")
    page = visit.open(f"runs/{run_id}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    def copied(name: str) -> str:
        page.get_by_text("Copy as", exact=True).click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_text("Copied").last).to_be_visible()
        text: str = page.evaluate("navigator.clipboard.readText()")
        return text

    file = yaml.safe_load(copied("Scenario (YAML)"))
    again = visit.world.create(file)
    definitions = [
        visit.world.control(f"runs/{one}", "GET")["definition"] for one in (run_id, again)
    ]
    assert definitions[0] == definitions[1]
    key, url = visit.world.key, f"{visit.world.base_url}{RUNS}/{run_id}"
    assert copied("curl") == f"curl -H 'X-API-Key: {key}' '{url}'"
    ast.parse(copied("pytest"))


@pytest.mark.extended
def test_a_situation_is_shared_as_a_link(visit: Visit) -> None:
    """It opens a copy of the run in another world."""
    run_id = visit.world.create("diamond")
    page = visit.open(f"runs/{run_id}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy as", exact=True).click()
    page.get_by_role("button", name="Link to this situation").click()
    expect(page.get_by_text("Copied a link")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    opened = visit.world.client.post(link).json()
    assert [run["id"] for run in opened["runs"]] == [run_id]
