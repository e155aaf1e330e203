"""A real browser: an ``EventSource`` that follows a run, and the pages for people."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from cutting_proxy import CuttingProxy
from playwright.sync_api import Page, expect
from watched import Watched

from mock_server.engine.enums import EventType
from mock_server.settings import Access, Settings
from mock_server.testing import MockWorld, serving

PAGE = """\
<!doctype html>
<title>A client</title>
<script>
  const seen = [], changes = [];
  let source;
  function follow(url, types) {
    source = new EventSource(url, { withCredentials: true });
    const note = () => changes.push(source.readyState);
    source.onopen = note;
    source.onerror = note;
    for (const type of types)
      source.addEventListener(type, ({ lastEventId, data }) =>
        seen.push({ id: lastEventId, type, ...JSON.parse(data) }));
  }
</script>
"""


class Site(BaseHTTPRequestHandler):
    """Another server of this machine, which serves the page of a client."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_page_and_its_cookie_have_one_host_name(
    page: Page, site: str, mock_world: MockWorld
) -> None:
    """A page at localhost that calls 127.0.0.1 learns why it is unauthenticated; after a login at
    the name of the page its requests are."""
    ask = "url => fetch(url, {credentials: 'include'}).then(async r => [r.status, await r.text()])"
    here, runs = site.replace("127.0.0.1", "localhost"), "/api/v1/automation-runs"
    local = mock_world.base_url.replace("127.0.0.1", "localhost")
    page.goto(here)
    page.evaluate("key => document.cookie = `vai_token=${key}`", mock_world.key)
    status, text = page.evaluate(ask, f"{mock_world.base_url}{runs}")
    assert (status, "the page is at localhost and calls 127.0.0.1" in text) == (401, True)
    assert page.evaluate(ask, f"{local}{runs}")[0] == 200
    page.context.clear_cookies()
    assert page.evaluate(ask, f"{local}{runs}")[0] == 401
    page.goto(f"{local}/_mock/login?as={mock_world.key}&to={here}/")
    assert page.url == f"{here}/"
    assert page.evaluate(ask, f"{local}{runs}")[0] == 200


def test_an_event_source_follows_a_run_to_its_end_across_a_reconnect(
    page: Page, site: str, mock_world: MockWorld
) -> None:
    """A page of another port sends the cookie. The connection breaks in the middle of the sixth
    event; the browser comes back by itself, says where it stopped, and misses and repeats nothing.
    It gets what happened while it was away. At the end it reconnects once more, gets 204 and
    stops."""
    run_id = mock_world.create("diamond")
    events = f"/api/v1/automation-runs/{run_id}/events"
    with CuttingProxy(mock_world.base_url, whole=5) as proxy:
        page.goto(site)
        page.evaluate("key => document.cookie = `vai_token=${key}`", mock_world.key)
        page.evaluate("([url, types]) => follow(url, types)", [proxy.url + events, list(EventType)])
        page.wait_for_function("seen.length == 1")
        mock_world.advance(3)
        page.wait_for_function("seen.length == 5")
        proxy.cut()
        mock_world.advance(3)
        page.wait_for_function("changes.length == 3")
        mock_world.advance(60)
        page.wait_for_function("source.readyState == EventSource.CLOSED")
        seen, changes = page.evaluate("[seen, changes]")

    assert [event["id"] for event in seen] == [str(n) for n in range(1, 12)]
    assert [event["event"] for event in seen] == [event["type"] for event in seen]
    assert seen[0]["type"] == "run.created"
    assert seen[-1]["type"] == "run.completed"
    assert seen[-1]["data"]["run"] == mock_world.run(run_id)

    opened, connecting, closed = 1, 0, 2
    assert changes == [opened, connecting, opened, connecting, closed]
    assert [line for line, _ in proxy.requests] == [f"GET {events} HTTP/1.1"] * 3
    asked = [headers for _, headers in proxy.requests]
    assert [headers.get("last-event-id") for headers in asked] == [None, "5", "11"]
    assert {headers["cookie"] for headers in asked} == {f"vai_token={mock_world.key}"}
    assert {headers["origin"] for headers in asked} == {site}


def test_the_start_page_shows_where_things_are(watched: Watched, mock_server_url: str) -> None:
    """Without a complaint, without a request that leaves the mock; every link leads somewhere and
    the commands name the address the page was read at."""
    page = watched.page
    page.goto(mock_server_url, wait_until="networkidle")
    expect(page.get_by_role("heading", name="Automation runs mock")).to_be_visible()
    expect(page.locator("pre").first).to_contain_text(
        f"curl -H 'X-API-Key: demo' '{mock_server_url}/"
    )
    links = page.get_by_role("link").evaluate_all("links => links.map(link => link.href)")
    assert f"{mock_server_url}/docs" in links
    assert page.evaluate(
        "links => Promise.all(links.map(link => fetch(link).then(answer => answer.status)))", links
    ) == [200] * len(links)
    assert watched.stayed_at(mock_server_url)
    assert watched.complaints == []


def test_the_documentation_calls_the_api(watched: Watched, mock_world: MockWorld) -> None:
    """Swagger UI shows the six operations without leaving the mock; a key that is entered under
    "Authorize" is sent when an operation is tried out, and the answer is shown."""
    page = watched.page
    mock_world.create("diamond")
    page.goto(f"{mock_world.base_url}/docs")
    expect(page.locator(".opblock")).to_have_count(6)

    page.get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container").filter(has_text="X-API-Key")
    form.get_by_role("textbox").fill(mock_world.key)
    form.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()

    operation = page.locator("#operations-Automation_runs-listRuns")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text('"total": 1')
    assert watched.stayed_at(mock_world.base_url)
    assert watched.complaints == []


def test_a_situation_is_set_up_with_the_token(page: Page) -> None:
    """The page of a link asks for the token, says when it is wrong, and sets the situation up."""
    with serving(Settings(start="empty", access=Access(token="correct-horse"))) as url:
        asked = {"X-Mock-Token": "correct-horse"}
        link = httpx2.post(f"{url}/_mock/repro", headers=asked, verify=False).json()["link"]
        page.goto(link)
        page.get_by_label("token").fill("wrong")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("asks for the token")
        page.get_by_label("token").fill("correct-horse")
        page.get_by_role("button").click()
        page.get_by_role("button", name="Open world").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("World opened")


SIGNED_IN = """async () => {
  const hello = await new Promise((resolve, reject) => {
    const source = new EventSource("_mock/events?topics=runs")
    source.addEventListener("hello", ({ data }) => { source.close(); resolve(JSON.parse(data)) })
    source.onerror = reject
  })
  const post = path => fetch(path, { method: "POST" }).then(response => response.status)
  const statuses = [await post("_mock/clock/freeze"), await post("_mock/logout")]
  return [hello.topics, ...statuses, await post("_mock/clock/freeze"), document.cookie]
}"""


def test_a_page_signs_in_once(page: Page) -> None:
    """With the token; then its scripts follow the feed and control the mock, until it signs out."""
    with serving(Settings(start="empty", access=Access(token="correct-horse"))) as url:
        page.goto(f"{url}/_mock/login?to=/openapi.json")
        page.get_by_label("Control token").fill("wrong")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("expected the control token")
        page.get_by_label("Control token").fill("correct-horse")
        page.get_by_role("button").click()
        page.wait_for_url(f"{url}/openapi.json")
        assert page.evaluate(SIGNED_IN) == [["runs"], 200, 204, 401, ""]


def test_a_link_in_a_foreign_page_asks_first(
    page: Page, mock_world: MockWorld, mock_server_url: str
) -> None:
    """A click there shows a page of the mock that has read nothing; two clicks open the world."""
    mock_world.create("diamond")
    link = mock_world.client.post("/_mock/repro").json()["link"]
    foreign = "http://foreign.invalid/"
    content = f'<a href="{link}">A photo</a>'
    page.route(foreign, lambda route: route.fulfill(body=content, content_type="text/html"))
    page.goto(foreign)
    page.get_by_role("link").click()
    expect(page.get_by_text("Nothing of it has been read yet")).to_be_visible()
    page.get_by_role("button", name="Show content").click()
    expect(page.get_by_text("diamond")).to_be_visible()
    page.get_by_role("button", name="Open world").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("World opened")


def test_the_contract_follows_the_colours_of_the_system(page: Page, mock_server_url: str) -> None:
    """By day and by night."""
    page.emulate_media(color_scheme="dark")
    page.goto(f"{mock_server_url}/docs")
    expect(page.locator("html")).to_have_class("dark-mode")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")
