"""What was read of files before anything is concluded: their columns with types, figures and the roles that were named.

Called by ingest.inspection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.files.data_files import DataFiles
from ingest.files.table import Table, sampled
from ingest.inspection.asked import Asked
from ingest.inspection.files.columns import (
    Column,
    as_text,
    typed_columns,
    unreadable_examples,
)
from ingest.inspection.files.figures import Figures, column_figures
from ingest.inspection.proposed.keys import exactly_distinct
from ingest.inspection.proposed.roles import Roles, named_roles
from ingest.inspection.proposed.times import read_as_time


@dataclass(frozen=True)
class Seen:
    """Columns of files, all by name.

    Attributes:
        time_format: how the timestamp that was named is written, where not as ISO says.
        warnings: sentences on values that cannot be read, and on what is uncertain.
    """

    files: DataFiles
    table: Table
    sample: Table
    columns: dict[str, Column]
    figures: dict[str, Figures]
    roles: Roles
    time_format: str
    warnings: tuple[str, ...]

    def of(self, names: tuple[str, ...]) -> list[Column]:
        """Columns by name."""
        return [self.columns[name] for name in names]


def look(asked: Asked, files: DataFiles, table: Table) -> Seen:
    """Read types and figures of all columns.

    Raises:
        UsageError: a column that was named is not there, or has two roles.
        BadFileError: the timestamp that was named holds no times.
    """
    sample = sampled(table)
    columns = {column.name: column for column in typed_columns(sample, texts_are_values=files.form == "csv")}
    roles = named_roles(asked, files.name, list(columns.values()))
    form = ""
    unsure: list[str] = []
    if roles.timestamp is not None:
        column, form, unsure = read_as_time(sample, roles.timestamp)
        columns[column.name] = column
    figures = column_figures(table, list(columns.values()))
    strange = _strange(columns, figures, roles)
    fallen = []
    for column in strange:
        own = figures[column.name]
        examples = unreadable_examples(table, files, column, 1)
        fallen.append(
            f"{column.name}: {own.present - own.readable:,} of {own.present:,} values are no {column.type}s, the first "
            f"is {''.join(examples)}: it is taken for text until they are corrected"
        )
        columns[column.name] = as_text(column)
    figures |= column_figures(table, [columns[column.name] for column in strange]) if strange else {}
    figures = exactly_distinct(table, list(columns.values()), figures)
    return Seen(
        files=files,
        table=table,
        sample=sample,
        columns=columns,
        figures=figures,
        roles=named_roles(asked, files.name, list(columns.values())),
        time_format=form,
        warnings=(*unsure, *fallen),
    )


def _strange(columns: dict[str, Column], figures: dict[str, Figures], roles: Roles) -> list[Column]:
    """Columns with values that are not of the type that the sample showed; the timestamp stays one."""
    timestamp = roles.timestamp.name if roles.timestamp else ""
    return [
        column
        for name, column in columns.items()
        if figures[name].readable < figures[name].present and name != timestamp
    ]
