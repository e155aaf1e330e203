"""Read the answers of a behaviour profile, for the questions that a recording leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from conformance.catalogue.open_questions import Question
from conformance.contract.yaml_file import parse
from conformance.errors import ConfigurationError
from conformance.results.bounded_file import read_bounded

_MAX_FILE = 1024 * 1024
_HINT = "Write one with: runs-conformance profile --out FILE"


def read_answers(path: Path, questions: Mapping[str, Question]) -> dict[str, str]:
    """Return the answers of a behaviour profile. Raise ConfigurationError."""
    where = f"--behaviour: {path}"
    raw = read_bounded(path, _MAX_FILE, _HINT, _HINT)
    try:
        data = parse(raw.decode("utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise ConfigurationError(f"{where}: expected YAML, got {reason}.", _HINT) from None
    answers = data.get("answers") if isinstance(data, dict) else None
    if not isinstance(answers, dict):
        raise ConfigurationError(f"{where}: expected a profile with answers, got none.", _HINT)
    for number, answer in answers.items():
        known = questions[number].answers if number in questions else {}
        if not isinstance(answer, str) or answer not in known:
            expected = " or ".join(known) if known else f"one of {', '.join(questions)} as a key"
            raise ConfigurationError(
                f"{where}: answers.{number}: expected {expected}, got {answer!r}.",
                "Correct the line, or leave it out.",
            )
    return dict(answers)
