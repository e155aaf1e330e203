"""Figures as plain text: aligned tables, and several readings as their median and extremes."""

from collections.abc import Sequence
from statistics import median


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be; the first to the left, figures to the right."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the least and the greatest in brackets."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def at_least(wanted: float, figure: float) -> str:
    """A target and whether ``figure`` meets it."""
    return f"at least {wanted:g}: {'met' if figure >= wanted else 'MISSED'}"


def at_most(wanted: float, figure: float, unit: str = "") -> str:
    """A target and whether ``figure``, in the same unit, meets it."""
    return f"at most {wanted:g}{unit}: {'met' if figure <= wanted else 'MISSED'}"
