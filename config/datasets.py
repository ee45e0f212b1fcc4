"""What a file datasets/<name>.yml holds, as frozen values that are checked one by one; config.dataset_file reads it.

A dataset is a stream of rows that is monitored: where it comes from, its time column, its key, its columns, and the
models whose predictions it has. Names of columns are those of the warehouse: lower case, digits and underscores.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr, model_validator

from config.config_values import Name, Part, Timezone, nearest
from config.dataset_models import CALENDAR, ColumnWindow, Model, Reference, TableName, Window
from config.drift_methods import check_method
from config.monitoring import Segmentation
from config.rules import DriftRule

ColumnKind = Literal["numerical", "categorical", "boolean", "datetime", "text", "ignored"]
KINDS: tuple[ColumnKind, ...] = ("numerical", "categorical", "boolean", "datetime", "text", "ignored")
# How many significant digits profiles keep of a numerical column that says nothing of its own.
DEFAULT_DIGITS = 3
Replace = Literal["partition", "day", "append"]
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_SOURCES = ("files", "table", "database", "dbt", "tlc")
_MOST_WORD = 40


def _checked_text(text: str) -> str:
    if not text.strip():
        raise ValueError("a text is needed, it is blank")
    return text.strip()


def _checked_sql(text: str) -> str:
    if ";" in text or "--" in text:
        raise ValueError("one SQL expression is needed, without a semicolon and without a comment (--)")
    return _checked_text(text)


def _checked_word(text: str) -> str:
    if len(text) > _MOST_WORD or not text.isprintable():
        raise ValueError(f"a word of at most {_MOST_WORD} letters on one line is needed, such as loan")
    return _checked_text(text)


def names_in(text: str) -> set[str]:
    """All that may name a column in an SQL expression."""
    return set(re.findall(r"\w+", text.lower()))


def _listed(value: object) -> object:
    """A single text stands for a list of one."""
    return (value,) if isinstance(value, str) else value


Text = Annotated[StrictStr, AfterValidator(_checked_text)]
Sql = Annotated[StrictStr, AfterValidator(_checked_sql)]
Word = Annotated[StrictStr, AfterValidator(_checked_word)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]


class Words(Part):
    """What people read in alerts, in the terminal and on dashboards: one row, and many of them."""

    one: Word = "event"
    many: Word = "events"


class Source(Part):
    """Where rows come from: one of files, a table of this Postgres, a database's table, a dbt model of one's own.

    `tlc` is the worked example's: monthly files of the Taxi and Limousine Commission.

    `files` are paths (relative to the project) or addresses; each may be a file, a folder of parts or a pattern with *.
    `database` is the environment variable that holds an SQLAlchemy address, `table` then a table there.
    """

    files: Annotated[tuple[Text, ...] | None, BeforeValidator(_listed), Field(min_length=1)] = None
    table: TableName | None = None
    database: StrictStr | None = None
    dbt: Name | None = None
    tlc: Literal["green"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Source:
        if self.database is not None and _VARIABLE.fullmatch(self.database) is None:
            # Not said of the key itself: messages show what stands there, and here that may be a password.
            raise ValueError(
                "database is the name of an environment variable that holds the address: upper-case letters, digits "
                "and underscores, such as LOANS_URL; an address itself does not belong into this file"
            )
        named = [name for name in _SOURCES if getattr(self, name) is not None]
        if named == ["database"]:
            raise ValueError("a database needs the table that is read: {database: LOANS_URL, table: loan_log}")
        if named not in (["files"], ["table"], ["table", "database"], ["dbt"], ["tlc"]):
            raise ValueError(
                f"a source is one of files, table, database (with table) and dbt; found {', '.join(named) or 'none'}"
            )
        return self


class Event(Part):
    """What makes an event of a row.

    Without a `timestamp` windows are by rows or by a column; without a `key` rows are known by their position in the
    partition. `format` says how the timestamp is written where it is not as in 2022-02-20 17:05: strptime's letters, or
    epoch_s or epoch_ms. `replace` is what a source gives anew as a whole: its partition (a file), a day, or nothing
    (append).
    """

    timestamp: Name | None = None
    format: Text | None = None
    timezone: Timezone = "UTC"
    key: Names = ()
    replace: Replace = "partition"

    @model_validator(mode="after")
    def _fits(self) -> Event:
        if self.timestamp is None and (self.format is not None or self.replace == "day"):
            found = "format" if self.format is not None else "replace: day"
            raise ValueError(f"{found} needs a timestamp: name its column, or leave this out")
        if not self.key and self.replace != "partition":
            raise ValueError(
                f"replace: {self.replace} needs a key: without one rows are known by their position in the partition, "
                "which is replaced as a whole (replace: partition)"
            )
        return self


def _checked_decimals(value: object) -> object:
    if value == "all" or (type(value) is int and 0 <= value <= 12):
        return value
    raise ValueError("decimals are all, or how many are kept after the point: a whole number from 0 to 12")


class ColumnSpec(Part):
    """What a column holds, and how exactly profiles keep a numerical one.

    `digits` are significant digits, `decimals` places after the point, or `all` of them; where neither is named,
    DEFAULT_DIGITS. `drift` takes the place of the rule for columns of the type. `source_name` is the source's spelling
    where it differs by more than upper and lower case.
    """

    type: ColumnKind
    digits: Annotated[StrictInt, Field(ge=1, le=15)] | None = None
    decimals: Annotated[Literal["all"] | int | None, BeforeValidator(_checked_decimals)] = None
    drift: DriftRule | None = None
    source_name: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_type(cls, document: Any) -> Any:
        kind = document.get("type") if isinstance(document, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            raise ValueError(f"'{kind}' is no type of a column{nearest(kind, KINDS)}")
        return document

    @model_validator(mode="after")
    def _one_precision(self) -> ColumnSpec:
        if self.digits is not None and self.decimals is not None:
            raise ValueError("digits (significant ones) and decimals (after the point) are both named: keep one")
        if self.drift is not None:
            check_method(self.drift.method, "categorical" if self.type == "boolean" else self.type)
        named = "digits" if self.digits is not None else "decimals"
        if self.type != "numerical" and (self.digits is not None or self.decimals is not None):
            raise ValueError(f"{named} belongs to numerical columns, this one is {self.type}")
        return self

    @property
    def kept_digits(self) -> int | None:
        """The significant digits that profiles keep; None where decimals say it, or all are kept."""
        return self.digits if self.decimals is not None or self.digits is not None else DEFAULT_DIGITS


def _long_column(value: object) -> object:
    if isinstance(value, str):
        return {"type": value}
    if isinstance(value, dict | ColumnSpec):
        return value
    raise ValueError(f"a column has a type, one of {', '.join(KINDS)}, or {{type: numerical, digits: 4}}")


class Derived(Part):
    """A column that is made of others by an SQL expression; without a type, that of the expression."""

    sql: Sql
    type: ColumnKind | None = None


def _long_derived(value: object) -> object:
    return {"sql": value} if isinstance(value, str) else value


class Rejection(Part):
    """Rows that are kept out and counted: those of which the SQL condition is true."""

    name: Name
    when: Sql
    reason: Text


_ColumnSpec = Annotated[ColumnSpec, BeforeValidator(_long_column)]
_Derived = Annotated[Derived, BeforeValidator(_long_derived)]


class Dataset(Part):
    """The whole file. Without models the data alone are monitored."""

    words: Words = Words()
    source: Source
    event: Event = Event()
    windows: Window
    columns: Annotated[dict[Name, _ColumnSpec], Field(min_length=1)]
    derive: dict[Name, _Derived] = Field(default_factory=dict)
    reject: tuple[Rejection, ...] = ()
    segments: tuple[Segmentation, ...] = ()
    metrics: dict[Name, Sql] = Field(default_factory=dict)
    models: dict[Name, Model] = Field(default_factory=dict)
    # Of the data alone, where there are no models.
    reference: Reference | None = None

    @model_validator(mode="after")
    def _windows_have_a_clock(self) -> Dataset:
        if self.windows in CALENDAR and self.event.timestamp is None:
            raise ValueError(
                f"windows: {self.windows} needs event.timestamp; without one, windows are {{rows: 5000}} or by a "
                "column: {column: year}"
            )
        return self

    @model_validator(mode="after")
    def _one_kind_of_reference(self) -> Dataset:
        if self.models and self.reference is not None:
            raise ValueError("reference belongs to each of the models; beside models it says nothing here")
        return self

    @property
    def role_columns(self) -> frozenset[str]:
        """The columns that name and order rows, or are the models' predictions, decisions, versions and labels."""
        named = {*self.event.key, *(name for each in self.models.values() for name in each.role_columns)}
        window = {self.windows.column} if isinstance(self.windows, ColumnWindow) else set()
        return frozenset(named | window | ({self.event.timestamp} if self.event.timestamp else set()))

    @property
    def late_columns(self) -> frozenset[str]:
        """The columns that may come later than the rows: labels, and when they are known."""
        return frozenset(
            name
            for model in self.models.values()
            if model.label is not None
            for name in (model.label.column, model.label.known_at)
            if name is not None
        )

    @property
    def derived_of_rows(self) -> tuple[str, ...]:
        """The derived columns that follow from what a row comes with: from no label."""
        return tuple(name for name, each in self.derive.items() if not names_in(each.sql) & self.late_columns)

    @property
    def source_place(self) -> str:
        """Where its file names the source."""
        return "source"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns that rows have: those of the source, then the derived ones."""
        return (*self.columns, *self.derive)

    def kind(self, name: str) -> ColumnKind | None:
        """The type of a column; None for a derived one that names none."""
        return self.columns[name].type if name in self.columns else self.derive[name].type

    def features(self, model: str = "") -> tuple[str, ...]:
        """The columns that a model reads: those it names, else all that are monitored and play no role."""
        named = self.models[model].features if model else None
        if named is not None:
            return named
        return tuple(
            name for name in self.column_names if name not in self.role_columns and self.kind(name) != "ignored"
        )
