"""Check the subject of a commit: one line of at most 72 characters, without a period at its end.

python tools/subject.py .git/COMMIT_EDITMSG
"""

from __future__ import annotations

import sys
from pathlib import Path

MAX_LENGTH = 72


def problem(message: str) -> str | None:
    """Return what is wrong with the subject of a commit message, or None."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if not subject.strip():
        return "expected a subject in the first line, got an empty line"
    if len(subject) > MAX_LENGTH and not subject.startswith(("Merge ", "fixup! ", "squash! ")):
        return f"expected at most {MAX_LENGTH} characters, got {len(subject)}"
    if subject.endswith("."):
        return "expected no period at the end"
    if not subject[0].isupper() and not subject.startswith(("fixup! ", "squash! ")):
        return f"expected an imperative that starts with a capital, got {subject.split()[0]!r}"
    if len(lines) > 1 and lines[1].strip():
        return "expected an empty second line"
    return None


def main() -> int:
    """Check the message in the file that git names; return the exit code."""
    wrong = problem(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if wrong:
        print(f"commit subject: {wrong}.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
