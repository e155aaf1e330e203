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
    """Return the transcript of the reference page: ``fixtures/reference.yaml``."""
    return _data() / "fixtures" / "reference.yaml"


def questions_file() -> Path:
    """Return the open questions with their known answers: ``fixtures/questions.yaml``."""
    return _data() / "fixtures" / "questions.yaml"


def behaviours_dir() -> Path:
    """Return the directory of the behaviour profiles: ``fixtures/behaviours``."""
    return _data() / "fixtures" / "behaviours"


def forms_dir() -> Path:
    """Return the directory of the contract's computed forms, ``fixtures/contract``."""
    return _data() / "fixtures" / "contract"


def schemas_dir() -> Path:
    """Return the directory of the JSON Schemas of files, ``fixtures/schemas``."""
    return _data() / "fixtures" / "schemas"


def requirements_file() -> Path:
    """Return the catalogue of requirements."""
    return _PACKAGE / "requirements.yaml"


def request_counts_file() -> Path:
    """Return the usual number of requests of each requirement."""
    return _PACKAGE / "request_counts.yaml"


def report_schema_file() -> Path:
    """The schema of the JSON report."""
    return _PACKAGE / "report.schema.json"


def blob_schema_file() -> Path:
    """Return the schema of the record in a blob."""
    return _PACKAGE / "blob.schema.json"


def failure_schema_file() -> Path:
    """Return the JSON Schema of the files about failures."""
    return _PACKAGE / "failure.schema.json"


def _data() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
