"""What is monitored of a dataset, and how: frozen values.

config.dataset_monitoring makes them of its file and of the rules that hold for all.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)

from config.alert_levels import Alerts
from config.config_values import Name, Number, Relation, Strict, Timezone
from config.drift_methods import ColumnType
from config.hours import HOURS_OF_A_DAY, HourClock
from config.label_rules import Labels
from config.rules import Calibration, Comparisons, Dashboards, DriftDefaults, DriftRule, Evaluation

PREDICTION = "prediction"
# What a classifier has decided, true or false, where its predictions came with it.
DECISION = "decision"
DEFAULT_THRESHOLD = 0.5


class Column(Strict):
    """A monitored column; `drift` takes the place of the default rule of its type."""

    name: Name
    type: ColumnType
    drift: DriftRule | None = None


class MonitoredColumn(Strict):
    """A column with the drift rule that holds for it, and what its profiles keep of a number: so many decimals, so many
    significant digits, or all where neither is named."""

    name: Name
    type: ColumnType
    drift: DriftRule
    decimals: int | None = None
    digits: int | None = None


class Windows(Strict):
    """Whose clock cuts windows, the contracted relations that they and labels are read from, and their least size."""

    # The wall clock that the stamps of the source show.
    timezone: Timezone
    # The column of the rows with the time that windows are cut by.
    time: Name = "pickup_at"
    # Whether they are; else, of windows by rows or by a column, days only stand for them. No rule: windows are as cut.
    are_by_time: Annotated[bool, Field(exclude=True)] = True
    windows: Relation
    rows: Relation
    rejections: Relation
    profiles: Relation
    accepted: Relation
    rejected: Relation
    events: Relation
    min_values: Annotated[int, Number, Field(ge=1)]

    @property
    def hours(self) -> HourClock | None:
        """Of windows that are hours their clock; all others are known by days of their own."""
        return None

    @property
    def per_day(self) -> int:
        """How many windows a day has, where days have several."""
        return HOURS_OF_A_DAY if self.hours else 1

    def words(self, day: date) -> str:
        """The window that a day stands for, as a person writes it."""
        return self.hours.words(day) if self.hours else str(day)

    def date_of(self, day: date) -> date:
        """The date, by the wall clock, on which the window begins that a day stands for."""
        return self.hours.start(day).date() if self.hours else day

    def span(self, first: date, last: date) -> tuple[date, date]:
        """The days that stand for the first and the last window of some days."""
        return self.hours.span(first, last) if self.hours else (first, last)


Segmentation = Annotated[tuple[Name, ...], Field(min_length=1, max_length=2)]


class Segments(Strict):
    """What rows are compared by: single columns or pairs, and the least rows of a segment that gets figures."""

    min_rows: Annotated[int, Field(ge=2)] = 100
    by: tuple[Segmentation, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a segmentation names, once."""
        return tuple(dict.fromkeys(name for columns in self.by for name in columns))


Decimals = Annotated[StrictInt, Field(ge=0, le=12)]


Digits = Annotated[StrictInt, Field(ge=1, le=15)]


class Profiles(Strict):
    """How many decimals, or significant digits, profiles keep of a numerical column; of one that is not named, all."""

    decimals: dict[Name, Decimals] = Field(default_factory=dict)
    digits: dict[Name, Digits] = Field(default_factory=dict)


Task = Literal["regression", "binary", "multiclass"]
Value = StrictBool | StrictStr | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


class Period(Strict):
    """Days, the first and the last one included."""

    from_: Annotated[date, Field(alias="from")]
    to: date

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.from_ > self.to:
            raise ValueError(f"from {self.from_} lies after to {self.to}")
        return self

    def __str__(self) -> str:
        return f"{self.from_} to {self.to}"


class Baseline(Strict):
    """Files or a table of their own that are a reference, and the place that names them."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]
    place: str

    def __str__(self) -> str:
        return ", ".join(self.names)


class RowPredictions(Strict):
    """The columns of the rows that hold a model's predictions: the figure, what was decided, the version.

    A model of several classes has `probabilities` (the column of each class), the class that was decided for, or both,
    and no `column`; without any of them the data alone are monitored. `cut_by` is what cuts windows, and so the rows of
    a reference.
    """

    column: Name | None
    cut_by: str = ""
    decision: Name | None = None
    version: Name | None = None
    probabilities: Annotated[dict[str, Name] | None, Field(repr=False)] = None

    @property
    def yes_or_no(self) -> str | None:
        """The column of what a binary model decided; a class is none, and stays a column of the rows."""
        return None if self.column is None else self.decision

    @model_serializer(mode="wrap")
    def _as_before_there_were_classes(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        """What has its default is no fact: hashes of models of one figure stay."""
        found: dict[str, object] = dump(self)
        return {name: value for name, value in found.items() if name != "probabilities" or value is not None}


# By the wall clock, or so many rows in the order of their time.
PerformanceWindow = Literal["day", "week", "month"] | Annotated[StrictInt, Field(ge=1)]


class Model(Strict):
    """A monitored model: where its predictions come from and which columns it has.

    `recipe` names how it is trained here; `predictions: loaded`, or the columns of the rows that hold them, stand in
    its place where predictions are made elsewhere, with the days of theirs that are the `reference`, or a `baseline`.
    `task` says what it predicts: a number, the probability that the target is 1, or one of several classes. `only`
    keeps the model to the rows that have these values. A binary model decides for 1 at or above its `threshold`, where
    its predictions do not come with decisions.
    """

    recipe: Name | None = None
    predictions: Literal["loaded"] | None = None
    # Of a dataset of datasets/: the columns that hold them.
    in_rows: RowPredictions | None = None
    reference: Period | None = None
    baseline: Baseline | None = None
    task: Task = "regression"
    threshold: Annotated[StrictFloat, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    target: Name
    only: dict[Name, Value] = Field(default_factory=dict)
    features: Annotated[tuple[Column, ...], Field(min_length=1)]
    prediction: ColumnType = "numerical"
    prediction_drift: DriftRule | None = None
    prediction_decimals: Decimals | None = None
    prediction_digits: Digits | None = None
    # Over which it is evaluated beside the dataset's own windows.
    performance_windows: tuple[PerformanceWindow, ...] = ()

    @model_validator(mode="after")
    def _one_source_of_predictions(self) -> Model:
        if [self.recipe, self.predictions, self.in_rows].count(None) != 2:
            found = "neither" if self.recipe is None else "both"
            raise ValueError(f"a model has a recipe, or predictions: loaded; {found} was found")
        if self.is_loaded != (self.reference is not None or self.baseline is not None):
            raise ValueError(
                "predictions: loaded needs the days that are its reference, such as reference: {from: 2022-01-01, to: "
                "2022-01-31}"
                if self.is_loaded
                else "reference belongs to predictions: loaded; the reference of a recipe is what it holds out"
            )
        if self.is_loaded and self.only:
            raise ValueError("only belongs to a recipe; loaded predictions are of the rows that their files name")
        if self.threshold is not None and self.task != "binary":
            raise ValueError("threshold belongs to task: binary: at or above it the model decides for 1")
        if self.task == "multiclass" and self.in_rows is None:
            raise ValueError("predictions of several classes are columns of the rows")
        if self.task == "binary" and self.prediction != "numerical":
            raise ValueError("the prediction of a binary model is a probability: prediction must be numerical")
        return self

    @property
    def is_loaded(self) -> bool:
        """Whether its predictions are made elsewhere."""
        return self.predictions is not None or self.in_rows is not None

    @property
    def has_prediction(self) -> bool:
        """Whether it predicts one figure a row: not where the data alone are monitored, nor of several classes."""
        return self.in_rows is None or self.in_rows.column is not None

    @property
    def decides_at(self) -> float:
        """The least probability at which a binary model decides for 1."""
        return DEFAULT_THRESHOLD if self.threshold is None else self.threshold

    @property
    def is_about_part(self) -> bool:
        """Whether it scores a part of the accepted rows: by `only`, as a version, or because predictions are loaded."""
        if self.in_rows is not None:
            return self.in_rows.version is not None
        return self.is_loaded or bool(self.only)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.features)


KeyKind = Literal["number", "time", "boolean", "category", "text"]


class KeyColumn(Strict):
    """A column of the key that a dataset's rows are known by; `source_name` is its spelling in files, if another."""

    name: Name
    kind: KeyKind = "text"
    source_name: str | None = None


class Words(Strict):
    """What people read in alerts, in the terminal and on dashboards: one row, and many of them."""

    one: str = "event"
    many: str = "events"


class Monitoring(Strict):
    """What is monitored of a dataset, and how: its own file and the rules that hold for all."""

    dataset: Name
    words: Words = Words()
    # Without one, rows are known by their place in the source's month.
    key: tuple[KeyColumn, ...] = ()
    windows: Windows
    drift: DriftDefaults
    segments: Segments = Segments()
    profiles: Profiles = Profiles()
    evaluation: Evaluation = Evaluation()
    # Which references each window is compared with, beside a day with the training reference.
    comparisons: Comparisons = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    alerts: Alerts
    dashboards: Dashboards
    # By target; one without an entry has no labels.
    labels: dict[Name, Labels] = Field(default_factory=dict)
    models: Annotated[dict[Name, Model], Field(min_length=1)]

    def columns(self, spec: str) -> tuple[MonitoredColumn, ...]:
        """A model's features and its prediction, each with the rules that hold for it."""
        model = self.models[spec]
        prediction = Column(name=PREDICTION, type=model.prediction, drift=model.prediction_drift)
        decimals = {**self.profiles.decimals, PREDICTION: model.prediction_decimals}
        digits = {**self.profiles.digits, PREDICTION: model.prediction_digits}
        return tuple(
            MonitoredColumn(
                name=column.name,
                type=column.type,
                drift=column.drift or self.default_rule(column.type),
                decimals=decimals.get(column.name) if column.type == "numerical" else None,
                digits=digits.get(column.name) if column.type == "numerical" else None,
            )
            for column in (*model.features, *[prediction] * model.has_prediction)
        )

    def without_labels(self) -> list[str]:
        """A sentence for each model that has no label, so that it is never evaluated."""
        return [
            f"{spec} is never evaluated: it names no label in datasets/{self.dataset}.yml (docs/how-to/labels.md)"
            for spec, model in self.models.items()
            if model.target not in self.labels and (model.has_prediction or model.task == "multiclass")
        ]

    def default_rule(self, column_type: ColumnType) -> DriftRule:
        """The rule for columns of that type that name none of their own."""
        return self.drift.numerical if column_type == "numerical" else self.drift.categorical
