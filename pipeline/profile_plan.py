"""What profiles are made of, as rows of monitoring.profiled_columns and monitoring.segmentations, where dbt reads it.

Called by the conductor before profiles are built.
"""

from __future__ import annotations

from pathlib import Path

from config.drift_methods import ColumnType
from config.monitoring import PREDICTION, Monitoring
from core.failpoints import failpoint
from warehouse import database
from warehouse.relations import columns_of

_QUERIES = database.queries(Path(__file__).with_name("profile_plan.sql"))
_Row = tuple[str, str, ColumnType, int | None]


def profiled_columns(monitoring: Monitoring) -> list[_Row]:
    """(model, column, type, decimals) of every profile that a day has; '' for the features of all accepted trips.

    Predictions are profiled by model. A model that sees a part of the trips has its features profiled of that part.
    """
    rows: dict[_Row, None] = {}
    for spec, model in monitoring.models.items():
        owner = spec if model.is_about_part else ""
        *features, prediction = monitoring.columns(spec)
        for feature in features:
            for of in dict.fromkeys(("", owner)):
                rows[of, feature.name, feature.type, feature.decimals] = None
        rows[spec, PREDICTION, prediction.type, prediction.decimals] = None
    return list(rows)


def store_plan(monitoring: Monitoring) -> None:
    """Make the two tables say what monitoring.yml says; untouched where they do already."""
    columns = profiled_columns(monitoring)
    # A column that the rows lack compares nothing, and takes nothing down.
    there = set(columns_of(monitoring.windows.trips)) & set(columns_of(monitoring.windows.rows))
    segmentations = [(",".join(names),) for names in monitoring.segments.by if there.issuperset(names)]
    with database.connect("profile plan") as connection, connection.cursor() as cursor:
        if set(connection.execute(_QUERIES["stored_columns"]).fetchall()) != set(columns):
            cursor.execute(_QUERIES["delete_columns"])
            failpoint("profile_plan.deleted")
            with cursor.copy(_QUERIES["copy_columns"]) as copy:
                for column in columns:
                    copy.write_row(column)
        if set(connection.execute(_QUERIES["stored_segmentations"]).fetchall()) != set(segmentations):
            cursor.execute(_QUERIES["delete_segmentations"])
            with cursor.copy(_QUERIES["copy_segmentations"]) as copy:
                for segmentation in segmentations:
                    copy.write_row(segmentation)
        failpoint("profile_plan.before_commit")
