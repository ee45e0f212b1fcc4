"""The log of a deployed classifier through the whole pipeline: its figures are NannyML's, its planted change is found.

From id 75000 on, 2019-03-31 03:00, cars are dearer; the 152 days from 2018-10-30 on before that are quiet. What NannyML
and Evidently say stands in benchmarks/peers.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.peers.loans import FIRST_DAY, FIRST_ID, HERE, PREDICTION, ROWS, read_loans
from config.settings import make_settings
from pipeline.commands.backfill import BackfillRequest, backfill
from pipeline.runner import Pipeline
from tests.conftest import drop_database, make_database, opened
from tests.runs import one, rows
from warehouse.database import Connection
from warehouse.server import embedded

CHANGED, QUIET_DAYS = date(2019, 3, 31), 152
FILES = {
    "loans": """
        words: {one: loan, many: loans}
        source: {files: "FOLDER/loans.csv"}
        event: {timestamp: timestamp, key: [id]}
        windows: day
        columns:
          id: ignored
          timestamp: datetime
          repaid: boolean
          y_pred_proba: numerical
          y_pred: boolean
          car_value: numerical
          salary_range: categorical
          debt_to_income_ratio: numerical
          loan_length: numerical
          repaid_loan_on_prev_car: boolean
          size_of_downpayment: categorical
          driver_tenure: numerical
        models:
          MODEL:
            task: binary
            predictions: {column: y_pred_proba, decision: y_pred}
            label: {column: repaid}
            reference: {from: 2018-01-01, to: 2018-10-29}
    """
}
FILES["pieces"] = (
    FILES["loans"]
    .replace("windows: day", "windows: {rows: 5000}")
    .replace("numerical", "{type: numerical, decimals: all}")
    .replace("{from: 2018-01-01, to: 2018-10-29}", "{from: 1, to: 50000}")
)


@pytest.fixture(scope="module")
def monitored(
    real_log: Callable[..., Path],
    server: embedded.Address,
    empty_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Connection]:
    """A warehouse with the loans by day, from 56 days before the quiet ones on, and by 5,000 rows, with all digits."""
    folder = tmp_path_factory.mktemp("loans")
    (folder / "datasets").mkdir()
    read_loans(real_log("loans")).to_csv(folder / "loans.csv", index=False)
    for name, text in FILES.items():
        described = textwrap.dedent(text).replace("FOLDER", str(folder)).replace("MODEL", f"{name}_repaid")
        (folder / "datasets" / f"{name}.yml").write_text(described, encoding="utf-8")
    name = make_database(server, empty_template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_DATASETS_DIR", str(folder / "datasets"))
        for connection in opened(name, patch):
            settings = make_settings(datasets=tuple(FILES))
            Pipeline(settings, lambda line: None).run()
            request = BackfillRequest(date(2018, 9, 1), date(2019, 4, 30), "loans_repaid")
            backfill(request, settings, Console(file=io.StringIO()), lambda line: None)
            yield connection
    drop_database(server, name)


def chunk_of(dataset: str, day: date) -> str:
    """What the peers' tables call a window: its day, or the id of its first row."""
    return str(day) if dataset == "loans" else str((day - date(2000, 1, 1)).days * ROWS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "chunks", "count", "apart"), [("loans", "day", 304, 2e-3), ("pieces", f"{ROWS} rows", 10, 5e-5)]
)
def test_performance_is_nannymls(monitored: Connection, dataset: str, chunks: str, count: int, apart: float) -> None:
    table = pd.read_csv(HERE / "nannyml_performance.csv", dtype={"first_id": str})
    table = table[table["chunks"] == chunks].set_index("first_day" if chunks == "day" else "first_id")
    query = (
        "select window_date, metric, estimate, realised from marts.fct_estimate_quality "
        "where dataset = %s and segment = 'all' and metric in ('roc_auc', 'accuracy')"
    )
    bounds = {"roc_auc": apart, "accuracy": 1e-11}
    compared = 0
    for day, metric, estimate, realised in rows(monitored, query, dataset):
        if (chunk := chunk_of(dataset, day)) in table.index:
            assert realised == pytest.approx(table.loc[chunk, f"realised_{metric}"], abs=1e-11), (chunk, metric)
            assert estimate == pytest.approx(table.loc[chunk, f"estimated_{metric}"], abs=bounds[metric]), (
                chunk,
                metric,
            )
            compared += 1
    assert compared == 2 * count


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "bound"), [("loans", 5e-4), ("pieces", 1e-9)])
def test_drift_is_evidentlys(monitored: Connection, dataset: str, bound: float) -> None:
    """To 1e-9 where profiles keep all digits; three digits move values by 0.002 standard deviations."""
    lines = pd.read_csv(HERE / "evidently.csv", dtype={"first": str}).itertuples()
    table = {(line.first, line.column): line.value for line in lines}
    query = (
        "select window_date, column_name, drift_score from marts.fct_column_drift "
        "where dataset = %s and segment = 'all'"
    )
    compared = 0
    for day, name, score in rows(monitored, query, dataset):
        key = (chunk_of(dataset, day), PREDICTION if name == "prediction" else name)
        if key in table:
            is_rounded = name in ("car_value", "debt_to_income_ratio", "driver_tenure")
            assert score == pytest.approx(table[key], abs=bound if is_rounded else 1e-9), key
            compared += 1
    assert compared == 8 * (12 if dataset == "loans" else 10)


@pytest.mark.slow
def test_the_planted_change_opens_an_incident_and_quiet_days_one_at_most(monitored: Connection) -> None:
    incidents = rows(
        monitored,
        "select opened_date, column_name from marts.fct_incidents "
        "where dataset = 'loans' and family = 'columns' and opened_date between %s and %s order by 1",
        FIRST_DAY,
        CHANGED,
    )
    assert (CHANGED - date.fromisoformat(FIRST_DAY)).days == QUIET_DAYS
    assert incidents[-1] == (CHANGED, "car_value")
    assert len(incidents) - 1 <= 1
    # Of rows in the order of their ids the change is there from the sixteenth piece on.
    first = "select min(opened_date) from marts.fct_incidents where dataset = 'pieces' and column_name = 'car_value'"
    assert chunk_of("pieces", one(monitored, first)) == str(FIRST_ID + 25_000)
