"""What passes is judged in both directions: a conforming client and server are not accused, and
mutants of both are seen by the requirements that they break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from frontend import Frontend
from relaying import RelayThread

from conformance.vocabulary import Verdict

# Mutants that traffic shows, with the requirement that each is named for.
VISIBLE = {
    "total-is-text": "LIST-01",
    "version-of-items-is-text": "LIST-02",
    "one-item-too-many": "LIST-04",
    "largest-limit-refused": "LIST-05",
    "any-limit-accepted": "LIST-06",
    "negative-offset-is-none": "LIST-07",
    "words-are-not-numbers": "LIST-08",
    "filter-ignored": "LIST-12",
    "neighbours-swapped": "LIST-14",
    "rejection-without-place": "LIST-15",
    "items-of-yesterday": "LIST-16",
    "limit-zero-means-all": "LIST-18",
    "malformed-is-not-found": "GET-03",
    "version-is-text": "GET-01",
    "finished-runs-are-touched": "GET-04",
    "no-zone": "GET-05",
    "completed-before-created": "GET-06",
    "lasts-half-a-second-longer": "GET-07",
    "never-dated": "GET-08",
    "always-an-error": "GET-09",
    "tenants-mixed": "GET-10",
    "never-updated": "GET-11",
    "another-version-when-done": "GET-12",
    "id-without-dashes": "GET-13",
    "list-lags-behind": "LIFE-05",
    "cancel-only-says-so": "LIFE-01",
    "step-name-is-null": "STEPS-01",
    "steps-of-another-run": "STEPS-02",
    "one-completed-too-many": "STEPS-03",
    "first-step-twice": "STEPS-04",
    "dependency-on-nothing": "STEPS-05",
    "all-steps-at-once": "STEPS-06",
    "steps-last-half-a-second-longer": "STEPS-07",
    "last-step-still-pending": "STEPS-09",
    "truncated-in-words": "STEPS-10",
    "cancel-of-another": "CANCEL-01",
    "work-goes-on": "CANCEL-04",
    "wrong-values-are-left-out": "RETRY-07",
    "no-object-is-an-empty-one": "RETRY-09",
    "events-as-json": "EVENTS-01",
    "unframed-line": "EVENTS-02",
    "data-in-words": "EVENTS-03",
    "the-end-twice": "EVENTS-06",
    "ends-without-beginnings": "EVENTS-06",
    "always-from-the-beginning": "EVENTS-07",
    "the-end-of-another-version": "EVENTS-12",
    "streams-may-be-kept": "EVENTS-13",
    "events-of-another-kind": "EVENTS-15",
    "get-cancels-too": "HTTP-01",
    "not-a-number": "HTTP-03",
    "refuses-without-a-word": "HTTP-05",
    "takes-any-type": "HTTP-06",
    "shows-its-stack": "HTTP-10",
    "validation-error-as-text": "HTTP-11",
}
# None of these hides another: one run of the frontend shows all of them.
TOGETHER = (
    "any-limit-accepted+negative-offset-is-none+version-of-items-is-text+truncated-in-words"
    "+finished-runs-are-touched+never-updated+steps-of-another-run+unframed-line"
)


@pytest.fixture(scope="module")
def relays() -> Iterator[RelayThread]:
    """A thread for the relays."""
    thread = RelayThread()
    yield thread
    thread.close()


def test_a_good_client_and_a_good_server_are_not_accused(relays: RelayThread, mock: str) -> None:
    """And much is exercised."""
    with relays.relay(mock) as relaying:
        client = Frontend(f"http://127.0.0.1:{relaying.port}", mock, "test-good-frontend")
        client.behave_well()
        client.close()
    assert relaying.failed() == set()
    passed = {r.requirement for r in relaying.judge.server.results() if r.verdict is Verdict.PASS}
    assert len(passed) > 50
    assert {"LIFE-01", "LIFE-04", "LIST-16", "STEPS-09", "EVENTS-07", "EVENTS-12"} <= passed


def test_a_client_with_faults_is_seen(relays: RelayThread, mock: str) -> None:
    """Each fault by its requirement, and the server that rejects them is not accused."""
    with relays.relay(mock) as relaying:
        client = Frontend(f"http://127.0.0.1:{relaying.port}", mock, "test-bad-frontend")
        client.behave_badly()
        client.close()
    assert relaying.failed() == {f"CLIENT-{number:02}" for number in (*range(1, 8), 9, 10)}


def test_mutants_are_seen_together(relays: RelayThread, mock: str, proxy: str) -> None:
    """Several at once, as a quick test of what the extended one does one by one."""
    wanted = {VISIBLE[name] for name in TOGETHER.split("+")}
    assert wanted <= _seen(relays, mock, proxy, TOGETHER)


@pytest.mark.extended
@pytest.mark.parametrize("name", VISIBLE)
def test_a_mutant_is_seen(relays: RelayThread, mock: str, proxy: str, name: str) -> None:
    """By the requirement that it breaks, from the traffic of a frontend alone."""
    assert VISIBLE[name] in _seen(relays, mock, proxy, name)


def _seen(relays: RelayThread, mock: str, mutants: str, names: str) -> set[str]:
    with relays.relay(f"{mutants}/{names}") as relaying:
        world = f"test-seen-{names.replace('+', '-')}"[:60]
        client = Frontend(f"http://127.0.0.1:{relaying.port}", mock, world)
        client.behave_well()
        client.behave_badly()
        client.close()
    return relaying.failed()
