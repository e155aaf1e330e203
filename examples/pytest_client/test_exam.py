"""The client in the exam of `runs-mock exam`, except for its waits: these tests do not wait."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from exam_client import reports
from runs_client import RunsClient

from mock_server.testing import Sitting

ITEMS = ["STREAM-0[1-578]", "REPEAT-0[124]", "CHANGE-*", "PAGE-*", "AUTH-*"]


@contextmanager
def client_of(sitting: Sitting) -> Iterator[RunsClient]:
    client = RunsClient(sitting.base_url, sitting.token, renew=sitting.renew, sleep=lambda _: None)
    try:
        yield client
    finally:
        client.close()


@pytest.mark.exam(only=ITEMS)
def test_exam(exam_sitting: Sitting) -> None:
    """What the client shows is reported, and judged together with its requests."""
    with client_of(exam_sitting) as client:
        for report in reports(client, exam_sitting.task, exam_sitting.run_id):
            exam_sitting.report(**report)
    assert exam_sitting.judge(reporting=True) is None
