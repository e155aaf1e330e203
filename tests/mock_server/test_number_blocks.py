"""The numbers of requests of several replicas."""

from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st

from mock_server.cluster import number_blocks
from mock_server.cluster.number_blocks import SIZE, NumberBlocks


def test_the_first_replica_begins_with_one() -> None:
    numbers = NumberBlocks()
    assert numbers.wanted
    numbers.take(1)
    assert not numbers.wanted
    assert list(islice(numbers, 3)) == [1, 2, 3]


def test_the_next_block_is_taken_when_half_is_used() -> None:
    numbers = NumberBlocks()
    numbers.take(3)
    used = list(islice(numbers, SIZE // 2))
    assert used[0] == 2 * SIZE + 1
    assert not numbers.wanted
    next(numbers)
    assert numbers.wanted
    numbers.take(7)
    assert not numbers.wanted
    rest = list(islice(numbers, SIZE // 2))
    assert rest[-2:] == [3 * SIZE, 6 * SIZE + 1]


def test_numbers_go_on_where_the_store_fails() -> None:
    numbers = NumberBlocks()
    numbers.take(1)
    assert list(islice(numbers, SIZE + 2))[-1] == SIZE + 2
    assert numbers.wanted


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=60))
def test_no_number_comes_twice_and_each_replica_counts_up(steps: list[tuple[int, int]]) -> None:
    """With blocks of eight, and a meeting between any two requests."""
    blocks, replicas = count(1), [NumberBlocks() for _ in range(3)]
    seen: list[list[int]] = [[] for _ in replicas]
    size, number_blocks.SIZE = number_blocks.SIZE, 8
    try:
        for index, requests in steps:
            if replicas[index].wanted:
                replicas[index].take(next(blocks))
            seen[index] += islice(replicas[index], requests)
    finally:
        number_blocks.SIZE = size
    assert all(one == sorted(one) for one in seen)
    together = [number for one in seen for number in one]
    assert len(together) == len(set(together))
