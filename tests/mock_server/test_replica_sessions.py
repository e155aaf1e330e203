"""Sessions of pages that several replicas accept."""

import pytest

from mock_server.cluster.replica_sessions import MAX_AGE, ReplicaSessions
from mock_server.http.control_sessions import COOKIE
from mock_server.journal.exchange import Headers

TOKEN = "the-token"


class Replicas:
    """Some replicas, and what the store has of their sessions."""

    def __init__(self, *tokens: str) -> None:
        self.time = 1_000
        self.each = [ReplicaSessions(token) for token in tokens]
        for one in self.each:
            one.now = lambda: self.time
        self._ended: set[str] = set()

    def forget(self) -> None:
        """Lose what the store has."""
        self._ended.clear()

    def meet(self) -> None:
        for _ in range(2):
            for one in self.each:
                sent = list(one.unsent)
                self._ended.update(sent)
                one.met(sent, self._ended)


def sent(cookie: str) -> Headers:
    return [(b"cookie", f"{COOKIE}={cookie}".encode())]


def test_a_session_is_one_at_every_replica_with_the_token() -> None:
    replicas = Replicas(TOKEN, TOKEN, "another")
    one, other, third = replicas.each
    cookie = sent(one.sign_in())
    assert (one.is_open(cookie), other.is_open(cookie), third.is_open(cookie)) == (1, 1, 0)
    assert one.sign_in() != one.sign_in()


def test_a_session_needs_the_secret_of_the_replicas() -> None:
    one, other = Replicas(TOKEN, TOKEN).each
    one.secret = other.secret = lambda: "the secret"
    cookie = sent(one.sign_in())
    assert other.is_open(cookie)
    other.secret = lambda: "another"
    assert not other.is_open(cookie)


def test_what_has_ended_is_so_everywhere_after_a_meeting() -> None:
    replicas = Replicas(TOKEN, TOKEN, TOKEN)
    one, other, third = replicas.each
    ended, kept = sent(one.sign_in()), sent(one.sign_in())
    other.sign_out(ended)
    assert not other.is_open(ended)
    replicas.meet()
    assert [each.is_open(ended) for each in replicas.each] == [False] * 3
    assert [each.is_open(kept) for each in replicas.each] == [True] * 3
    assert not other.unsent
    assert not third.is_open(ended)


def test_what_ends_while_the_store_is_asked_is_sent_next_time() -> None:
    one = Replicas(TOKEN).each[0]
    first, second = sent(one.sign_in()), sent(one.sign_in())
    one.sign_out(first)
    asked = list(one.unsent)
    one.sign_out(second)
    one.met(asked, asked)
    assert len(one.unsent) == 1
    assert not one.is_open(first)
    assert not one.is_open(second)


def test_what_has_ended_stays_so_where_the_store_has_lost_it() -> None:
    replicas = Replicas(TOKEN, TOKEN)
    one, other = replicas.each
    ended = sent(one.sign_in())
    one.sign_out(ended)
    replicas.meet()
    replicas.forget()
    assert not other.is_open(ended)
    replicas.meet()
    assert [each.is_open(ended) for each in replicas.each] == [False] * 2
    assert not one.unsent
    replicas.time += MAX_AGE
    replicas.meet()
    assert not one._ended


def test_a_session_ends_by_itself() -> None:
    replicas = Replicas(TOKEN)
    one = replicas.each[0]
    cookie = sent(one.sign_in())
    ends: list[str] = []
    one.watch(cookie, lambda: ends.append("now"))
    replicas.time += MAX_AGE - 1
    replicas.meet()
    assert one.is_open(cookie)
    assert not ends
    replicas.time += 1
    replicas.meet()
    assert not one.is_open(cookie)
    assert ends


def test_what_watches_a_session_ends_when_another_replica_ends_it() -> None:
    replicas = Replicas(TOKEN, TOKEN)
    one, other = replicas.each
    cookie, kept = sent(one.sign_in()), sent(one.sign_in())
    ends: list[str] = []
    stop = one.watch(cookie, lambda: ends.append("watched"))
    left = one.watch(cookie, lambda: ends.append("left"))
    one.watch(kept, lambda: ends.append("kept"))
    left()
    other.sign_out(cookie)
    replicas.meet()
    assert ends == ["watched"]
    stop()


@pytest.mark.parametrize(
    "forged", ["", ".", "1-x", "1-x.", "1-x.00", "x.y", "-.0", "999999999999999-x.abc", "é.ü"]
)
def test_a_cookie_that_no_replica_has_signed_is_none(forged: str) -> None:
    one = Replicas(TOKEN).each[0]
    assert not one.is_open([(b"cookie", f"{COOKIE}={forged}".encode("latin-1"))])
    one.sign_out(sent("1-x.00"))
    assert not one.unsent


def test_a_cookie_that_was_changed_is_none() -> None:
    one = Replicas(TOKEN).each[0]
    cookie = one.sign_in()
    instant, _, rest = cookie.partition("-")
    assert not one.is_open(sent(f"{int(instant) + 1}-{rest}"))
    assert not one.is_open(sent(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")))
