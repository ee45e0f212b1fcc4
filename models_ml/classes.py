"""The classes of a target, each with the number that stands for it in ml.labels: rows of ml.classes.

What a dataset's file says of its models goes in, or what the reference's days show where it names no class. A class
keeps its number for good. Called by models_ml.labels, label_feed and load, and by the steps `score` and `labels`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from config.monitoring import Model, Monitoring, Period, Windows
from core.files.columns import shortened
from core.levels import levels
from warehouse import database
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("classes.sql"))


def is_of_classes(monitoring: Monitoring, target: str) -> bool:
    """Whether labels of the target are classes."""
    return any(model.target == target and model.task == "multiclass" for model in monitoring.models.values())


def classes_of(connection: database.Connection, monitoring: Monitoring, target: str) -> list[str]:
    """The classes of a target by their numbers; none where they are not known yet, or labels are no classes."""
    rows: list[Any] = connection.execute(_QUERIES["classes"], _of(monitoring, target)).fetchall()
    return [name for (name,) in rows]


def keep_classes(connection: database.Connection, monitoring: Monitoring, spec: str) -> None:
    """Give a number to each class of a model that has none yet.

    Its classes are those that it gives a probability to; of a model without probabilities those that it decided for, or
    that came true, on the days of its reference, or in its baseline (`with_numbers`).
    """
    model = monitoring.models[spec]
    if model.task != "multiclass" or model.in_rows is None:
        return
    classes = set(model.in_rows.probabilities or ())
    if not classes and model.reference is not None:
        classes = _shown(connection, monitoring.windows, (model.in_rows.decision, model.target), model.reference)
    _keep(connection, monitoring, model.target, classes)


def _shown(connection: database.Connection, windows: Windows, columns: Sequence[str | None], days: Period) -> set[str]:
    """The classes in those of the columns that accepted rows have, on some days."""
    types, classes = columns_of(windows.accepted), set[str]()
    for column in (name for name in columns if name in types):
        query = sql.SQL(_QUERIES["shown"]).format(
            column=sql.Identifier(str(column)),
            accepted=database.relation(windows.accepted),
            time=sql.Identifier(windows.time if windows.are_by_time else "window_date"),
        )
        # A window that holds one of the days may begin up to a year before it.
        first, last = windows.span(days.from_ - timedelta(days=366), days.to)
        parameters = {"from": days.from_, "to": days.to, "first": first, "last": last}
        rows: list[Any] = connection.execute(query, parameters).fetchall()
        classes |= {name for (name,) in rows}
    return classes


def with_numbers(
    connection: database.Connection, monitoring: Monitoring, model: Model, rows: pd.DataFrame
) -> pd.DataFrame:
    """A reference's rows with the numbers of the classes that came true, where a model has classes.

    A baseline shows classes, too.
    """
    if model.task != "multiclass" or model.in_rows is None:
        return rows
    columns = [name for name in (model.in_rows.decision, model.target) if name in rows]
    said = {name: levels(rows[name]) for name in columns}
    if model.baseline is not None and model.in_rows.probabilities is None:
        _keep(connection, monitoring, model.target, {name for of in said.values() for name in of.dropna()})
    if model.target not in said:
        return rows
    numbers = {name: place for place, name in enumerate(classes_of(connection, monitoring, model.target))}
    return rows.assign(**{model.target: said[model.target].map(numbers).astype("float64")})


def _keep(connection: database.Connection, monitoring: Monitoring, target: str, classes: Collection[str]) -> None:
    connection.execute(_QUERIES["keep"], {**_of(monitoring, target), "classes": list(classes)})


def number(column: str) -> sql.Composable:
    """SQL of the number of a column's class, -1 of one that is not known; needs the parameter `classes`."""
    return sql.SQL(
        "(case when {column} is not null then "
        "coalesce(array_position(cast(%(classes)s as text[]), monitoring.level({column})) - 1, -1) end)"
    ).format(column=sql.Identifier(column))


def name_unknown(connection: database.Connection, monitoring: Monitoring, target: str, load: dict[str, object]) -> None:
    """Say of labels that a load of rows kept out that they are of no known class, and of which.

    Args:
        load: label_load_id, month and load_id of the rows.
    """
    query = sql.SQL(_QUERIES["name_unknown"]).format(
        target=sql.Identifier(target), trips=database.relation(monitoring.windows.accepted)
    )
    connection.execute(query, load)


def unknown_classes(monitoring: Monitoring, target: str, run_id: int) -> str:
    """A sentence on labels that a run has kept out because nothing is known of their class; '' where there are none."""
    with database.connect("classes", read_only=True) as connection:
        rows: list[Any] = connection.execute(
            _QUERIES["unknown"], {**_of(monitoring, target), "run_id": run_id}
        ).fetchall()
        known = classes_of(connection, monitoring, target)
    if not rows:
        return ""
    found = ", ".join(f"'{name}' ({count:,})" for name, count in rows[:5])
    return (
        f"{monitoring.dataset}.{target}: labels are of classes that the model does not know, and kept out: {found}"
        f"{f' and {len(rows) - 5} more' if len(rows) > 5 else ''}; it knows {shortened(known)}: give each class its "
        "column under probabilities, or correct the labels"
    )


def _of(monitoring: Monitoring, target: str) -> dict[str, object]:
    return {"dataset": monitoring.dataset, "target": target}
