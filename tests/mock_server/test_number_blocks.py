"""The numbers of requests of several replicas."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mock_server.cluster.number_blocks import SIZE, NumberBlocks


class Store:
    """What the script of a meeting does with the blocks."""

    def __init__(self) -> None:
        self.newest = self.used = 0

    def meet(self, numbers: NumberBlocks) -> None:
        self.newest = max(self.newest, numbers.block)
        self.used = max(self.used, numbers.used)
        if numbers.wanted or numbers.block < self.used:
            self.newest += 1
            numbers.take(self.newest)


def test_the_first_replica_begins_with_one() -> None:
    store, numbers = Store(), NumberBlocks()
    assert numbers.wanted
    store.meet(numbers)
    assert not numbers.wanted
    assert list(islice(numbers, 3)) == [1, 2, 3]
    for _ in range(10):
        store.meet(numbers)
    assert next(numbers) == 4


def test_another_block_is_taken_when_half_of_one_is_used() -> None:
    store, numbers = Store(), NumberBlocks()
    store.meet(numbers)
    list(islice(numbers, SIZE // 2))
    assert numbers.wanted
    store.meet(numbers)
    assert next(numbers) == SIZE + 1


def test_idle_replicas_take_no_further_block() -> None:
    store, replicas = Store(), [NumberBlocks() for _ in range(3)]
    for _ in range(20):
        for one in replicas:
            store.meet(one)
    next(replicas[2])
    for _ in range(20):
        for one in replicas:
            store.meet(one)
    assert store.newest == 5


def test_numbers_stay_unique_and_come_back_where_the_store_fails() -> None:
    store, replicas = Store(), [NumberBlocks() for _ in range(2)]
    for one in replicas:
        store.meet(one)
    seen = [number for one in replicas for number in islice(one, SIZE + 100)]
    assert len(set(seen)) == len(seen)
    store.meet(replicas[0])
    assert next(replicas[0]) == 2 * SIZE + 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=60))
def test_numbers_are_unique_and_grow_from_one_meeting_to_the_next(
    steps: list[tuple[int, int]],
) -> None:
    """A replica that has met since another one has used a number has only higher ones."""
    store, replicas = Store(), [NumberBlocks() for _ in range(3)]
    for one in replicas:
        store.meet(one)
    seen: list[int] = []
    for index, requests in steps:
        for one in (*replicas, *replicas):  # What one has used is known after two rounds.
            store.meet(one)
        found = list(islice(replicas[index], requests))
        assert not seen or min(found) > max(seen)
        seen += found
