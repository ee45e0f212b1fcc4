"""Read a file of a label feed: has it the right columns, and what does each of its records say?

A parquet or CSV file goes in; `check_feed_file` gives what it is, `records` its rows in file order, each parsed as far
as it can be, with the reason why it cannot. Nothing is written. Called by models_ml.label_feed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadFileError
from core.files.columns import MOMENT, MONTH, NUMBER, POSITION
from core.files.table_files import TableFile, open_table, pattern, reading

BATCH_ROWS = 20_000
COLUMNS = {"source_month": MONTH, "source_row": POSITION, "label": NUMBER, "observed_at": MOMENT}


def check_feed_file(path: Path) -> TableFile:
    """Say what a file holds.

    Raises:
        SourceUnavailableError: it is not there.
        BadFileError: it cannot be read, its columns are not those of a feed, or no text of a column is valid.
    """
    file = open_table(path, "a file of labels", COLUMNS)
    for name, column in file.columns.items():
        if column.is_text and file.present[name] and not file.readable[name]:
            raise BadFileError(file.unreadable(name))
    return file


def records(file: TableFile) -> Iterator[tuple[Any, ...]]:
    """The records in file order.

    Each is (line from 1, month's first day, source_row, label, microseconds from 1970, reason, then the four values as
    text). What cannot be read is None; the reason, where it is not None, says why the record is of no use.

    Raises:
        BadFileError: the file can no longer be read.
    """
    values = "".join(f", {file.value(name)} as {name}_value, {file.text(name)} as {name}_text" for name in COLUMNS)
    absent = " or ".join(f"{name}_text is null" for name in COLUMNS)
    query = (
        "select line, source_month_value, source_row_value, label_value, observed_at_value, "  # noqa: S608 - quoted names
        f"case when {absent} then 'missing_value' when label_value is null then 'not_a_number' "
        "when observed_at_value is null then 'not_a_time' "
        "when source_month_value is null or source_row_value is null then 'not_a_trip_key' end, "
        "source_month_text, source_row_text, label_text, observed_at_text "
        f"from (select row_number() over () as line{values} from {file.source})"
    )
    with reading(file.path) as connection:
        result = connection.execute(query, {"path": pattern(file.path)})
        while batch := result.fetchmany(BATCH_ROWS):
            yield from batch
