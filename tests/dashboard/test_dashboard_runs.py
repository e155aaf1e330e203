"""Runs in a real browser: followed to their end, steered, retried, and seen as of any event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dashboard_visit import Visit
from playwright.sync_api import expect

RUN = "/api/v1/automation-runs"


def test_a_run_is_started_and_followed_to_its_end(visit: Visit) -> None:
    """From the gallery, with the buttons of the clock; nothing is reloaded."""
    page = visit.open("new")
    page.get_by_role("button", name="Start diamond").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Weekly revenue report")
    facts = page.locator(".run-facts")
    expect(facts).to_contain_text("pending")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(facts).to_contain_text("running")
    expect(page.get_by_role("button", name="Fetch the invoices (fetch), running")).to_be_visible()
    page.get_by_role("button", name="+1 min").click()
    expect(facts).to_contain_text("completed")
    expect(page.locator(".log li")).to_have_count(11)
    [run] = visit.world.control("runs", "GET")["items"]
    assert run["run"]["status"] == "completed"


def test_what_a_client_does_appears_by_itself(visit: Visit) -> None:
    """Runs that others create, and their changes; the page leaves no trace in the journal."""
    page = visit.open("runs")
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    run_id = visit.world.create("failure-in-the-middle")
    row = page.get_by_role("listitem").filter(has_text=run_id[:8])
    expect(row).to_contain_text("pending")
    visit.world.advance(60)
    expect(row).to_contain_text("failed")
    expect(page.get_by_role("link", name="failed 1")).to_be_visible()
    assert visit.world.control("requests", "GET")["total"] == 0


def test_a_run_is_cancelled_by_key(visit: Visit) -> None:
    """`j` chooses it in the list and Enter opens it, `c` cancels it, as a client would."""
    visit.world.create("long-haul")
    visit.world.advance(5)
    page = visit.open("runs")
    page.get_by_role("listitem").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator(".run-facts")).to_contain_text("cancelled")
    [request] = visit.world.control("requests?operation=cancelRun", "GET")["items"]
    assert request["status"] == 200


def test_a_key_works_as_soon_as_its_view_is_there(visit: Visit) -> None:
    """Not only after the next paint, which takes its time on a busy machine."""
    run_id = visit.world.create("long-haul")
    visit.world.advance(5)
    page = visit.open("runs")
    page.evaluate("""() => new MutationObserver((_, observer) => {
      if (!document.querySelector(".run-facts")) return;
      observer.disconnect();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "c", bubbles: true }));
    }).observe(document.body, { childList: true, subtree: true })""")
    page.get_by_role("link", name=run_id[:8]).click()
    expect(page.locator(".run-facts")).to_contain_text("cancelled")


def test_a_run_is_retried_from_the_step_that_is_chosen_in_the_graph(visit: Visit) -> None:
    """The dialog has the step already; only it and its dependents run again."""
    run_id = visit.world.create("diamond")
    visit.world.advance(60)
    page = visit.open(f"runs/{run_id}")
    page.get_by_role("button", name="Sum by product (by-product), completed").click()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Retry the run")
    expect(dialog.get_by_role("radio", name="from_step")).to_be_checked()
    expect(dialog.get_by_role("combobox")).to_have_value("by-product")
    dialog.get_by_role("button", name="Retry").click()
    expect(page.locator(".run-facts")).to_contain_text("pending")
    visit.world.advance(60)
    expect(page.locator(".run-facts")).to_contain_text("completed")
    attempts = visit.world.control(f"runs/{run_id}", "GET")["attempts"]
    assert attempts == {"fetch": 1, "by-region": 1, "by-product": 2, "report": 2}
    expect(page.locator(".gantt-row").nth(2)).to_contain_text("attempt 2 completed after 5 s")


def test_time_slides_back_to_any_event(visit: Visit) -> None:
    """The graph, the JSON and the address show the run as of that event; then back to now."""
    run_id = visit.world.create("diamond")
    visit.world.advance(60)
    page = visit.open(f"runs/{run_id}")
    page.get_by_role("slider", name="Time").fill("3")
    expect(page.get_by_role("button", name="Fetch the invoices (fetch), running")).to_be_visible()
    expect(page.locator(".run-facts")).to_contain_text("running")
    assert page.url.endswith("?at=3")
    page.keyboard.press("]")
    expect(page.get_by_role("button", name="Fetch the invoices (fetch), completed")).to_be_visible()
    page.locator(".log button").first.click()
    expect(page.get_by_label("The run as JSON")).to_contain_text('"status": "pending"')
    page.get_by_role("button", name="Back to now").click()
    expect(page.get_by_label("The run as JSON")).to_contain_text('"status": "completed"')
    page.goto(f"{page.url}?at=3&step=fetch")
    expect(page.get_by_label("The step as JSON")).to_contain_text('"status": "running"')


@pytest.mark.extended
@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_the_fold_of_every_log_is_the_run(visit: Visit, act: str) -> None:
    """For each scenario, as it ends and after a retry, run and steps are those of the contract; and
    each earlier event gives what the stream said then."""
    world = visit.world
    names = [one["name"] for one in world.control("scenarios", "GET")["items"] if one["steps"] < 60]
    ids = {name: world.create(name) for name in names}
    world.advance(3)
    if act == "cancel":
        for run_id in ids.values():
            world.client.post(f"{RUN}/{run_id}/cancel")
    world.advance(3600)
    for run_id in ids.values():
        world.client.post(f"{RUN}/{run_id}/retry", json={"mode": "full"})
    world.advance(4)
    page = visit.open("start")
    module = page.locator('link[href$="fold.js"]').get_attribute("href")
    script = """async ([module, inspected]) => {
      const { fold } = await import(new URL(module, document.baseURI));
      return inspected.log.map((_, index) => {
        const { run, steps } = fold(inspected, index + 1);
        return { run, steps };
      });
    }"""
    for name, run_id in ids.items():
        inspected = world.control(f"runs/{run_id}", "GET")
        folded = page.evaluate(script, [module, inspected])
        assert folded[-1]["run"] == inspected["run"], name
        assert folded[-1]["steps"] == inspected["steps"]["steps"], name
        for state, (run, step) in zip(folded, _replay(visit, run_id), strict=True):
            assert state["run"] == run
            assert step is None or step in state["steps"]


def _replay(visit: Visit, run_id: str) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Return the run and the step of each event that has happened, from the event stream."""
    count = len(visit.world.control(f"runs/{run_id}", "GET")["log"])
    text = b""
    with visit.world.client.stream("GET", f"{RUN}/{run_id}/events") as response:
        for part in response.iter_bytes():
            text += part
            if text.count(b"\ndata: ") >= count and text.endswith(b"\n\n"):
                break
    lines = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: ")]
    events = [json.loads(line)["data"] for line in lines[:count]]
    return [(event["run"], event.get("step")) for event in events]
