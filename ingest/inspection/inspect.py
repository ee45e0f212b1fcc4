"""Looks at data files and says what each column holds, which role it plays, and what to monitor.

In: what a person said of the files. Out: an `Inspection`, which is printed, and written as a dataset's file. Called by
pipeline.commands.dataset.
"""

from __future__ import annotations

from typing import NamedTuple

from config.datasets import ColumnKind
from core.errors import UsageError
from ingest.files.data_files import find_files
from ingest.files.table import opened
from ingest.inspection.asked import Asked
from ingest.inspection.disguises import disguised_labels
from ingest.inspection.files.columns import Column
from ingest.inspection.findings import column_warnings, file_warnings
from ingest.inspection.proposals import Proposal, column_reports, proposed_kinds
from ingest.inspection.proposed.keys import key_warnings, proposed_key
from ingest.inspection.proposed.predictions import model_of
from ingest.inspection.proposed.references import Reference, reference_of_days, reference_of_files, reference_of_values
from ingest.inspection.proposed.roles import proposed_timestamp, proposed_windows
from ingest.inspection.proposed.times import Day, calendar_windows, days_of, odd_ends, regular_days, unreadable_times
from ingest.inspection.report import ColumnReport, Inspection, ModelReport, Windows
from ingest.inspection.seen import Seen, look

_MOST_SEGMENTS, _LEAST_LEVELS, _MOST_LEVELS = 3, 2, 12


class _Clock(NamedTuple):
    """The time of rows, None where there is none, the days that they have, and the windows that fit."""

    column: Column | None
    why: str
    days: tuple[Day, ...]
    windows: Windows
    warnings: tuple[str, ...] = ()


class _Key(NamedTuple):
    names: tuple[str, ...]
    why: str
    warnings: tuple[str, ...] = ()


def inspect(asked: Asked) -> Inspection:
    """Look at files.

    Raises:
        SourceUnavailableError, BadFileError: they are not there, or cannot be read.
        UsageError: a column that was named is not there, or cannot play its role.
    """
    files = find_files(asked.files)
    with opened(files) as table:
        seen = look(asked, files, table)
        clock = _clock(seen)
        key = _key(seen, clock)
        model, model_warnings = _model(seen)
        proposal = Proposal(clock.column.name if clock.column else "", key.names, clock.windows.column, model)
        kinds = proposed_kinds(seen, proposal)
        reports, digits = column_reports(seen, proposal, kinds)
        reference = _reference(seen, clock, asked, reports)
        return Inspection(
            files=files,
            rows=table.rows,
            columns=reports,
            timestamp=proposal.timestamp,
            timestamp_format=seen.time_format,
            timestamp_why=clock.why,
            is_zoned=clock.column is not None and clock.column.is_zoned,
            first=str(clock.days[0].day) if clock.days else "",
            last=str(clock.days[-1].day) if clock.days else "",
            key=key.names,
            key_why=key.why,
            windows=clock.windows,
            model=model,
            reference=reference.reference,
            reference_why=reference.why,
            segments=_segments(reports),
            warnings=(
                *key.warnings,
                *clock.warnings,
                *seen.warnings,
                *model_warnings,
                *reference.warnings,
                *_disguises(seen, reports, model),
                *column_warnings(reports, digits, table.rows),
                *file_warnings(seen),
            ),
        )


def _clock(seen: Seen) -> _Clock:
    column, why = seen.roles.timestamp, "as was said"
    if column is None:
        column = proposed_timestamp(list(seen.columns.values()), seen.figures, seen.roles.named)
        why = "a guess: the first column of times" if column else ""
    if column is None:
        return _Clock(None, "", (), proposed_windows(list(seen.columns.values()), seen.figures, seen.table.rows))
    own = seen.figures[column.name]
    days = days_of(seen.table, column)
    warnings = [
        *unreadable_times(seen.table, seen.files, column, own.present, own.readable),
        *odd_ends(column.name, days, regular_days(days)),
    ]
    return _Clock(column, why, tuple(days), calendar_windows(regular_days(days)), tuple(warnings))


def _key(seen: Seen, clock: _Clock) -> _Key:
    if seen.roles.key:
        warnings = key_warnings(seen.table, seen.roles.key, seen.figures)
        return _Key(tuple(column.name for column in seen.roles.key), "as was said", tuple(warnings))
    taken = seen.roles.named | ({clock.column.name} if clock.column else set()) | {clock.windows.column}
    name = proposed_key(seen.table, list(seen.columns.values()), seen.figures, taken)
    if name:
        return _Key((name,), "a guess: another value in every row")
    return _Key((), "no column is another in every row: rows are known by their position in the file")


def _model(seen: Seen) -> tuple[ModelReport | None, list[str]]:
    roles = seen.roles
    if roles.predictions:
        return model_of(seen.table, seen.sample, roles, seen.figures)
    if roles.decision is not None:
        raise UsageError("a decision was named without a prediction: name both, or neither")
    if roles.label is not None:
        return None, [f"the label {roles.label.name} has no prediction beside it: the data alone are monitored"]
    return None, []


def _reference(seen: Seen, clock: _Clock, asked: Asked, reports: tuple[ColumnReport, ...]) -> Reference:
    span = asked.reference.span if asked.reference else None
    if asked.reference is not None and asked.reference.files is not None:
        monitored = [report.name for report in reports if report.role in ("feature", "prediction")]
        return reference_of_files(asked.reference.files, monitored)
    if clock.days and clock.windows.calendar:
        return reference_of_days(clock.days, clock.warnings, span)
    column = seen.columns[clock.windows.column] if clock.windows.column else None
    return reference_of_values(seen.table, clock.windows, column, span)


def _disguises(seen: Seen, reports: tuple[ColumnReport, ...], model: ModelReport | None) -> list[str]:
    label = seen.roles.label
    if label is None:
        return []
    is_class = label.type != "number" or seen.figures[label.name].distinct == 2
    is_class = model.task != "regression" if model is not None else is_class
    features = [seen.columns[report.name] for report in reports if report.role == "feature" and report.distinct > 1]
    return disguised_labels(seen.sample, label, is_class, features, seen.figures)


def _segments(reports: tuple[ColumnReport, ...]) -> tuple[str, ...]:
    """Columns that rows could be compared by: of few levels, the fewest first."""
    kinds: tuple[ColumnKind, ...] = ("categorical", "boolean")
    fitting = [
        report
        for report in reports
        if report.role == "feature" and report.kind in kinds and _LEAST_LEVELS <= report.distinct <= _MOST_LEVELS
    ]
    return tuple(report.name for report in sorted(fitting, key=lambda report: report.distinct)[:_MOST_SEGMENTS])
