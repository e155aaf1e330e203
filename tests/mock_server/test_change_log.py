"""The changes that a live feed keeps."""

from mock_server.control.change_log import ChangeLog


def test_a_change_log_counts_what_it_does_not_keep() -> None:
    """As far as it remembers; ``floor`` says how far that is."""
    log: ChangeLog[int] = ChangeLog(3, floor=0)
    for number in range(1, 8):
        log.add(number % 5, number)
    assert log.since(0) == [(0, 5), (1, 6), (2, 7)]
    assert log.since(6) == [(2, 7)]
    assert [log.removed_since(position) for position in (0, 1, 3, 4, 7)] == [4, 3, 1, 0, 0]
    assert log.floor == 0
