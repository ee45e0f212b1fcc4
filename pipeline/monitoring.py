"""What is monitored: `monitoring.yml`, read and checked.

Gives frozen values; every error names the place in the file, what stands there and what is valid.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import ConfigurationError
from pipeline.settings import MONITORING_FILE

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
    """A column with the drift rule that holds for it."""

    name: Name
    type: ColumnType
    drift: DriftRule


class DriftDefaults(_Strict):
    """The rule for columns that name none of their own."""

    numerical: DriftRule
    categorical: DriftRule


class Windows(_Strict):
    """The contracted relations that windows are read from, and the least size of a window."""

    windows: Relation
    rows: Relation
    rejections: Relation
    min_values: Annotated[int, BeforeValidator(_checked_number), Field(ge=1)]


class Model(_Strict):
    """A monitored model: how it is trained and which columns it has."""

    recipe: Name
    target: Name
    features: Annotated[tuple[Column, ...], Field(min_length=1)]
    prediction: ColumnType = "numerical"
    prediction_drift: DriftRule | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.features)


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


class DriftedColumnsRule(ModelRule):
    """`excess` is how many times its threshold a drift score must be for the column to count."""

    excess: Annotated[float, BeforeValidator(_checked_number), Field(ge=1, allow_inf_nan=False)]


class ColumnRule(DailyRule):
    """A rule about a column's days; `columns` has levels that hold for a column in place of the rule's own."""

    columns: dict[Name, Levels] = {}


class Alerts(_Strict):
    """The rules by name; all of them are needed."""

    prediction_drift: ModelRule
    drifted_columns: DriftedColumnsRule
    missing_share: ColumnRule
    rejected_share: DailyRule
    volume: DailyRule
    stale_data: Levels
    failed_run: Levels


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
    alerts: Alerts
    dashboards: Dashboards
    models: Annotated[dict[Name, Model], Field(min_length=1)]

    def columns(self, spec: str) -> tuple[MonitoredColumn, ...]:
        """A model's features and its prediction, each with the drift rule that holds for it."""
        model = self.models[spec]
        prediction = Column(name=PREDICTION, type=model.prediction, drift=model.prediction_drift)
        return tuple(
            MonitoredColumn(name=column.name, type=column.type, drift=column.drift or self.default_rule(column.type))
            for column in (*model.features, prediction)
        )

    def default_rule(self, column_type: ColumnType) -> DriftRule:
        """The rule for columns of that type that name none of their own."""
        return self.drift.numerical if column_type == "numerical" else self.drift.categorical


def load_monitoring(path: Path = MONITORING_FILE) -> Monitoring:
    """Read and check the file.

    Raises:
        ConfigurationError: it is missing, no YAML, or holds something that is not valid.
    """
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
    _check_reach(monitoring.alerts, file)
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
