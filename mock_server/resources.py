"""Where the contract and the fixtures are: beside the packages in a checkout, inside this one in
a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_WHEEL = _PACKAGE / "_data"


def contract_file() -> Path:
    """The contract, ``openapi.yaml``."""
    return _find("openapi.yaml", "openapi.yaml")


def control_file() -> Path:
    """The OpenAPI document of the mock's own control API."""
    return _PACKAGE / "control.yaml"


def scenarios_dir() -> Path:
    """The scenarios that come with the mock."""
    return _find("scenarios", "fixtures/scenarios")


def behaviours_dir() -> Path:
    """The behaviour profiles that come with the mock."""
    return _find("behaviours", "fixtures/behaviours")


def _find(in_wheel: str, in_checkout: str) -> Path:
    packed = _WHEEL / in_wheel
    return packed if packed.exists() else _CHECKOUT / in_checkout
