"""Render the conclusion of a report as an SVG badge."""

from __future__ import annotations

from conformance.results.report import Report
from conformance.vocabulary import ExitCode, Verdict

_COLOURS = {
    ExitCode.CONFORMANT: "#1c6b3a",
    ExitCode.NOT_CONFORMANT: "#b3261e",
    ExitCode.NO_VERDICT: "#5a626c",
    ExitCode.INTERRUPTED: "#5a626c",
}
_NAME = "automation runs"


def as_badge(report: Report) -> str:
    """A picture of the verdict, 20 pixels high."""
    said = report.conclusion
    if report.exit_code in (ExitCode.CONFORMANT, ExitCode.NOT_CONFORMANT):
        said += f" {report.counts[Verdict.PASS]}/{report.selected}"
    left, right = _width(_NAME), _width(said)
    label, colour = f"{_NAME}: {said}", _COLOURS[report.exit_code]
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" \
aria-label="{label}">
<title>{label}</title>
<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#444"/>\
<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{left / 2}" y="14" textLength="{left - 12}">{_NAME}</text>
<text x="{left + right / 2}" y="14" textLength="{right - 12}">{said}</text>
</g>
</svg>
"""


def _width(text: str) -> int:
    # An estimate of the font's width; textLength makes it fit.
    return round(len(text) * 6.6) + 12
