"""Alter a valid credential slightly, or present it where the contract does not expect it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from conformance.client.credentials import AuthScheme, Credential
from conformance.vocabulary import ROOT

# What a client sends that has no credential and does not notice.
PLACEHOLDERS = ("", "null", "undefined", "None")
# Headers by which services behind a gateway learn of a tenant or user. Clients must not set them.
IDENTITY_HEADERS = (
    "X-Tenant-Id",
    "X-Tenant",
    "Tenant-Id",
    "X-Organization-Id",
    "X-Org-Id",
    "X-Account-Id",
    "X-Customer-Id",
    "X-Workspace-Id",
    "X-User-Id",
    "X-User",
    "X-Forwarded-User",
    "X-Remote-User",
    "Remote-User",
    "X-Authenticated-User",
    "X-Authenticated-Userid",
    "X-Consumer-Custom-Id",
    "X-Impersonate-User",
    "X-On-Behalf-Of",
)
_PREFIX = 8
_HEX = re.compile(r"[0-9A-Fa-f-]*")


def near_misses(secret: str) -> Mapping[str, str]:
    """Return secrets that differ slightly from this one, by how they do.

    Of `name:rest` the first part is altered, since the rest may only name a user. White space is
    not altered, nor the case of what may be read in either case.
    """
    name, colon, rest = secret.partition(":")
    other = "x" if name[-1:] != "x" else "y"
    found = {
        "with another last character": name[:-1] + other,
        "with one more character": name + other,
        "without the last character": name[:-1],
        f"cut after {_PREFIX} characters": name[:_PREFIX],
    }
    if name != name.lower() and name != name.upper() and not _HEX.fullmatch(name):
        found["in the other case"] = name.swapcase()
    return {how: each + colon + rest for how, each in found.items() if each not in ("", name)}


def misplaced(
    credentials: Mapping[AuthScheme, Credential], default: Credential
) -> Mapping[str, Mapping[str, str]]:
    """Return headers that present a valid secret under a scheme or a cookie name that the contract
    does not have, by what they are."""
    token = credentials.get(AuthScheme.TOKEN, default).secret
    cookie = credentials.get(AuthScheme.COOKIE, default).secret
    return {
        "a bearer token under the scheme Basic": {"Authorization": f"Basic {token}"},
        "a cookie whose name ends with vai_token": {"Cookie": f"not_vai_token={cookie}"},
        "a cookie whose name begins with vai_token": {"Cookie": f"vai_token2={cookie}"},
        "a cookie in the value of another": {"Cookie": f"theme=vai_token={cookie}"},
    }


def spellings(run_id: str) -> Mapping[str, str]:
    """Return other spellings of a run's id as parts of a path, by what they are."""
    return {
        "in upper case": run_id.upper(),
        "percent-encoded": "".join(f"%{ord(letter):02X}" for letter in run_id),
        "without hyphens": run_id.replace("-", ""),
        "in braces": f"%7B{run_id}%7D",
        "as a URN": f"urn:uuid:{run_id}",
        "with a slash after it": f"{run_id}/",
        "with a slash before it": f"/{run_id}",
        "with a segment before it": f"x/../{run_id}",
    }


def paths(run_id: str) -> list[str]:
    """Return paths of the list and of a run that are spelled otherwise than in the contract."""
    before, _, last = ROOT.rpartition("/")
    known = spellings(run_id)
    runs = (known[how] for how in ("in upper case", "percent-encoded", "with a slash after it"))
    return [
        f"{ROOT}/",
        f"{before}//{last}",
        f"{before}/{last.upper()}",
        f"{before}/%{ord(last[0]):02X}{last[1:]}",
        *(f"{ROOT}/{spelling}" for spelling in runs),
    ]
