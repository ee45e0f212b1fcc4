"""References that are baselines, from their files and tables to the marts: figures are those of Evidently and
scikit-learn of the two files, and no row of a baseline is one of the dataset.
"""

from __future__ import annotations

import textwrap
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from config.months import Month
from config.settings import make_settings
from core.errors import PartlyFailedError
from pipeline.commands.reports import ReportRequest, write_reports
from pipeline.commands.verify import verify
from pipeline.runner import Pipeline, Report
from python_metrics.drift.evidently_adapter import statistical_test
from tests.runs import contents, one, rows
from warehouse.database import Connection

DAYS, A_DAY = 6, 60
FIRST = date(2023, 3, 1)
LOANS = """
    words: {one: loan, many: loans}
    source: {files: "FOLDER/loans.csv"}
    event: {timestamp: at, timezone: Asia/Tokyo, key: [id]}
    windows: day
    columns:
      id: ignored
      at: datetime
      amount: {type: numerical, decimals: all, source_name: "Amount in EUR"}
      kind: categorical
      note: text
      birthday: datetime
      score: {type: numerical, decimals: all}
      said: boolean
      repaid: boolean
    derive: {is_house: {sql: "kind = 'house'", type: boolean}}
    reject: [{name: no_amount, when: "amount <= 0", reason: "A loan without an amount cannot be used."}]
    segments: [[kind]]
    models:
      repayment:
        task: binary
        predictions: {column: score, decision: said}
        label: {column: repaid}
        reference: {files: "FOLDER/baseline.parquet"}
"""
DATA_ALONE = """
    source: {files: "FOLDER/loans.csv"}
    event: {timestamp: at, key: [id]}
    windows: week
    columns:
      id: ignored
      at: datetime
      amount: {type: numerical, decimals: all, source_name: "Amount in EUR"}
      kind: categorical
    reference: REFERENCE
"""


def loans(count: int, seed: int, mean: float) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    score = draws.beta(4, 2, count).round(3)
    frame = pd.DataFrame(
        {
            "id": [f"loan-{number}" for number in range(count)],
            "at": pd.Timestamp(FIRST) + pd.to_timedelta(np.arange(count) * (24 * 60 // A_DAY), "min"),
            "Amount in EUR": draws.normal(mean, 10, count).round(2),
            "kind": draws.choice(["car", "house"], count),
            "note": draws.choice(["word", "two words", "a third of them"], count),
            "birthday": pd.Timestamp("1980-05-01") + pd.to_timedelta(draws.integers(0, 9000 * 24, count), "h"),
            "score": score,
            "said": score > 0.65,
            "repaid": draws.random(count) < score,
        }
    )
    frame.loc[5, "Amount in EUR"] = -1.0
    return frame


def baseline(mean: float = 97) -> pd.DataFrame:
    """As it came from training: without keys and times."""
    return loans(600, 8, mean).drop(columns=["id", "at"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the dataset and of its baseline."""
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    loans(DAYS * A_DAY, 7, 100).to_csv(tmp_path / "loans.csv", index=False)
    baseline().to_parquet(tmp_path / "baseline.parquet")
    return tmp_path


def write(project: Path, name: str, text: str, reference: str = "") -> None:
    text = textwrap.dedent(text).replace("REFERENCE", reference).replace("FOLDER", str(project))
    (project / "datasets" / f"{name}.yml").write_text(text, encoding="utf-8")


def run(*datasets: str, told: list[str] | None = None) -> Report:
    lines: list[str] = [] if told is None else told
    return Pipeline(make_settings(datasets=datasets), lines.append).run()


def described(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """What is monitored of rows, computed here."""
    birthday = pd.to_datetime(frame["birthday"])
    return {
        "amount": frame["Amount in EUR"],
        "prediction": frame["score"],
        "birthday_hour": birthday.dt.hour.astype("float64"),
        "note_length": frame["note"].str.len().astype("float64"),
        "birthday_weekday": birthday.dt.strftime("%a"),
        "kind": frame["kind"],
        "is_house": (frame["kind"] == "house").map({True: "true", False: "false"}),
    }


def accepted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["Amount in EUR"] > 0]


def drift(connection: Connection, model: str = "repayment") -> list[Any]:
    return rows(
        connection,
        "select column_name, window_date, drift_score, method, threshold, n_reference, n_current "
        "from marts.fct_column_drift inner join marts.dim_models using (model_version, reference_id) "
        "where fct_column_drift.model_spec = %s and segment = 'all' and fct_column_drift.status = 'ok' order by 1, 2",
        model,
    )


def hold_against_evidently(connection: Connection, mean: float = 97) -> None:
    expected, frame = described(accepted(baseline(mean))), accepted(loans(DAYS * A_DAY, 7, 100))
    found = drift(connection)
    assert {name for name, *_ in found} >= expected.keys()
    for name, day, score, method, threshold, n_reference, n_current in found:
        if name in expected:
            current = described(frame[frame["at"].dt.date == day])[name]
            kind: Any = "numerical" if current.dtype.kind == "f" else "categorical"
            own, _ = statistical_test(expected[name], current, kind, method, threshold)
            assert (n_reference, n_current) == (len(expected[name]), len(current))
            assert score == pytest.approx(own, abs=1e-9), (name, day)


def test_a_baseline_is_what_windows_are_compared_with_and_nothing_else(
    project: Path, empty_warehouse: Connection, tmp_path: Path
) -> None:
    write(project, "loans", LOANS)
    run("loans")
    hold_against_evidently(empty_warehouse)
    # Without labels to learn from there would be neither.
    assert one(empty_warehouse, "select count(*) from marts.fct_estimate_quality where estimate is not null") > 0
    own = accepted(baseline())
    assert one(empty_warehouse, "select reference_loss from marts.dim_models where model_spec = 'repayment'") == (
        pytest.approx(log_loss(own["repaid"], own["score"]), rel=1e-9)
    )
    # No row of it is one of the dataset.
    assert one(empty_warehouse, "select sum(row_count) from marts.fct_daily_volume where dataset = 'loans'") == 359
    assert one(empty_warehouse, "select count(*) from marts.fct_daily_monitoring where dataset = 'loans'") == DAYS
    assert one(empty_warehouse, "select sum(rejected_count) from marts.fct_rejections where dataset = 'loans'") == 1
    assert one(empty_warehouse, "select count(*) from raw.source_deliveries") == 1
    assert verify(Month(2023, 3), "repayment")
    (written,) = write_reports(ReportRequest(FIRST, "repayment", None, tmp_path), lambda line: None)
    assert "599 rows" in written.path.read_text(encoding="utf-8")
    before = contents(empty_warehouse)
    assert run("loans").nothing_new
    assert contents(empty_warehouse) == before


@pytest.mark.slow
def test_another_content_makes_another_reference_and_another_name_does_not(
    project: Path, empty_warehouse: Connection
) -> None:
    write(project, "loans", LOANS)
    run("loans")
    before, path = drift(empty_warehouse), project / "baseline.parquet"
    made = "select max(run_id) from monitoring.metric_values"
    of_run = one(empty_warehouse, made)
    path.rename(project / "other.parquet")
    told: list[str] = []
    # The stored reference is a copy, which stays.
    run("loans", told=told)
    assert any("its stored reference stays" in line and "baseline.parquet is not there" in line for line in told)
    write(project, "loans", LOANS.replace("baseline.parquet", "other.parquet"))
    run("loans")
    assert (one(empty_warehouse, made), drift(empty_warehouse)) == (of_run, before)
    baseline(90).to_parquet(project / "other.parquet")
    run("loans")
    hold_against_evidently(empty_warehouse, 90)
    # What was said by the former one is said no more.
    days = "select count(*) from marts.fct_model_performance where is_latest and segment = 'all'"
    assert one(empty_warehouse, days) == DAYS
    assert run("loans").nothing_new
    # A rule says which of its rows count, too.
    write(project, "loans", LOANS.replace("baseline.parquet", "other.parquet").replace("amount <= 0", "amount <= 95"))
    run("loans")
    kept = int((baseline(90)["Amount in EUR"] > 95).sum())
    reference = "select reference_rows from marts.dim_models where model_spec = 'repayment'"
    assert one(empty_warehouse, reference) == kept < 599


@pytest.mark.slow
def test_a_table_may_be_a_baseline(project: Path, empty_warehouse: Connection) -> None:
    empty_warehouse.execute('create schema scoring; create table scoring.trained ("Amount in EUR" numeric, kind text)')
    own = baseline()
    with empty_warehouse.cursor().copy("copy scoring.trained from stdin") as copy:
        for row in own[["Amount in EUR", "kind"]].itertuples(index=False):
            copy.write_row(row)
    write(project, "loans", DATA_ALONE, "{table: scoring.trained}")
    run("loans")
    found = drift(empty_warehouse, "loans")
    frame = loans(DAYS * A_DAY, 7, 100)
    weeks = [date(2023, 2, 27), date(2023, 3, 6)]
    assert [(name, day) for name, day, *_ in found] == [(name, day) for name in ("amount", "kind") for day in weeks]
    for name, day, score, method, threshold, *_ in found:
        kind: Any = "numerical" if name == "amount" else "categorical"
        column = "Amount in EUR" if name == "amount" else name
        current = frame[frame["at"].between(str(day), str(day + timedelta(days=7)), inclusive="left")][column]
        assert score == pytest.approx(statistical_test(own[column], current, kind, method, threshold)[0], abs=1e-9)
    assert run("loans").nothing_new
    empty_warehouse.execute("delete from scoring.trained where kind = 'house'")
    assert not run("loans").nothing_new
    assert drift(empty_warehouse, "loans") != found


@pytest.mark.slow
def test_what_is_wrong_with_a_baseline_is_told_and_takes_no_other_dataset_down(
    project: Path, empty_warehouse: Connection
) -> None:
    own = baseline()
    own.drop(columns="kind").to_csv(project / "lacking.csv", index=False)
    own.assign(**{"Amount in EUR": "much"}).to_csv(project / "words.csv", index=False)
    own.head(50).to_csv(project / "few.csv", index=False)
    references = {
        "gone": ("{files: FOLDER/gone.csv}", r"datasets/gone.yml, reference.files: .*gone.csv is not there: name a"),
        "lacking": ("{files: FOLDER/lacking.csv}", r"lacking.csv has no column kind, which datasets/lacking.yml names"),
        "words": ("{files: FOLDER/words.csv}", r"words.csv: amount has 600 of 600 values that are not a number"),
        "few": ("{files: FOLDER/few.csv}", r"datasets/few.yml, reference: .*few.csv has 50 rows .* at least 100 are"),
        "no_table": ("{table: scoring.gone}", r"no_table.yml, reference.table: scoring.gone is not in the warehouse's"),
    }
    for name, (reference, _) in references.items():
        write(project, name, DATA_ALONE, reference)
    write(project, "loans", DATA_ALONE, "{files: FOLDER/baseline.parquet}")
    with pytest.raises(PartlyFailedError) as failed:
        run("loans", *references)
    for name, (_, words) in references.items():
        assert failed.match(words), name
    assert {each.name for each in failed.value.report.failed} == references.keys()
    assert {model for (model,) in rows(empty_warehouse, "select distinct model_spec from marts.fct_column_drift")} == {
        "loans"
    }
