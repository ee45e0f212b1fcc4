"""Which column plays which role: as a person named it, else as names and values propose.

Called by ingest.inspection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from config.config_values import nearest
from core.errors import UsageError, printable
from ingest.inspection.asked import Asked
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures
from ingest.inspection.report import Windows

# Whole numbers in a column of such a name may cut the rows where no time does.
_PERIOD = re.compile(r"(?:^|_)(?:year|quarter|month|week|period|vintage|batch)(?:_?(?:id|no|number))?$", re.IGNORECASE)
_MOMENT = re.compile(r"timestamp|time|date|created|_at$", re.IGNORECASE)
_MOST_PERIODS = 1_000
# Windows that a file without any time is cut into, and the least rows of one.
_WINDOWS, _LEAST_ROWS = 20, 100


@dataclass(frozen=True)
class Roles:
    """The columns that a person gave a role."""

    timestamp: Column | None
    key: tuple[Column, ...]
    predictions: tuple[Column, ...]
    decision: Column | None
    label: Column | None

    @property
    def named(self) -> set[str]:
        """The names of all of them."""
        each = (self.timestamp, *self.key, *self.predictions, self.decision, self.label)
        return {column.name for column in each if column is not None}


def named_roles(asked: Asked, file: str, columns: Sequence[Column]) -> Roles:
    """The columns that a person named; upper and lower case are the same.

    Raises:
        UsageError: there is no such column, or one has two roles.
    """
    known = {column.field.spelling.lower(): column for column in columns}
    known |= {column.name: column for column in columns if column.name not in known}

    def find(role: str, spelling: str) -> Column:
        column = known.get(spelling.strip().lower())
        if column is None:
            spellings = [printable(each.field.spelling) for each in columns]
            raise UsageError(f"the {role} '{spelling}' is no column of {file}{nearest(spelling, spellings)}")
        return column

    def optional(role: str, spelling: str) -> Column | None:
        return find(role, spelling) if spelling else None

    roles = Roles(
        timestamp=optional("timestamp", asked.timestamp),
        key=tuple(find("key", each) for each in asked.key),
        predictions=tuple(find("prediction", each) for each in asked.prediction),
        decision=optional("decision", asked.decision),
        label=optional("label", asked.label),
    )
    _check_one_role(roles)
    return roles


def _check_one_role(roles: Roles) -> None:
    taken: dict[str, str] = {}
    each: list[tuple[str, Column | None]] = [("prediction", column) for column in roles.predictions]
    each += [("key", column) for column in roles.key]
    each += [("decision", roles.decision), ("label", roles.label)]
    for role, column in each:
        if column is not None:
            if column.name in taken:
                raise UsageError(
                    f"the column {column.field.spelling} was named as {taken[column.name]} and as {role}: a column has "
                    "one role"
                )
            taken[column.name] = role
    if roles.timestamp is not None and taken.get(roles.timestamp.name, "key") != "key":
        raise UsageError(
            f"the column {roles.timestamp.field.spelling} was named as timestamp and as "
            f"{taken[roles.timestamp.name]}: a column has one role"
        )


def proposed_timestamp(columns: Sequence[Column], figures: dict[str, Figures], taken: Collection[str]) -> Column | None:
    """The first column of times with a telling name, else the first of times."""
    times = [
        column
        for column in columns
        if column.type == "time" and figures[column.name].readable and column.name not in taken
    ]
    named = [column for column in times if _MOMENT.search(column.field.spelling)]
    return next(iter((*named, *times)), None)


def proposed_windows(columns: Sequence[Column], figures: dict[str, Figures], rows: int) -> Windows:
    """Windows where no column is a time: by a column such as year, else by rows."""
    for column in columns:
        own = figures[column.name]
        if (
            _PERIOD.search(column.field.spelling)
            and own.is_whole
            and own.readable == rows
            and own.distinct <= _MOST_PERIODS
        ):
            return Windows(column=column.name, why=f"a guess: no timestamp, and {_span(own)}")
    size = max(_LEAST_ROWS, _round(rows / _WINDOWS))
    return Windows(
        rows=size, why=f"a guess: no timestamp, and no column such as year; {max(1, rows // size):,} windows"
    )


def _span(figures: Figures) -> str:
    least, most = int(figures.least), int(figures.most)
    return f"only {least} in it" if least == most else f"{figures.distinct:,} values from {least} to {most}"


def _round(number: float) -> int:
    """The largest of 1, 2, 5, 10, 20, 50, ... that is not larger."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step * (2.5 if factor == 2 else 2) > number:
                return factor * step
        step *= 10
