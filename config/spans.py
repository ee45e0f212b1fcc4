"""Spans of days or of whole numbers, such as those of a reference: does one run backwards?

Called by config.dataset_models, ingest.inspection and pipeline.cli.values.
"""

from __future__ import annotations

from datetime import date


def runs_backwards(first: date | int | None, last: date | int | None) -> bool:
    """Whether the first of two days, or of two numbers, lies after the last; an open end does not, nor do two kinds."""
    if isinstance(first, date) and isinstance(last, date):
        return first > last
    return isinstance(first, int) and isinstance(last, int) and first > last
