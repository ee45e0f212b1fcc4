"""The models of a dataset: where predictions, labels and references are, and over which windows they are measured.

Frozen values, checked one by one. Called by config.datasets.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from config.config_values import Name, Part, nearest
from config.drift_methods import check_method
from config.label_rules import LabelDays, ValidRange
from config.monitoring import Decimals, Value
from config.rules import DriftRule
from config.spans import runs_backwards

CALENDAR = ("hour", "day", "week", "month")
_TABLE = re.compile(r"[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?")
Calendar = Literal["hour", "day", "week", "month"]
Task = Literal["regression", "binary", "multiclass"]


class RowWindow(Part):
    """Windows of so many rows each, in their order."""

    rows: Annotated[StrictInt, Field(ge=1, le=100_000_000)]

    def __str__(self) -> str:
        return f"{{rows: {self.rows}}}"


class ColumnWindow(Part):
    """A window for each value of a column, such as a year."""

    column: Name

    def __str__(self) -> str:
        return f"{{column: {self.column}}}"


def _checked_window(value: object) -> object:
    if value in CALENDAR or isinstance(value, RowWindow | ColumnWindow):
        return value
    if isinstance(value, dict) and len(value) == 1:
        for part in (RowWindow, ColumnWindow):
            if value.keys() <= part.model_fields.keys():
                return part.model_validate(value)
    hint = nearest(value, CALENDAR) if isinstance(value, str) else f": use one of {', '.join(CALENDAR)}"
    raise ValueError(f"'{value}' is no window{hint}, {{rows: 5000}} or {{column: year}}")


Window = Annotated[Calendar | RowWindow | ColumnWindow, BeforeValidator(_checked_window)]


def _checked_bound(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if type(value) in (date, int):
        return value
    raise ValueError("a day such as 2018-10-29 is needed, or a whole number where windows are by rows or by a column")


Bound = Annotated[date | int, BeforeValidator(_checked_bound)]


def _checked_table(text: str) -> str:
    if _TABLE.fullmatch(text) is None:
        raise ValueError("a table is written table or schema.table")
    return text


TableName = Annotated[StrictStr, AfterValidator(_checked_table)]


class Reference(Part):
    """What windows are compared with: a span of the dataset, both ends included, or a baseline: files or a table.

    The ends are days of the dataset's clock; rows counted from 1 where windows are by rows; values of the column where
    windows are by a column.
    """

    from_: Annotated[Bound | None, Field(alias="from")] = None
    to: Bound | None = None
    files: Annotated[tuple[StrictStr, ...], Field(min_length=1)] | None = None
    table: TableName | None = None

    @model_validator(mode="before")
    @classmethod
    def _listed_files(cls, document: Any) -> Any:
        if isinstance(document, dict) and isinstance(document.get("files"), str):
            return document | {"files": (document["files"],)}
        return document

    @model_validator(mode="after")
    def _span_or_baseline(self) -> Reference:
        ends = (self.from_, self.to)
        named = [ends != (None, None), self.files is not None, self.table is not None]
        if named.count(True) != 1 or (not self.baseline and None in ends):
            raise ValueError(
                "a reference is {from: 2018-01-01, to: 2018-10-29}, {files: baseline.parquet} or {table: schema.table}"
            )
        if isinstance(self.from_, date) != isinstance(self.to, date):
            raise ValueError(f"from {self.from_} and to {self.to} are not of one kind: two days or two whole numbers")
        if runs_backwards(self.from_, self.to):
            raise ValueError(f"from {self.from_} lies after to {self.to}")
        return self

    @property
    def baseline(self) -> tuple[str, ...]:
        """The files or the table that hold it; none where it is a span."""
        return self.files or (() if self.table is None else (self.table,))


class Predictions(Part):
    """Where predictions come from: a column of the rows, files that are loaded, or a recipe that is trained here.

    Of a binary model `column` is the probability that the label is 1; it decides by the column `decision`, else at or
    above `threshold`. Of a multiclass model `decision` is the class that it chose, `probabilities` the column of each
    class. `version` is a column that says which version of the model made a prediction. A recipe may be kept to the
    rows that have the values of `only`. Of predictions that are no column `decimals` says how many profiles keep.
    `drift` takes the place of the rule for numerical columns.
    """

    column: Name | None = None
    probabilities: Annotated[dict[StrictStr, Name], Field(min_length=2)] | None = None
    decision: Name | None = None
    threshold: Annotated[StrictFloat, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    version: Name | None = None
    loaded: Literal[True] | None = None
    recipe: Name | None = None
    only: dict[Name, Value] = Field(default_factory=dict)
    decimals: Decimals | None = None
    drift: DriftRule | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Predictions:
        in_rows = any(part is not None for part in (self.column, self.probabilities, self.decision))
        origins = [in_rows, self.loaded is not None, self.recipe is not None]
        if sum(origins) != 1:
            raise ValueError("predictions are in a column ({column: y_pred}), loaded, or made by a {recipe: ...}: one")
        if self.column is not None and self.probabilities is not None:
            raise ValueError("column is for one figure a row, probabilities for one a class: keep one of them")
        if self.only and self.recipe is None:
            raise ValueError("only belongs to a recipe: predictions made elsewhere are of the rows that have one")
        if self.decimals is not None and in_rows:
            raise ValueError("decimals of predictions in a column stand under columns, as those of any other")
        if self.drift is not None:
            check_method(self.drift.method, "numerical")
        if self.decision is not None and self.threshold is not None:
            raise ValueError("decision and threshold both say what the model decides: keep one of them")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows that are named here."""
        named = (self.column, *(self.probabilities or {}).values(), self.decision, self.version)
        return tuple(name for name in named if name is not None)


def _long_predictions(value: object) -> object:
    if value == "loaded":
        return {"loaded": True}
    if isinstance(value, dict | Predictions):
        return value
    raise ValueError(f"'{value}' says not where predictions are: use {{column: y_pred}}, loaded or {{recipe: ...}}")


class Label(Part):
    """Where the true value is: a column of the rows, or a feed of files that come later.

    A label in a column counts as known at the time in the column `known_at`, or `delay_days` (+- `jitter_days`) after
    the row's own time or the one in the column `after`, else when the row comes. Labels outside `valid` are kept out. A
    recipe is trained on a column, and may be evaluated by a feed.
    """

    column: Name | None = None
    known_at: Name | None = None
    delay_days: LabelDays | None = None
    jitter_days: LabelDays = 0.0
    after: Name | None = None
    valid: ValidRange | None = None
    feed: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Label:
        if self.column is None and self.feed is None:
            raise ValueError("a label is in a column ({column: repaid}) or comes by feed")
        if self.feed and (self.known_at or self.delay_days is not None):
            raise ValueError("known_at and delay_days belong to a label in a column: a feed says itself when each came")
        if self.delay_days is None and self.jitter_days:
            raise ValueError("jitter_days belongs to delay_days, which it varies")
        if self.known_at is not None and self.after is not None:
            raise ValueError("known_at says when a label is known, after only from when on: keep one of them")
        if self.known_at is not None and self.delay_days is not None:
            raise ValueError("known_at and delay_days both say when a label is known: keep one of them")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows that are named here."""
        return tuple(name for name in (self.column, self.known_at, self.after) if name is not None)


def _long_label(value: object) -> object:
    if value == "feed":
        return {"feed": True}
    if isinstance(value, dict | Label):
        return value
    raise ValueError(f"'{value}' says not where labels are: use {{column: repaid}} or feed")


class Model(Part):
    """A monitored model; `features` are the columns that it reads, all that play no role where none are named."""

    task: Task
    predictions: Annotated[Predictions, BeforeValidator(_long_predictions)]
    label: Annotated[Label, BeforeValidator(_long_label)] | None = None
    reference: Reference | None = None
    performance_windows: tuple[Window, ...] = ()
    features: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _fits_its_task(self) -> Model:
        made_here = self.predictions.recipe is not None
        if made_here != (self.reference is None):
            raise ValueError(
                "the reference of a recipe is what it holds out: leave reference out"
                if made_here
                else "a model needs a reference, such as {from: 2018-01-01, to: 2018-10-29}"
            )
        if made_here and (self.label is None or self.label.column is None):
            raise ValueError("a recipe is trained on a column of the rows: write label: {column: ...}")
        if not made_here and self.label is not None and self.label.feed and self.label.column is not None:
            raise ValueError("a label is in a column ({column: repaid}) or comes by feed: one of the two")
        if self.predictions.threshold is not None and self.task != "binary":
            raise ValueError("threshold belongs to task: binary: at or above it the model decides for 1")
        if self.predictions.probabilities is not None and self.task != "multiclass":
            raise ValueError(f"probabilities of classes belong to task: multiclass, this one is {self.task}")
        if self.task == "multiclass" and self.predictions.column is not None:
            raise ValueError(
                "a multiclass model has decision (the class) and probabilities ({class: column}), no column"
            )
        if self.task == "multiclass" and self.label is not None and self.label.valid is not None:
            raise ValueError("valid is a range of numbers, labels of task: multiclass are classes: leave it out")
        if self.task != "multiclass" and self.predictions.columns and self.predictions.column is None:
            raise ValueError(f"task: {self.task} needs predictions.column")
        if self.task == "regression" and self.predictions.decision is not None:
            raise ValueError("a regression decides nothing: leave decision out")
        return self

    @property
    def role_columns(self) -> tuple[str, ...]:
        """The columns of the rows that are predictions, decisions, versions or labels."""
        label = () if self.label is None else self.label.columns
        return tuple(name for name in (*self.predictions.columns, *label) if name is not None)
