"""The paths of the contract and the fixtures: at the top of a checkout, or in the directory of data
that a wheel installs next to the packages."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE.parent / "automation_runs_kit"


def contract_file() -> Path:
    """Return the path of the contract."""
    return _data() / "openapi.yaml"


def forms_dir() -> Path:
    """Return the directory of the contract in other versions and views."""
    return _data() / "fixtures" / "contract"


def workflows_file() -> Path:
    """Return the path of the Arazzo description of the workflows."""
    return _data() / "arazzo.yaml"


def control_file() -> Path:
    """Return the path of the control API's OpenAPI document."""
    return _PACKAGE / "control.yaml"


def scenarios_dir() -> Path:
    """Return the directory of the scenarios that come with the mock."""
    return _data() / "fixtures" / "scenarios"


def behaviours_dir() -> Path:
    """Return the directory of the behaviour profiles that come with the mock."""
    return _data() / "fixtures" / "behaviours"


def questions_file() -> Path:
    """Return the path of the open questions and their answers."""
    return _data() / "fixtures" / "questions.yaml"


def faults_dir() -> Path:
    """Return the directory of the fault presets that come with the mock."""
    return _data() / "fixtures" / "faults"


def worlds_dir() -> Path:
    """Return the directory of the starts of a world."""
    return _data() / "fixtures" / "worlds"


def _data() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
