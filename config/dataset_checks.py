"""What only the whole of a dataset's file shows to be wrong: columns in a role that are not there or of another type.

Every error names the place in the file, what stands there and what is valid. Called by config.dataset_file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date

from config.config_values import nearest
from config.dataset_models import CALENDAR, ColumnWindow, Reference, RowWindow, Task, Window
from config.datasets import ColumnKind, Dataset
from core.errors import ConfigurationError

# Columns of every raw table, which are the warehouse's own.
OWN_COLUMNS = (
    "event_id",
    "source_month",
    "source_row",
    "window_date",
    "delivery_id",
    "delivery_row",
    "load_id",
    "loaded_at",
)
# Beside them: a column of predictions, and those that Postgres has in every table.
RESERVED = (*OWN_COLUMNS, "event_at", "rule", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax")
_GROUPED: tuple[ColumnKind, ...] = ("categorical", "boolean")
# What a prediction's decision and its label are, by task.
ANSWERS: dict[Task, tuple[ColumnKind, ...]] = {
    "regression": ("numerical",),
    "binary": ("boolean",),
    "multiclass": ("categorical", "boolean"),
}


def check_dataset(dataset: Dataset, file: str) -> None:
    """Hold the parts of a dataset against each other.

    Raises:
        ConfigurationError: the first of what contradicts.
    """
    _check_names(dataset, file)
    for place, name in _named_columns(dataset):
        if name not in dataset.column_names:
            raise ConfigurationError(
                f"{file}, {place}: '{name}' is no column of this dataset{nearest(name, dataset.column_names)}; or add "
                "it under columns"
            )
    for place, name, valid in _typed_roles(dataset):
        kind = dataset.kind(name)
        if kind is not None and kind not in valid:
            raise ConfigurationError(
                f"{file}, {place}: the column {name} is {kind}, {' or '.join(valid)} is needed: correct its type "
                "under columns, or name another"
            )
    for name in dataset.models:
        _check_model(dataset, name, f"{file}, models.{name}")
    if dataset.reference is not None:
        _check_reference(dataset, dataset.reference, f"{file}, reference")


# What scored rows say of a model: a column of that name may hold it, but can be no feature beside it.
OF_MODELS = ("model_version", "prediction", "decision")


def _check_names(dataset: Dataset, file: str) -> None:
    for name in RESERVED:
        if name in dataset.column_names:
            raise ConfigurationError(
                f"{file}, columns: {name} is a column of the warehouse's own: call yours otherwise, such as "
                f"own_{name}: {{type: ignored, source_name: {name}}}"
            )
    for name in {name for spec in (*dataset.models, "") for name in dataset.features(spec)} & set(OF_MODELS):
        raise ConfigurationError(
            f"{file}, columns: {name} is what the warehouse calls a model's own: if it is one, say so under models; "
            f"else call yours otherwise, such as own_{name}: {{type: ..., source_name: {name}}}, or make it ignored"
        )
    _once(dataset.event.key, f"{file}, event.key")
    _once([rule.name for rule in dataset.reject], f"{file}, reject")
    _once([spec.source_name for spec in dataset.columns.values() if spec.source_name], f"{file}, columns")
    for segmentation in dataset.segments:
        _once(segmentation, f"{file}, segments")
    _once([", ".join(segmentation) for segmentation in dataset.segments], f"{file}, segments")
    for name in dataset.derive:
        if name in dataset.columns:
            raise ConfigurationError(
                f"{file}, derive: there is a column {name} already: call the derived one otherwise"
            )


def _once(names: Collection[str], place: str) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise ConfigurationError(f"{place}: {name} stands there twice; name it once")


def _named_columns(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Each place that names a column, with the name."""
    if dataset.event.timestamp is not None:
        yield "event.timestamp", dataset.event.timestamp
    yield from (("event.key", name) for name in dataset.event.key)
    yield from _window_columns("windows", [dataset.windows])
    for segmentation in dataset.segments:
        yield from (("segments", name) for name in segmentation)
    for spec, model in dataset.models.items():
        place = f"models.{spec}"
        yield from ((f"{place}.predictions", name) for name in model.predictions.columns)
        if model.label is not None:
            yield from ((f"{place}.label", name) for name in model.label.columns)
        yield from ((f"{place}.features", name) for name in model.features or ())
        yield from _window_columns(f"{place}.performance_windows", model.performance_windows)


def _window_columns(place: str, windows: Iterable[Window]) -> Iterator[tuple[str, str]]:
    return ((place, window.column) for window in windows if isinstance(window, ColumnWindow))


def _typed_roles(dataset: Dataset) -> Iterator[tuple[str, str, tuple[ColumnKind, ...]]]:
    """Each place that names a column, with the name and the types that are valid for it."""
    if dataset.event.timestamp is not None:
        yield "event.timestamp", dataset.event.timestamp, ("datetime",)
    for segmentation in dataset.segments:
        yield from (("segments", name, _GROUPED) for name in segmentation)
    for spec, model in dataset.models.items():
        place, predictions = f"models.{spec}", model.predictions
        figures = (predictions.column, *(predictions.probabilities or {}).values())
        yield from ((f"{place}.predictions", name, ("numerical",)) for name in figures if name is not None)
        if predictions.decision is not None:
            yield f"{place}.predictions.decision", predictions.decision, ANSWERS[model.task]
        if model.label is not None and model.label.column is not None:
            yield f"{place}.label.column", model.label.column, ANSWERS[model.task]
        if model.label is not None:
            times = {"known_at": model.label.known_at, "after": model.label.after}
            yield from ((f"{place}.label.{key}", name, ("datetime",)) for key, name in times.items() if name)


def _check_model(dataset: Dataset, name: str, place: str) -> None:
    model = dataset.models[name]
    _once(model.features or (), f"{place}.features")
    for column in model.features or ():
        if column in model.role_columns or dataset.kind(column) == "ignored":
            found = "predicted or the label" if column in model.role_columns else "ignored"
            raise ConfigurationError(f"{place}.features: {column} is {found}, and no feature: leave it out")
    if model.reference is not None:
        _check_reference(dataset, model.reference, f"{place}.reference")
    for window in model.performance_windows:
        _check_performance_window(dataset, window, f"{place}.performance_windows")


def _check_reference(dataset: Dataset, reference: Reference, place: str) -> None:
    if reference.baseline:
        return
    by_days = dataset.windows in CALENDAR
    if by_days != isinstance(reference.from_, date):
        needed = "days" if by_days else "whole numbers"
        raise ConfigurationError(
            f"{place}: from {reference.from_} to {reference.to} was found, windows are {dataset.windows}: two {needed} "
            "are needed"
        )


def _check_performance_window(dataset: Dataset, window: Window, place: str) -> None:
    own = dataset.windows
    if isinstance(window, RowWindow) and isinstance(own, RowWindow) and window.rows < own.rows:
        raise ConfigurationError(f"{place}: {window} is finer than the dataset's windows ({own}): use a coarser one")
    if window not in CALENDAR:
        return
    if dataset.event.timestamp is None:
        raise ConfigurationError(f"{place}: {window} needs event.timestamp: use {{rows: 5000}}, or name one")
    if dataset.windows in CALENDAR and CALENDAR.index(str(window)) < CALENDAR.index(str(dataset.windows)):
        raise ConfigurationError(
            f"{place}: {window} is finer than the dataset's windows ({dataset.windows}): use a coarser one"
        )
