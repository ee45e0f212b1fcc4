"""Labels of files stay those of their rows when rows that are known by a key are delivered again.

A month that is loaded anew has another load; a row with a key keeps its event_id, which no other row of the dataset
ever gets, so what is known of it still is. Called by pipeline.steps.score, before anything reads labels of new rows.
"""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from config.monitoring import Monitoring
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("match_again.sql"))


def match_labels_again(monitoring: Monitoring) -> int:
    """Labels that came in files are of the current loads, as far as their rows are there; gives how many were not.

    Nothing is done for a dataset without a key.
    """
    if not monitoring.key:
        return 0
    windows = monitoring.windows
    query = sql.SQL(_QUERIES["labels"]).format(
        accepted=database.relation(windows.accepted),
        rejected=database.relation(windows.rejected),
        windows=database.relation(windows.windows),
    )
    with database.connect("labels") as connection:
        return connection.execute(query, {"dataset": monitoring.dataset}).rowcount
