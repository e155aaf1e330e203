"""Declare the settings for reports, a part of the table of all settings."""

from __future__ import annotations

from conformance.config import converters
from conformance.config.sources import Setting

REPORTS = "Reports"

REPORT_OPTIONS = (
    Setting(
        "json",
        "Write the report as JSON. Missing directories are created.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.json",
        example="report.json",
    ),
    Setting(
        "junit",
        "Write the report as JUnit XML.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.junit",
        example="report.xml",
    ),
    Setting(
        "html",
        "Write the report as one HTML page with evidence, traffic and charts of the observed runs.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.html",
        example="report.html",
    ),
    Setting(
        "markdown",
        'Write a summary as Markdown: "$GITHUB_STEP_SUMMARY" shows it in a GitHub job.',
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.markdown",
        example="report.md",
    ),
    Setting(
        "sarif",
        "Write the report as SARIF 2.1.0, with each failure at its line of openapi.yaml.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.sarif",
        example="report.sarif",
    ),
    Setting(
        "codequality",
        "Write the failures as a code quality report of GitLab.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.codequality",
        example="gl-code-quality-report.json",
    ),
    Setting(
        "ctrf",
        "Write the report in the Common Test Report Format (JSON).",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.ctrf",
        example="ctrf-report.json",
    ),
    Setting(
        "failures",
        "Write a file for each failed requirement to this directory: its requests, responses and "
        "events, to send again (runs-conformance replay) and to open in the mock.",
        converters.output_directory,
        group=REPORTS,
        metavar="DIR",
        at="reports.failures",
        example="failures",
    ),
    Setting(
        "har",
        "Write the exchanges of the failures as an HTTP archive (HAR 1.2).",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.har",
        example="failures.har",
    ),
    Setting(
        "github",
        "Annotate the job of GitHub Actions with each failure.",
        group=REPORTS,
        flag=True,
        at="reports.github",
    ),
    Setting(
        "badge",
        "Write the conclusion as an SVG badge.",
        converters.output_file,
        group=REPORTS,
        metavar="FILE",
        at="reports.badge",
        example="badge.svg",
    ),
)
