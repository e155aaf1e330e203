"""Judgements of what a client does when its credential is rejected."""

from mock_server.exam.evidence import Evidence, is_renewed, numbers
from mock_server.exam.verdict import Verdict, failed, not_judged, passed
from mock_server.journal.exchange import Exchange

_MAX_REJECTED = 3
"""Some requests may be on their way, and an event source hides from its page the status code."""

_MAX_RENEWALS = 2


def renews_once(evidence: Evidence) -> Verdict:
    """Judge whether the client has asked for one new credential and used it from then on."""
    rejected = _rejected(evidence)
    if (verdict := _repeats_or_unreached(evidence, rejected)) is not None:
        return verdict
    if len(evidence.renewals) > 1:
        return failed(
            f"expected one request for a new credential, got {len(evidence.renewals)}",
            *numbers(rejected),
        )
    later = [one for one in evidence.exchanges if one.started >= evidence.renewals[0]]
    old = [one for one in later if not is_renewed(one)]
    if old:
        return failed(
            f"request {old[0].number}: the rejected credential was sent again", *numbers(old)
        )
    if not any(one.status is not None and one.status < 300 for one in later):
        return failed("the client did not go on with the new credential", *numbers(rejected))
    return passed("the client went on with one new credential", *numbers(later))


def gives_up(evidence: Evidence) -> Verdict:
    """Judge a client whose new credential is rejected as well."""
    rejected = _rejected(evidence)
    if (verdict := _repeats_or_unreached(evidence, rejected)) is not None:
        return verdict
    if len(evidence.renewals) > _MAX_RENEWALS:
        return failed(
            f"expected at most {_MAX_RENEWALS} requests for a new credential, got "
            f"{len(evidence.renewals)}",
            *numbers(rejected),
        )
    return passed("the client gave up", *numbers(rejected))


def _repeats_or_unreached(evidence: Evidence, rejected: list[Exchange]) -> Verdict | None:
    if not rejected:
        return not_judged("the client sent no request that was rejected with 401")
    if len(rejected) > _MAX_REJECTED:
        return failed(
            f"expected at most {_MAX_REJECTED} requests that are rejected with 401, got "
            f"{len(rejected)}",
            *numbers(rejected),
        )
    if not evidence.renewals:
        return not_judged("the client did not ask for a new credential at the credential URL")
    return None


def _rejected(evidence: Evidence) -> list[Exchange]:
    return [one for one in evidence.exchanges if one.status == 401]
