"""The checks, one module for each group of requirements. A check is a function whose name begins
with `check_`, bound by `requirement` to what it decides: it returns if that holds, and raises a
Finding if it does not."""

from collections.abc import Mapping
from types import MappingProxyType

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "auth": "AUTH",
        "cancelling": "CANCEL",
        "fuzzing": "FUZZ",
        "life": "LIFE",
        "listing": "LIST",
        "model": "MODEL",
        "protocol": "HTTP",
        "reading": "GET",
        "retrying": "RETRY",
        "steps": "STEPS",
        "streaming": "EVENTS",
    }
)
"""The group of each module: what nobody asks for need not be loaded."""
