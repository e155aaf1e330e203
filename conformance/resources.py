"""Where the contract is: at the top of a checkout, or in the directory of data that a wheel
installs next to the packages."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_INSTALLED = _CHECKOUT / "automation_runs_kit"


def contract_file() -> Path:
    """The contract, ``openapi.yaml``."""
    return _data() / "openapi.yaml"


def reference_file() -> Path:
    """What the reference page says, transcribed: ``fixtures/reference.yaml``."""
    return _data() / "fixtures" / "reference.yaml"


def questions_file() -> Path:
    """The open questions and the known answers to them: ``fixtures/questions.yaml``."""
    return _data() / "fixtures" / "questions.yaml"


def forms_dir() -> Path:
    """Return the directory of the contract's computed forms, ``fixtures/contract``."""
    return _data() / "fixtures" / "contract"


def requirements_file() -> Path:
    """The catalogue of what is required."""
    return _PACKAGE / "requirements.yaml"


def report_schema_file() -> Path:
    """The schema of the JSON report."""
    return _PACKAGE / "report.schema.json"


def _data() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
