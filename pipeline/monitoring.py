"""What is monitored: `monitoring.yml`, read and checked.

Gives frozen values; every error names the place in the file, what stands there and what is valid.
"""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.errors import ConfigurationError
from pipeline.settings import monitoring_file

ColumnType = Literal["numerical", "categorical"]
# Methods of Evidently that are offered, with the kinds of column each can score. The first group are
# distances (a high score drifts), the second p-values (a low one does).
DISTANCES: dict[str, tuple[ColumnType, ...]] = {
    "wasserstein": ("numerical",),
    "jensenshannon": ("numerical", "categorical"),
    "psi": ("numerical", "categorical"),
    "hellinger": ("numerical", "categorical"),
    "kl_div": ("numerical", "categorical"),
    "ed": ("numerical",),
}
P_VALUES: dict[str, tuple[ColumnType, ...]] = {
    "ks": ("numerical",),
    "chisquare": ("categorical",),
    "t_test": ("numerical",),
    "mannw": ("numerical",),
    "anderson": ("numerical",),
    "cramer_von_mises": ("numerical",),
}
METHODS = DISTANCES | P_VALUES
PREDICTION = "prediction"
_GRAFANA_TIME = re.compile(r"now([-+][0-9]+[smhdwMy])?(/[smhdwMy])?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _checked_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("a name has lower-case letters, digits and underscores, and begins with a letter")
    return text


def _checked_relation(text: str) -> str:
    if text.count(".") != 1 or not all(_NAME.fullmatch(part) for part in text.split(".")):
        raise ValueError("a relation is written schema.table")
    return text


def _checked_bound(value: object) -> object:
    if isinstance(value, str) and _GRAFANA_TIME.fullmatch(value) is None:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, str) or type(value) is date:
        return value
    raise ValueError("a bound is a day such as 2022-02-01, or relative to now such as now, now-28d or now-1w/w")


def _checked_number(value: object) -> object:
    # YAML reads yes and no as truth values, which pydantic would take for 1 and 0; and quoted numbers as text.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is needed")
    return value


Name = Annotated[str, AfterValidator(_checked_name)]
Relation = Annotated[str, AfterValidator(_checked_relation)]
Bound = Annotated[date | str, BeforeValidator(_checked_bound)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DriftRule(_Strict):
    """A drift method with its threshold: a distance drifts at or above it, a p-value below it."""

    method: str
    threshold: Annotated[float, BeforeValidator(_checked_number), Field(gt=0, allow_inf_nan=False)]


class Column(_Strict):
    """A monitored column; `drift` takes the place of the default rule of its type."""

    name: Name
    type: ColumnType
    drift: DriftRule | None = None


class MonitoredColumn(_Strict):
    """A column with the drift rule that holds for it, and the decimals that its profiles keep; None: all."""

    name: Name
    type: ColumnType
    drift: DriftRule
    decimals: int | None = None


class DriftDefaults(_Strict):
    """The rule for columns that name none of their own."""

    numerical: DriftRule
    categorical: DriftRule


class Windows(_Strict):
    """The contracted relations that windows and labels are read from, and the least size of a window."""

    windows: Relation
    rows: Relation
    rejections: Relation
    profiles: Relation
    trips: Relation
    rejected_trips: Relation
    events: Relation
    min_values: Annotated[int, BeforeValidator(_checked_number), Field(ge=1)]


Segmentation = Annotated[tuple[Name, ...], Field(min_length=1, max_length=2)]


class Segments(_Strict):
    """What rows are compared by: single columns or pairs, and the least rows of a segment that gets figures."""

    min_rows: Annotated[int, Field(ge=2)] = 100
    by: tuple[Segmentation, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a segmentation names, once."""
        return tuple(dict.fromkeys(name for columns in self.by for name in columns))


Decimals = Annotated[StrictInt, Field(ge=0, le=12)]


class Profiles(_Strict):
    """How many decimals profiles keep of a numerical column; of one that is not named, all."""

    decimals: dict[Name, Decimals] = {}


class Truth(_Strict):
    """How what labels say is judged."""

    concept_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01


Task = Literal["regression", "binary"]
Value = StrictStr | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


class Period(_Strict):
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


class Model(_Strict):
    """A monitored model: where its predictions come from and which columns it has.

    `recipe` names how it is trained here; `predictions: loaded` stands in its place where predictions are made
    elsewhere, with the days of theirs that are the `reference`. `task` says what it predicts: a number, or the
    probability that the target is 1. `only` keeps the model to the rows that have these values.
    """

    recipe: Name | None = None
    predictions: Literal["loaded"] | None = None
    reference: Period | None = None
    task: Task = "regression"
    target: Name
    only: dict[Name, Value] = {}
    features: Annotated[tuple[Column, ...], Field(min_length=1)]
    prediction: ColumnType = "numerical"
    prediction_drift: DriftRule | None = None
    prediction_decimals: Decimals | None = None

    @model_validator(mode="after")
    def _one_source_of_predictions(self) -> Model:
        if (self.recipe is None) == (self.predictions is None):
            found = "neither" if self.recipe is None else "both"
            raise ValueError(f"a model has a recipe, or predictions: loaded; {found} was found")
        if self.is_loaded != (self.reference is not None):
            raise ValueError(
                "predictions: loaded needs the days that are its reference, such as reference: {from: 2022-01-01, to: "
                "2022-01-31}"
                if self.is_loaded
                else "reference belongs to predictions: loaded; the reference of a recipe is what it holds out"
            )
        if self.is_loaded and self.only:
            raise ValueError("only belongs to a recipe; loaded predictions are of the trips that their files name")
        if self.task == "binary" and self.prediction != "numerical":
            raise ValueError("the prediction of a binary model is a probability: prediction must be numerical")
        return self

    @property
    def is_loaded(self) -> bool:
        """Whether its predictions are made elsewhere and loaded."""
        return self.predictions == "loaded"

    @property
    def is_about_part(self) -> bool:
        """Whether it scores a part of the accepted trips, by `only` or because its predictions are loaded."""
        return self.is_loaded or bool(self.only)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.features)


LabelSource = Literal["trips", "feed"]
LabelDays = Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ValidRange(_Strict):
    """The labels that are believed, bounds included; without a bound there is none on that side."""

    min: Finite | None = None
    max: Finite | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ValidRange:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} lies above max {self.max:g}")
        return self

    @property
    def least(self) -> float:
        return -math.inf if self.min is None else self.min

    @property
    def most(self) -> float:
        return math.inf if self.max is None else self.max


class Labels(_Strict):
    """Where the labels of a target come from.

    `trips`: the target is a column of the trips' own rows; it counts as known `delay_days` +- `jitter_days` after the
    time in the column `ends_at`. `feed`: labels come in files only; with `ends_at` none is believed that was observed
    before that time.
    """

    source: LabelSource
    delay_days: LabelDays = 3.0
    jitter_days: LabelDays = 0.0
    ends_at: Name | None = None
    valid: ValidRange = ValidRange()

    @model_validator(mode="after")
    def _fits_its_source(self) -> Labels:
        if self.source == "trips" and self.ends_at is None:
            raise ValueError("source trips needs ends_at, the column with the trip's end")
        if self.source == "feed" and {"delay_days", "jitter_days"} & self.model_fields_set:
            raise ValueError("delay_days and jitter_days belong to source trips: a feed says itself when each came")
        return self


Level = Annotated[float, BeforeValidator(_checked_number), Field(gt=0, allow_inf_nan=False)]
Days = Annotated[int, BeforeValidator(_checked_number), Field(ge=1, le=366)]


class Levels(_Strict):
    """From which value on a warning is due, and from which on somebody should act now; no warning: only the latter."""

    warning: Level | None = None
    critical: Level

    @model_validator(mode="after")
    def _in_order(self) -> Levels:
        if self.warning is not None and self.warning > self.critical:
            raise ValueError(f"warning {self.warning:g} lies above critical {self.critical:g}; it must not")
        return self


class DailyRule(Levels):
    """A rule about days: levels, and how long until an alert opens and until it is resolved."""

    pending_days: Days
    clear_days: Days


class ModelRule(DailyRule):
    """A rule about a model's days; `models` has levels that hold for a model in place of the rule's own."""

    models: dict[Name, Levels] = {}


class ScoreRule(ModelRule):
    """A rule about Evidently's raw scores; without `opens_alerts` its levels are colours of the dashboards alone."""

    opens_alerts: StrictBool = True


class DriftedColumnsRule(ScoreRule):
    """`excess` is how many times its threshold a drift score must be for the column to count."""

    excess: Annotated[float, BeforeValidator(_checked_number), Field(ge=1, allow_inf_nan=False)]


class LabelRule(ModelRule):
    """A rule about what labels say; `coverage` is the share of a day's predictions that must have one."""

    coverage: Annotated[float, Field(gt=0, le=1)]


class ColumnRule(DailyRule):
    """A rule about a column's days; `columns` has levels that hold for a column in place of the rule's own."""

    columns: dict[Name, Levels] = {}


class Alerts(_Strict):
    """The rules by name; all of them are needed."""

    incident: Levels
    prediction_drift: ScoreRule
    drifted_columns: DriftedColumnsRule
    missing_share: ColumnRule
    rejected_share: DailyRule
    volume: DailyRule
    performance: LabelRule
    concept_drift: LabelRule
    stale_data: Levels
    failed_run: Levels


Granularity = Literal["day", "week", "month", "trailing_7", "trailing_28"]
ReferenceName = Literal["training", "previous", "same_weekdays", "last_year"]
Comparisons = dict[Granularity, tuple[ReferenceName, ...]]
Family = Literal["columns", "performance", "segments", "quality"]
FamilyBudgets = dict[Family, Annotated[float, BeforeValidator(_checked_number), Field(ge=7, le=3650)]]


DEFAULT_BUDGETS: FamilyBudgets = {"columns": 30.0, "performance": 90.0, "segments": 90.0, "quality": 90.0}


class Calibration(_Strict):
    """How days are judged against the days before them.

    `reference_days` is how far back they go, `false_alarm_days` in how many days one false alarm is accepted, for each
    family of figures, `clear_days` the quiet days that end an incident.
    """

    reference_days: Annotated[int, BeforeValidator(_checked_number), Field(ge=10, le=366)] = 56
    clear_days: Days = 3
    false_alarm_days: FamilyBudgets = DEFAULT_BUDGETS

    @field_validator("false_alarm_days")
    @classmethod
    def _of_every_family(cls, budgets: FamilyBudgets) -> FamilyBudgets:
        return DEFAULT_BUDGETS | budgets


class Dashboards(_Strict):
    """The time range that dashboards about days open with: days, the last one included, or Grafana's own words."""

    from_: Annotated[Bound, Field(alias="from")]
    to: Bound

    @model_validator(mode="after")
    def _in_order(self) -> Dashboards:
        if isinstance(self.from_, date) and isinstance(self.to, date) and self.from_ > self.to:
            raise ValueError(f"from {self.from_} lies after to {self.to}")
        return self


class Monitoring(_Strict):
    """The whole file."""

    windows: Windows
    drift: DriftDefaults
    segments: Segments = Segments()
    profiles: Profiles = Profiles()
    truth: Truth = Truth()
    # Which references each window is compared with, beside a day with the training reference.
    comparisons: Comparisons = {}
    calibration: Calibration = Calibration()
    alerts: Alerts
    dashboards: Dashboards
    # A target without an entry has no labels.
    labels: dict[Name, Labels] = {}
    models: Annotated[dict[Name, Model], Field(min_length=1)]

    def columns(self, spec: str) -> tuple[MonitoredColumn, ...]:
        """A model's features and its prediction, each with the rules that hold for it."""
        model = self.models[spec]
        prediction = Column(name=PREDICTION, type=model.prediction, drift=model.prediction_drift)
        decimals = {**self.profiles.decimals, PREDICTION: model.prediction_decimals}
        return tuple(
            MonitoredColumn(
                name=column.name,
                type=column.type,
                drift=column.drift or self.default_rule(column.type),
                decimals=decimals.get(column.name) if column.type == "numerical" else None,
            )
            for column in (*model.features, prediction)
        )

    def without_labels(self) -> list[str]:
        """A sentence for each model whose target has no entry under labels, so that it is never judged."""
        return [
            f"{spec} is never judged: its target {model.target} has no entry under labels in monitoring.yml, so no "
            "labels come (docs/labels.md)"
            for spec, model in self.models.items()
            if model.target not in self.labels
        ]

    def default_rule(self, column_type: ColumnType) -> DriftRule:
        """The rule for columns of that type that name none of their own."""
        return self.drift.numerical if column_type == "numerical" else self.drift.categorical


def load_monitoring(path: Path | None = None) -> Monitoring:
    """Read and check the file; without a path the one in use.

    Raises:
        ConfigurationError: it is missing, no YAML, or holds something that is not valid.
    """
    path = path or monitoring_file()
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist: it says what is monitored") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} is no valid YAML: {' '.join(str(error).split())}") from error
    try:
        monitoring = Monitoring.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        found = repr(first["input"])[:80]
        raise ConfigurationError(
            f"{path.name}, {place}: {first['msg']} (found {found}); {error.error_count()} in all"
        ) from error
    _check_rules(monitoring, path.name)
    return monitoring


def _check_rules(monitoring: Monitoring, file: str) -> None:
    _check_overrides(monitoring, file)
    _check_comparisons(monitoring, file)
    _check_reach(monitoring.alerts, file)
    for segmentation in monitoring.segments.by:
        if monitoring.segments.by.count(segmentation) > 1 or len(set(segmentation)) < len(segmentation):
            raise ConfigurationError(f"{file}, segments.by: {', '.join(segmentation)} stands there twice; name it once")
    numerical = {
        feature.name
        for model in monitoring.models.values()
        for feature in model.features
        if feature.type == "numerical"
    }
    for unknown in sorted(set(monitoring.profiles.decimals) - numerical):
        raise ConfigurationError(
            f"{file}, profiles.decimals: no model has a numerical feature {unknown}; there are "
            f"{', '.join(sorted(numerical))}"
        )
    targets = {model.target for model in monitoring.models.values()}
    for unknown in sorted(set(monitoring.labels) - targets):
        raise ConfigurationError(
            f"{file}, labels: no model has the target {unknown}; the models' targets are {', '.join(sorted(targets))}"
        )
    for spec in monitoring.models:
        columns = monitoring.columns(spec)
        names = [column.name for column in columns]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"{file}, models.{spec}: the column {name} stands there twice; name it once")
        for column in columns:
            if column.type not in METHODS.get(column.drift.method, ()):
                valid = ", ".join(name for name, types in METHODS.items() if column.type in types)
                raise ConfigurationError(
                    f"{file}, models.{spec}: the drift method '{column.drift.method}' cannot score the "
                    f"{column.type} column {column.name}: use one of {valid}"
                )


def _check_comparisons(monitoring: Monitoring, file: str) -> None:
    for granularity, names in monitoring.comparisons.items():
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"{file}, comparisons.{granularity}: {name} stands there twice; name it once")
    if "training" in monitoring.comparisons.get("day", ()):
        raise ConfigurationError(
            f"{file}, comparisons.day: a day is compared with the training reference in any case; leave training out"
        )


def _check_reach(alerts: Alerts, file: str) -> None:
    """A level that no value reaches, or that every value does, is a mistake."""
    shares: dict[str, Levels] = {
        "alerts.missing_share": alerts.missing_share,
        "alerts.rejected_share": alerts.rejected_share,
    }
    shares |= {f"alerts.missing_share.columns.{name}": own for name, own in alerts.missing_share.columns.items()}
    for place, rule in shares.items():
        for name, level in (("warning", rule.warning), ("critical", rule.critical)):
            if level is not None and level > 1:
                raise ConfigurationError(
                    f"{file}, {place}.{name}: {level:g} is no share, which is at most 1: 25 % is written 0.25"
                )
    for name, level in (("warning", alerts.volume.warning), ("critical", alerts.volume.critical)):
        if level is not None and level <= 1:
            raise ConfigurationError(
                f"{file}, alerts.volume.{name}: {level:g} is reached every day; it says how many times more or fewer "
                "trips than usual, and lies above 1"
            )


def _check_overrides(monitoring: Monitoring, file: str) -> None:
    columns = {column.name for spec in monitoring.models for column in monitoring.columns(spec)}
    for name, rule in monitoring.alerts:
        for kind, named, known in (
            ("models", getattr(rule, "models", {}), set(monitoring.models)),
            ("columns", getattr(rule, "columns", {}), columns),
        ):
            for unknown in sorted(set(named) - known):
                raise ConfigurationError(
                    f"{file}, alerts.{name}.{kind}: there is no {unknown}; there are {', '.join(sorted(known))}"
                )
