"""Performance over longer windows than the dataset's own: figures are scikit-learn's of the same rows and labels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from config.settings import make_settings
from pipeline.runner import Pipeline, Report
from tests.runs import contents, one, rows
from warehouse.database import Connection

ZONE = "America/New_York"
DATASET = """
    source: {files: "FOLDER/loans.csv"}
    event: {timestamp: at, timezone: America/New_York, key: [id]}
    windows: day
    columns:
      id: ignored
      at: datetime
      amount: numerical
      score: numerical
      said: boolean
      repaid: boolean
      told_at: datetime
    models:
      repayment:
        task: binary
        predictions: {column: score, decision: said}
        label: {column: repaid, known_at: told_at}
        reference: {from: 2022-02-07, to: 2022-02-17}
        performance_windows: WINDOWS
"""
FOUND = (
    "select granularity, window_start, row_count, label_count, log_loss, roc_auc, accuracy, status "
    "from marts.fct_coarser_performance where is_latest order by granularity, window_start"
)


def loans() -> pd.DataFrame:
    """40 days over the end of a month and the night when clocks change, with labels three days later."""
    draws = np.random.default_rng(3)
    count = 40 * 24
    score = draws.beta(4, 2, count).round(3)
    at = pd.Timestamp("2022-02-07") + pd.to_timedelta(np.arange(count), "h")
    return pd.DataFrame(
        {
            "id": [f"loan-{number}" for number in range(count)],
            "at": at,
            "amount": draws.normal(100, 10, count).round(2),
            "score": score,
            "said": score > 0.65,
            "repaid": draws.random(count) < score,
            "told_at": at + pd.Timedelta(days=3, minutes=30),
        }
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    loans().to_csv(tmp_path / "loans.csv", index=False)
    write(tmp_path, "[day, week, month, {rows: 100}]")
    return tmp_path


def write(project: Path, windows: str) -> None:
    text = textwrap.dedent(DATASET).replace("WINDOWS", windows).replace("FOLDER", str(project))
    (project / "datasets" / "loans.yml").write_text(text, encoding="utf-8")


def run(as_of: date) -> Report:
    return Pipeline(make_settings(datasets=("loans",), as_of=as_of), lambda line: None).run()


def expected(frame: pd.DataFrame, ended: pd.Timestamp) -> Iterator[tuple[str, object, pd.DataFrame]]:
    """The windows that have ended, each with its rows."""
    for name, periods in (("month", "M"), ("rows_100", ""), ("week", "W-SUN")):
        if periods:
            for period, own in frame.groupby(frame["at"].dt.to_period(periods)):
                if period.end_time < ended:
                    yield name, period.start_time.tz_localize(ZONE), own
            continue
        for block in range(len(frame) // 100):
            own = frame.iloc[block * 100 : (block + 1) * 100]
            if own["at"].iloc[-1] < ended:
                yield name, own["at"].iloc[0].tz_localize(ZONE, nonexistent="shift_forward"), own


def hold_against_scikit_learn(connection: Connection, frame: pd.DataFrame, as_of: date) -> None:
    moment = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    found, wanted = rows(connection, FOUND), list(expected(frame, moment))
    assert [row[:2] for row in found] == [(name, start) for name, start, _ in wanted]
    for (name, start, count, labels, loss, auc, accuracy, status), (_, _, own) in zip(found, wanted, strict=True):
        known = own[own["told_at"] <= moment]
        assert (count, labels, status) == (len(own), len(known), "ok"), (name, start)
        assert loss == pytest.approx(log_loss(known["repaid"], known["score"]), abs=1e-12)
        assert auc == pytest.approx(roc_auc_score(known["repaid"], known["score"]), abs=1e-12)
        assert accuracy == pytest.approx(accuracy_score(known["repaid"], known["said"]), abs=1e-12)


def test_a_model_is_evaluated_over_weeks_months_and_numbers_of_rows(project: Path, empty_warehouse: Connection) -> None:
    frame, first, later = loans(), date(2022, 3, 1), date(2022, 4, 5)
    run(first)
    hold_against_scikit_learn(empty_warehouse, frame, first)
    # What is said of days is said of days alone.
    days = "select count(*), count(distinct window_date) from marts.fct_model_performance where is_latest"
    assert len(set(rows(empty_warehouse, days)[0])) == 1
    before = contents(empty_warehouse)
    assert run(first).nothing_new
    assert contents(empty_warehouse) == before
    # Labels that come change their windows alone, and what was known before is kept.
    run(later)
    hold_against_scikit_learn(empty_warehouse, frame, later)
    former = (
        "select granularity, count(*), min(label_count) from marts.fct_coarser_performance where not is_latest "
        "group by 1 order by 1"
    )
    in_february = int((frame["told_at"] < "2022-03-02").sum())
    history = rows(empty_warehouse, former)
    assert history[0] == ("month", 1, in_february)
    assert [name for name, *_ in history] == ["month", "rows_100", "week"]
    # Other rows of a day are other rows of its week, its month and its block.
    changed = frame.assign(score=frame["score"].where(frame["at"] != "2022-02-10 05:00", 0.01))
    changed.to_csv(project / "loans.csv", index=False)
    made = (
        "select count(distinct (window_start, granularity)) from monitoring.ledger where step = 'coarser_performance' "
    )
    run_id = one(empty_warehouse, "select max(run_id) from monitoring.runs")
    run(later)
    hold_against_scikit_learn(empty_warehouse, changed, later)
    assert one(empty_warehouse, made + "and run_id > %s", run_id) == 3
    # What is asked for no more goes.
    write(project, "[day]")
    run(later)
    assert rows(empty_warehouse, "select * from marts.fct_coarser_performance") == []
    assert one(empty_warehouse, "select count(*) from monitoring.metric_values where granularity = 'rows_100'") == 0


@pytest.mark.slow
def test_blocks_of_rows_that_share_their_time_are_all_there(project: Path, empty_warehouse: Connection) -> None:
    frame = loans().assign(
        at=lambda frame: frame["at"].dt.normalize(), told_at="", repaid=lambda frame: frame["score"] * 2
    )
    frame.to_csv(project / "loans.csv", index=False)
    text = (project / "datasets" / "loans.yml").read_text(encoding="utf-8")
    for old, new in (
        ("binary", "regression"),
        (", decision: said", ""),
        ("repaid: boolean", "repaid: numerical"),
        (", known_at: told_at", ""),
        ("day, week, month, {rows: 100}", "{rows: 10}"),
    ):
        text = text.replace(old, new)
    (project / "datasets" / "loans.yml").write_text(text, encoding="utf-8")
    run(date(2022, 4, 5))
    found = rows(
        empty_warehouse, "select window_start, row_count, mae from marts.fct_coarser_performance order by window_start"
    )
    errors = (frame["score"] - frame["repaid"]).abs().to_numpy().reshape(-1, 10).mean(axis=1)
    assert [count for _, count, _ in found] == [10] * 96
    assert [mae for *_, mae in found] == pytest.approx(errors, abs=1e-12)
