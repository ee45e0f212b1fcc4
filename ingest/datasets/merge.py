"""Merge what was delivered into the raw table: in SQL, in the transaction of the cursor that has staged it.

`staged_rows` holds the rows of all deliveries of this time, `staged_deliveries` their numbers in their order. Rows go
as the dataset's `replace` says, rows that come again keep their numbers, and every month whose rows or days have
changed gets another load. Called by ingest.datasets.load.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from psycopg import sql

from config.dataset_models import RowWindow
from config.datasets import Dataset
from config.months import Month
from core.errors import BadFileError, printable
from core.failpoints import failpoint
from ingest.datasets.raw_columns import raw_columns
from warehouse import database
from warehouse.arrow_cursor import ArrowCursor

STAGED = "staged_rows"
_QUERIES = database.queries(Path(__file__).with_name("merge.sql"))
_MANIFEST_QUERIES = database.queries(Path(__file__).with_name("manifest.sql"))
_LONGEST_KEY = 60


@dataclass(frozen=True)
class Merged:
    """The months whose loads are others now, and how many rows were written."""

    months: tuple[Month, ...]
    rows: int


class Merge:
    """One merge of staged rows into the table of a dataset; the deliveries are added in their order."""

    def __init__(self, cursor: ArrowCursor, name: str, dataset: Dataset) -> None:
        self._cursor = cursor
        self._name = name
        self._dataset = dataset
        names = [column.name for column in raw_columns(dataset)]
        key = dataset.event.key
        same = sql.SQL("events.{0} = staged.{0}")
        same_key = sql.SQL(" and ").join(same.format(sql.Identifier(column)) for column in key)
        time = dataset.event.timestamp
        self._parts: dict[str, sql.Composable] = {
            "table": sql.Identifier("raw", name),
            "columns": _listed(names),
            "staged_columns": _listed(names, "staged"),
            "events_columns": _listed(names, "events"),
            "staged_key": _listed(key, "staged"),
            "same_key": same_key,
            "name": sql.Literal(name),
            "is_keyed": sql.Literal(bool(key)),
            "time": sql.Identifier(time or ""),
            "size": sql.Literal(dataset.windows.rows if isinstance(dataset.windows, RowWindow) else 1),
        }
        cursor.execute(_QUERIES["make_deliveries"])

    def add_deliveries(self, delivery_ids: Sequence[int]) -> None:
        """Note that the rows of deliveries have been staged, be it none."""
        self._cursor.execute(_QUERIES["add_deliveries"], (json.dumps(list(delivery_ids)),))

    def run(self, settings_hash: str, origin: str) -> Merged:
        """Bring the staged rows into the table, and write the manifest rows of the months.

        Raises:
            BadFileError: a key comes twice.
        """
        self._cursor.execute(_QUERIES["analyze"])
        self._check_keys()
        self._find_gone()
        self._place()
        for name in ("find_changed", "find_touched", "delete_gone", "update_known", "insert_new"):
            self._execute(name)
        failpoint("dataset.merged")
        self._write_manifest(settings_hash, origin)
        ((changed,),) = self._rows(_QUERIES["count_changed"])
        months = tuple(
            Month.of(date.fromisoformat(str(month))) for (month,) in self._rows(_MANIFEST_QUERIES["touched"])
        )
        return Merged(months, int(changed))

    def _check_keys(self) -> None:
        """Keys are another in every row; of parts that follow each other, in every row of a part."""
        if not self._dataset.event.key:
            return
        is_whole = self._dataset.event.replace == "partition"
        key = self._dataset.event.key
        parts = _listed(key if is_whole else ("delivery_id", *key), "staged")
        duplicates = self._query("duplicates_delivered", parts=parts)
        if not duplicates and is_whole:
            duplicates = self._query("duplicates_loaded")
        if duplicates:
            self._refuse(duplicates)

    def _refuse(self, duplicates: list[tuple[Any, ...]]) -> NoReturn:
        locations = dict(self._rows(_QUERIES["locations"], (self._name,)))
        shown = []
        for key, places, _ in duplicates:
            first, second = json.loads(places)[:2]
            where = " and ".join(f"{locations[number]} row {row + 1:,}" for number, row in (first, second))
            shown.append(f"{printable(str(key))[:_LONGEST_KEY]!r} in {where}")
        count = duplicates[0][2]
        raise BadFileError(
            f"{self._name}: {count:,} value{'s' * (count != 1)} of the key ({', '.join(self._dataset.event.key)}) "
            f"come{'s' * (count == 1)} more than once: {'; '.join(shown)}: a key is another in every row; correct the "
            f"rows, or name another key under event.key in datasets/{self._name}.yml"
        )

    def _find_gone(self) -> None:
        replace = self._dataset.event.replace
        if replace == "partition":
            self._execute("gone_partitions")
        else:
            if replace == "day":
                self._execute("drop_older_days")
            self._execute("drop_older_keys")
            self._execute("gone_days" if replace == "day" else "gone_keys")
        if isinstance(self._dataset.windows, RowWindow):
            for name in ("stage_the_others", "add_the_others", "number_windows"):
                self._execute(name)

    def _place(self) -> None:
        rows = sql.SQL(_QUERIES["place_by_key" if self._dataset.event.key else "place_by_position"])
        query = sql.SQL("{} {}").format(
            rows.format(**self._parts), sql.SQL(_QUERIES["with_numbers"]).format(**self._parts)
        )
        self._cursor.execute(query.as_string(None))
        self._cursor.execute(_QUERIES["analyze_placed"])

    def _write_manifest(self, settings_hash: str, origin: str) -> None:
        name = self._name
        values: dict[str, tuple[str, ...]] = {
            "cover": (name,),
            "touch_covers": (name,),
            "set_loads": (),
            "retire": (name,),
            "insert": (name, settings_hash[:16], origin),
        }
        for query, parameters in values.items():
            statement = sql.SQL(_MANIFEST_QUERIES[query]).format(**self._parts)
            self._cursor.execute(statement.as_string(None), parameters or None)

    def _execute(self, name: str) -> None:
        query = sql.SQL(_QUERIES[name]).format(**self._parts)
        self._cursor.execute(query.as_string(None))

    def _query(self, name: str, **more: sql.Composable) -> list[tuple[Any, ...]]:
        query = sql.SQL(_QUERIES[name]).format(**self._parts, **more)
        return self._rows(query.as_string(None))

    def _rows(self, query: str, parameters: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        self._cursor.execute(query, parameters or None)
        table = self._cursor.fetch_arrow_table()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _listed(names: tuple[str, ...] | list[str], of: str = "") -> sql.Composed:
    """Names of columns, quoted, behind the name of their table."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
