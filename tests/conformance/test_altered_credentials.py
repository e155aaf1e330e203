"""Only what no honest service accepts is tried as a near miss of a credential."""

from __future__ import annotations

import pytest

from conformance.checks.support.altered_credentials import near_misses, spellings


@pytest.mark.parametrize(
    ("secret", "altered"),
    [
        ("AbCdEfGhIjK", "aBcDeFgHiJk"),
        # All in one case, hexadecimal digits and UUIDs may be read in either case.
        ("abcdefghijk", None),
        ("ABCDEFGHIJK", None),
        ("00Aa-11Bb", None),
    ],
)
def test_the_case_is_altered_where_it_matters(secret: str, altered: str | None) -> None:
    """A token in both cases is meant to be compared exactly."""
    assert near_misses(secret).get("in the other case") == altered


def test_a_user_after_a_colon_stays() -> None:
    """`name:rest`: another user of the same tenant may well read its runs."""
    found = near_misses("tenant-one:alice")
    assert all(each.endswith(":alice") for each in found.values())
    assert found["cut after 8 characters"] == "tenant-o:alice"


@pytest.mark.parametrize("secret", ["x", "", "short", "exactly8", "tenant:user"])
def test_no_near_miss_is_the_credential_itself(secret: str) -> None:
    """Nor without a secret at all."""
    assert secret not in near_misses(secret).values()
    assert all(each.partition(":")[0] for each in near_misses(secret).values())


def test_no_spelling_is_the_usual_one() -> None:
    """Each names the same run to a service that is lenient."""
    run_id = "0b9d1c9e-77aa-4a52-9a6f-f00dfeedbeef"
    found = spellings(run_id)
    assert run_id not in found.values()
    assert len(set(found.values())) == len(found)
