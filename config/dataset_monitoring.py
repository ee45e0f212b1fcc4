"""What is monitored of one dataset: its file, with the rules that hold for all, as a `Monitoring`.

Columns become features, or what describes them; a reference becomes days, also where windows are numbers of rows.
Called by config.monitored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from config.alert_levels import Alerts
from config.dataset_checks import OF_MODELS
from config.dataset_models import ColumnWindow, Reference, RowWindow
from config.dataset_models import Model as DatasetModel
from config.datasets import ColumnKind, Dataset
from config.described import EVENT_TIME, descriptions
from config.drift_methods import ColumnType
from config.hours import FIRST_DAY, HourClock
from config.label_rules import Labels, ValidRange
from config.monitoring import (
    PREDICTION,
    Baseline,
    Column,
    KeyColumn,
    KeyKind,
    Model,
    Monitoring,
    PerformanceWindow,
    Period,
    Profiles,
    RowPredictions,
    Segments,
    Windows,
    Words,
)
from config.rules import Rules
from core.errors import ConfigurationError

_KEY_KINDS: dict[ColumnKind | None, KeyKind] = {
    "numerical": "number",
    "datetime": "time",
    "boolean": "boolean",
    "categorical": "category",
}
_TYPES: dict[ColumnKind | None, ColumnType] = {
    "numerical": "numerical",
    "categorical": "categorical",
    "boolean": "categorical",
}


class HourWindows(Windows):
    """Windows that are hours, for which days of a calendar of their own stand."""

    @property
    def hours(self) -> HourClock:
        return HourClock(self.timezone)


def monitoring_of(name: str, dataset: Dataset, rules: Rules) -> Monitoring:
    """What is monitored of a dataset, with the rules that hold for all.

    Raises:
        ConfigurationError: its file asks for something that cannot be done yet.
    """
    models = {spec: _model(name, dataset, spec, model) for spec, model in dataset.models.items()}
    if not models:
        models = {name: _data_alone(name, dataset)}
    labels: dict[str, Labels] = {}
    for spec, model in dataset.models.items():
        if model.label is None:
            continue
        of_model, target = _labels(dataset, model), _target(dataset, spec, model)
        if labels.setdefault(target, of_model) != of_model:
            raise ConfigurationError(
                f"{name}.yml, models.{spec}.label: another model says otherwise of {target}: say the same of it"
            )
    kept = {column: spec for column, spec in dataset.columns.items() if spec.type == "numerical"}
    return Monitoring(
        dataset=name,
        words=Words(one=dataset.words.one, many=dataset.words.many),
        key=_key(dataset),
        windows=_windows(name, dataset, rules.min_values),
        drift=rules.drift,
        segments=Segments(min_rows=rules.min_rows, by=dataset.segments),
        profiles=Profiles(
            decimals={column: spec.decimals for column, spec in kept.items() if isinstance(spec.decimals, int)},
            digits={column: spec.kept_digits for column, spec in kept.items() if spec.kept_digits is not None},
        ),
        evaluation=rules.evaluation,
        # Of hours there are none: what is usual of one is told by the same hour of the days before.
        comparisons={} if dataset.windows == "hour" else rules.comparisons,
        calibration=rules.calibration,
        alerts=_alerts(rules.alerts, models),
        dashboards=rules.dashboards,
        labels=labels,
        models=models,
    )


def _key(dataset: Dataset) -> tuple[KeyColumn, ...]:
    return tuple(
        KeyColumn(
            name=name,
            kind=_KEY_KINDS.get(dataset.kind(name), "text"),
            source_name=dataset.columns[name].source_name if name in dataset.columns else None,
        )
        for name in dataset.event.key
    )


def _windows(name: str, dataset: Dataset, min_values: int) -> Windows:
    def relation(part: str) -> str:
        return f"intermediate.{name}_{part}"

    of_kind = HourWindows if dataset.windows == "hour" else Windows
    return of_kind(
        timezone=dataset.event.timezone,
        time=_time(dataset),
        are_by_time=not isinstance(dataset.windows, RowWindow | ColumnWindow),
        windows=relation("windows"),
        rows=relation("scored"),
        rejections=relation("rejections"),
        profiles=relation("profiles"),
        accepted=relation("accepted"),
        rejected=relation("rejected"),
        events=relation("events"),
        min_values=min_values,
    )


def _time(dataset: Dataset) -> str:
    """The column of the accepted rows with their time: the worked example's are made by SQL of its own."""
    return EVENT_TIME if dataset.source.tlc is None else str(dataset.event.timestamp)


def _alerts(alerts: Alerts, models: Mapping[str, Model]) -> Alerts:
    """The rules without the levels of models and columns of other datasets."""
    own = {
        "models": set(models),
        "columns": {PREDICTION, *(column.name for model in models.values() for column in model.features)},
    }
    changes = {
        name: rule.model_copy(
            update={
                kind: {key: levels for key, levels in getattr(rule, kind).items() if key in names}
                for kind, names in own.items()
                if hasattr(rule, kind)
            }
        )
        for name, rule in alerts
    }
    return alerts.model_copy(update=changes)


def _model(name: str, dataset: Dataset, spec: str, model: DatasetModel) -> Model:
    place = f"{name}.yml, models.{spec}"
    if model.task == "multiclass":
        return _classes(place, dataset, spec, model)
    predictions = model.predictions
    if predictions.recipe is not None and dataset.source.tlc is None:
        raise ConfigurationError(f"{place}: recipes train the worked example's models only; use a column, or loaded")
    column = predictions.column
    kept = dataset.columns.get(column) if column else None
    return Model(
        recipe=predictions.recipe,
        predictions=predictions.loaded and "loaded",
        in_rows=None
        if column is None
        else RowPredictions(
            column=column,
            decision=predictions.decision,
            version=predictions.version,
            cut_by=_cut_by(dataset),
        ),
        reference=_period(dataset, model.reference),
        baseline=_baseline(f"{place}.reference", dataset, model.reference),
        task=model.task,
        threshold=predictions.threshold,
        target=_target(dataset, spec, model),
        only=predictions.only,
        features=_features(place, dataset, spec),
        prediction_drift=predictions.drift or (kept.drift if kept else None),
        prediction_decimals=predictions.decimals
        if kept is None
        else kept.decimals
        if isinstance(kept.decimals, int)
        else None,
        prediction_digits=kept.kept_digits if kept else None,
        performance_windows=_performance_windows(place, dataset, model),
    )


def _classes(place: str, dataset: Dataset, spec: str, model: DatasetModel) -> Model:
    """A multiclass model: its decision and its probabilities are monitored as columns, too."""
    if not model.predictions.columns:
        raise ConfigurationError(
            f"{place}.predictions: those of several classes are columns of the rows: write {{decision: chosen_class}}, "
            "{probabilities: {red: p_red, blue: p_blue}}, or both"
        )
    said = [Column(name=name, type="numerical") for name in (model.predictions.probabilities or {}).values()]
    if model.predictions.decision in OF_MODELS:
        raise ConfigurationError(
            f"{place}.predictions.decision: the class of a multiclass model is monitored as a column, which cannot be "
            f"called {model.predictions.decision}: call it otherwise, such as predicted_class: {{type: categorical, "
            f"source_name: {model.predictions.decision}}}"
        )
    decision = [Column(name=model.predictions.decision, type="categorical")] if model.predictions.decision else []
    return Model(
        in_rows=RowPredictions(
            column=None,
            decision=model.predictions.decision,
            version=model.predictions.version,
            cut_by=_cut_by(dataset),
            probabilities=model.predictions.probabilities,
        ),
        reference=_period(dataset, model.reference),
        baseline=_baseline(f"{place}.reference", dataset, model.reference),
        task=model.task,
        target=_target(dataset, spec, model),
        features=(*_features(place, dataset, spec), *decision, *said),
        performance_windows=_performance_windows(place, dataset, model),
    )


def _cut_by(dataset: Dataset) -> str:
    return f"{dataset.windows} by the clock of {dataset.event.timezone}"


def _data_alone(name: str, dataset: Dataset) -> Model:
    """What stands for a model where there is none."""
    place = f"{name}.yml, reference"
    if dataset.reference is None:
        raise ConfigurationError(
            f"{place}: without models the data alone are monitored, and need days to be compared with: write "
            "reference: {from: 2018-01-01, to: 2018-10-29}"
        )
    return Model(
        in_rows=RowPredictions(column=None, cut_by=_cut_by(dataset)),
        reference=_period(dataset, dataset.reference),
        baseline=_baseline(place, dataset, dataset.reference),
        target=f"{name}_label",
        features=_features(f"{name}.yml, columns", dataset),
    )


def _features(place: str, dataset: Dataset, spec: str = "") -> tuple[Column, ...]:
    """What is monitored of the columns that a model reads: themselves, or what describes them."""
    described = descriptions(dataset)
    columns: list[Column] = []
    for name in dataset.features(spec):
        kind = dataset.kind(name)
        if name in described:
            columns += [Column.model_validate({"name": each.name, "type": each.type}) for each in described[name]]
        elif kind is None:
            raise ConfigurationError(
                f"{place}: the derived column {name} has no type: write {name}: {{sql: ..., type: ...}}"
            )
        elif kind in _TYPES:
            own = dataset.columns[name].drift if name in dataset.columns else None
            columns.append(Column(name=name, type=_TYPES[kind], drift=own))
    if not columns:
        raise ConfigurationError(f"{place}: no column is left that can be monitored: name one that is not ignored")
    return tuple(columns)


def _period(dataset: Dataset, reference: Reference | None) -> Period | None:
    """The days of a reference that is a span; where windows have no time, those that stand for them."""
    if reference is None or reference.baseline:
        return None
    first, last = reference.from_, reference.to
    if isinstance(first, int) and isinstance(last, int):
        if isinstance(dataset.windows, RowWindow):
            rows = dataset.windows.rows
            first, last = (FIRST_DAY + timedelta(days=(row - 1) // rows) for row in (first, last))
        elif isinstance(dataset.windows, ColumnWindow):
            first, last = date(first, 1, 1), date(last, 12, 31)
    return Period.model_validate({"from": first, "to": last})


def _performance_windows(place: str, dataset: Dataset, model: DatasetModel) -> tuple[PerformanceWindow, ...]:
    """Those that are not the dataset's own, which every model is evaluated over, each once."""
    windows: dict[PerformanceWindow, None] = {}
    for window in model.performance_windows:
        if window == dataset.windows:
            continue
        if isinstance(window, ColumnWindow) or window == "hour":
            raise ConfigurationError(
                f"{place}.performance_windows: {window} is only for a dataset whose windows are that: use day, week, "
                "month or {rows: 5000}"
            )
        windows[window.rows if isinstance(window, RowWindow) else window] = None
    return tuple(windows)


def _baseline(place: str, dataset: Dataset, reference: Reference | None) -> Baseline | None:
    if reference is None or not reference.baseline:
        return None
    if dataset.source.tlc:
        raise ConfigurationError(f"{place}: the worked example's rows have SQL of their own: name days, {{from, to}}")
    return Baseline(names=reference.baseline, place=f"datasets/{place}")


def _target(dataset: Dataset, spec: str, model: DatasetModel) -> str:
    """The column that holds the label; where the rows have none, the model's name, as far as no column is called so."""
    if model.label is not None and model.label.column is not None:
        return model.label.column
    return f"{spec}_label" if spec in dataset.column_names else spec


def _labels(dataset: Dataset, model: DatasetModel) -> Labels:
    label, time = model.label, _time(dataset)
    valid = {"binary": ValidRange(min=0, max=1), "multiclass": ValidRange(min=0)}.get(model.task, ValidRange())
    if label is None:
        return Labels(source="feed", ends_at=time, valid=valid)
    valid, after = label.valid or valid, label.after or time
    if label.feed:
        return Labels(source="feed", ends_at=after, valid=valid)
    return Labels(
        source="rows",
        delay_days=label.delay_days or 0.0,
        jitter_days=label.jitter_days,
        ends_at=label.known_at or after,
        # The worked example's rows come with their labels.
        may_come_later=dataset.source.tlc is None,
        valid=valid,
    )
