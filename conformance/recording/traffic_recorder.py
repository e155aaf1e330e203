"""Record traffic that passes by: its runs, and how the service answers the open questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conformance.catalogue import open_questions
from conformance.recording.anonymize import Shapes
from conformance.recording.folder import RecordingFolder
from conformance.recording.passing_answers import PassingAnswers
from conformance.recording.passing_runs import PassingRuns
from conformance.recording.recording import Recording, Written
from conformance.redaction import Redactor
from conformance.results import behaviour_profile
from conformance.results.report import Report
from conformance.traffic.exchange import ObservedExchange
from conformance.traffic.find_credentials import SecretCollector


class TrafficRecorder:
    """Takes exchanges, and writes them into the folder at the end. `notes` then say what is left
    out."""

    def __init__(
        self, folder: RecordingFolder, secrets: SecretCollector, keep: Sequence[str]
    ) -> None:
        self.runs = PassingRuns()
        self._answers = PassingAnswers(self.runs)
        self._folder = folder
        self._secrets = secrets
        self._keep = keep
        self.notes: list[str] = []

    def take(self, seen: ObservedExchange) -> None:
        """Take an exchange that is complete."""
        if seen.request.place is not None:
            self._secrets.learn(seen.request, seen.response)
            self._answers.take(seen)
            self.runs.take(seen)

    def write(self, report: Report, redactor: Redactor) -> Written:
        """Write the recording. Raise KitError if no run passed, or a file cannot be written."""
        recording = Recording(Shapes(redactor, self._keep))
        for run in self.runs.all():
            recording.add(run)
        self.notes = recording.notes
        if self.runs.dropped:
            self.notes.append(f"{self.runs.dropped} runs were too many and are left out.")
        questions = open_questions.load()
        seen = replace(report, observations=self._answers.observed(questions))
        profile = behaviour_profile.render(seen, questions, quoted=False)
        written = recording.write(redactor.text(report.base_url), profile)
        self._folder.write(written.files)
        return written
