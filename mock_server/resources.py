"""Where the contract and the fixtures are: at the top of a checkout, or in the directory of data
that a wheel installs beside the packages."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE.parent / "automation_runs_kit"


def contract_file() -> Path:
    """The contract, ``openapi.yaml``."""
    return _data() / "openapi.yaml"


def control_file() -> Path:
    """The OpenAPI document of the mock's own control API."""
    return _PACKAGE / "control.yaml"


def scenarios_dir() -> Path:
    """The scenarios that come with the mock."""
    return _data() / "fixtures" / "scenarios"


def behaviours_dir() -> Path:
    """The behaviour profiles that come with the mock."""
    return _data() / "fixtures" / "behaviours"


def questions_file() -> Path:
    """The open questions and what each answer means."""
    return _data() / "fixtures" / "questions.yaml"


def faults_dir() -> Path:
    """The presets of faults that come with the mock."""
    return _data() / "fixtures" / "faults"


def worlds_dir() -> Path:
    """What a world may open with."""
    return _data() / "fixtures" / "worlds"


def _data() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
