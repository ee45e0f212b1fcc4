"""References that are baselines: rows of a file or a table of their own, known by the hash of their content.

In: a baseline that stages its accepted rows as a temporary table. Out: the model's reference in ml.reference_sets and
ml.reference_rows, and nothing else. Called by pipeline.steps.score.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from psycopg import sql

from config.monitoring import Monitoring
from core.errors import BadFileError
from models_ml.classes import with_numbers
from models_ml.load import FEWEST_ROWS, LoadedVersion, record_model, reference_columns
from models_ml.references import make_reference, set_reference, store_reference
from warehouse import database
from warehouse.relations import columns_there

_QUERIES = database.queries(Path(__file__).with_name("baselines.sql"))
_ROWS = "pg_temp.baseline"


class Staged(Protocol):
    """A baseline: a hash of its content, and how its accepted rows come into a connection's table `baseline`."""

    @property
    def sha256(self) -> str: ...

    def stage(self, connection: database.Connection) -> None: ...


def store_baseline(
    connection: database.Connection, version: LoadedVersion, monitoring: Monitoring, baseline: Staged
) -> bool:
    """Make a baseline the reference of a version, unless it is so already; gives whether anything changed.

    Rows that name a version of the model count for that one only.

    Raises:
        BadFileError: it cannot be read, or has too few rows.
        ConfigurationError: it cannot be cleaned as the dataset's file says.
    """
    record_model(connection, monitoring, version.spec, version.model_version)
    reference_id = f"{version.model_version}-baseline-{baseline.sha256[:12]}"
    known: dict[str, object] = {"model_version": version.model_version, "reference_id": reference_id}
    if database.one_row(connection, _QUERIES["is_reference"], known)[0]:
        return False
    if not database.one_row(connection, _QUERIES["is_stored"], known)[0]:
        _store(connection, version, monitoring, baseline, reference_id)
    set_reference(connection, version.model_version, reference_id)
    return True


def _store(
    connection: database.Connection, version: LoadedVersion, monitoring: Monitoring, baseline: Staged, reference_id: str
) -> None:
    import pandas as pd

    model = monitoring.models[version.spec]
    baseline.stage(connection)
    names, columns = reference_columns(monitoring, model, columns_there(connection, _ROWS))
    query = sql.SQL(_QUERIES["rows"]).format(columns=columns, baseline=database.relation(_ROWS))
    of_version = {"model_version": version.model_version}
    rows = pd.DataFrame(connection.execute(query, of_version).fetchall(), columns=names)
    rows = with_numbers(connection, monitoring, model, rows)
    if len(rows) < FEWEST_ROWS and model.baseline is not None:
        raise BadFileError(
            f"{model.baseline.place}: {model.baseline} has {len(rows)} rows for {version.model_version} that no rule "
            f"rejects, at least {FEWEST_ROWS} are needed: name one with more rows, or days of the dataset"
        )
    reference = make_reference("", f"baseline {model.baseline}", rows, model.features, model.target)
    reference = replace(reference, reference_id=reference_id)
    store_reference(connection, reference, version.model_version, "", monitoring.segments.columns)
