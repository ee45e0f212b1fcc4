"""Datasets of datasets/ beside each other, from their files to the marts: what is there is what should be there.

Days of loans whose values are drawn once; on one day the amounts are others. Figures are held against scikit-learn's
and Evidently's own.
"""

from __future__ import annotations

import shutil
import textwrap
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from config.paths import EXAMPLE_FILE
from config.settings import Source, make_settings
from core.errors import PartlyFailedError, UsageError
from pipeline import summary
from pipeline.runner import Pipeline, Report
from tests.runs import contents, one, rows
from warehouse.database import Connection

DAYS, A_DAY = 70, 60
FIRST, CHANGED = date(2023, 3, 1), date(2023, 5, 4)
FILES = {
    "loans": """
        words: {one: loan, many: loans}
        source: {files: "FOLDER/loans.csv"}
        event: {timestamp: at, timezone: Asia/Tokyo, key: [id], replace: day}
        windows: day
        columns:
          id: ignored
          at: datetime
          amount: numerical
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
            reference: {from: 2023-03-01, to: 2023-03-31}
    """,
    "weekly": """
        source: {files: "FOLDER/loans.csv"}
        event: {timestamp: at, key: [id]}
        windows: week
        columns: {id: ignored, at: datetime, amount: numerical, kind: categorical}
        reference: {from: 2023-03-01, to: 2023-03-31}
    """,
    "pieces": """
        source: {files: "FOLDER/loans.csv"}
        windows: {rows: 500}
        columns: {amount: {type: numerical, decimals: all}, kind: categorical}
        reference: {from: 1, to: 1500}
    """,
    "timed": """
        source: {files: "FOLDER/loans.csv"}
        event: {timestamp: at, key: [id]}
        windows: {rows: 500}
        columns: {id: ignored, at: datetime, amount: numerical}
        reference: {from: 1, to: 1500}
    """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with its datasets, which the program uses."""
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    for name, text in FILES.items():
        path = tmp_path / "datasets" / f"{name}.yml"
        path.write_text(textwrap.dedent(text).replace("FOLDER", str(tmp_path)), encoding="utf-8")
    loans().to_csv(tmp_path / "loans.csv", index=False)
    return tmp_path


def loans() -> pd.DataFrame:
    draws = np.random.default_rng(7)
    count = DAYS * A_DAY
    day = np.repeat(np.arange(DAYS), A_DAY)
    minute = np.tile(np.arange(A_DAY) * (24 * 60 // A_DAY), DAYS)
    amount = draws.normal(100, 10, count).round(2) + np.where(day == (CHANGED - FIRST).days, 40, 0)
    score = draws.beta(4, 2, count).round(3)
    frame = pd.DataFrame(
        {
            "id": [f"loan-{number}" for number in range(count)],
            "at": pd.Timestamp(FIRST) + pd.to_timedelta(day, "D") + pd.to_timedelta(minute, "min"),
            "amount": amount,
            "kind": draws.choice(["car", "house"], count),
            "note": draws.choice(["", "two words", "a third of them"], count),
            "birthday": pd.Timestamp("1980-05-01") + pd.to_timedelta(draws.integers(0, 9000, count), "D"),
            "score": score,
            "said": score > 0.65,
            "repaid": draws.random(count) < score,
        }
    )
    frame.loc[5, "amount"] = -1.0
    return frame


def run(*datasets: str) -> Report:
    return Pipeline(make_settings(datasets=datasets), lambda line: None).run()


@pytest.fixture
def monitored(project: Path, empty_warehouse: Connection) -> Connection:
    run(*FILES)
    return empty_warehouse


def test_datasets_of_all_kinds_of_windows_are_monitored(monitored: Connection, project: Path) -> None:
    counted = rows(
        monitored,
        "select dataset, model_version, count(*), min(window_date)::text, max(window_date)::text "
        "from marts.fct_daily_monitoring group by 1, 2 order by 1",
    )
    last = str(FIRST + timedelta(days=DAYS - 1))
    assert counted == [
        ("loans", "repayment", DAYS, str(FIRST), last),
        ("pieces", "pieces", 9, "2000-01-01", "2000-01-09"),
        # Rows that have a time are counted all the same.
        ("timed", "timed", 9, "2000-01-01", "2000-01-09"),
        ("weekly", "weekly", 11, "2023-02-27", "2023-05-08"),
    ]
    # A window begins at its dataset's own midnight.
    assert (
        one(
            monitored,
            "select min(window_start at time zone 'Asia/Tokyo')::text from marts.fct_daily_volume "
            "where dataset = 'loans'",
        )
        == f"{FIRST} 00:00:00"
    )
    frame = loans()
    frame = frame[frame["amount"] > 0]
    by_day = frame.groupby(frame["at"].dt.date)
    found = rows(
        monitored,
        "select window_date, row_count, label_coverage, roc_auc, accuracy from marts.fct_model_performance "
        "where segment = 'all' and is_latest and dataset = 'loans' order by 1",
    )
    assert len(found) == DAYS
    for day, count, coverage, auc, accuracy in found:
        own = by_day.get_group(day)
        assert (count, coverage) == (len(own), 1)
        assert auc == pytest.approx(roc_auc_score(own["repaid"], own["score"]), abs=1e-12)
        assert accuracy == pytest.approx((own["repaid"] == own["said"]).mean(), abs=1e-12)
    assert rows(
        monitored,
        "select rule, reason, sum(rejected_count) from marts.fct_rejections where dataset = 'loans' group by 1, 2",
    ) == [("no_amount", "A loan without an amount cannot be used.", 1)]
    # Times and texts are monitored by what describes them, and derived columns as any other.
    columns = {
        row[0]
        for row in rows(monitored, "select distinct column_name from marts.fct_column_drift where dataset = 'loans'")
    }
    assert columns == {
        *("amount", "kind", "is_house", "prediction"),
        *("note_length", "note_words", "note_empty", "birthday_hour", "birthday_weekday", "birthday_age_days"),
    }
    # The planted change opens an incident on its day, told in the dataset's words.
    incidents = rows(
        monitored,
        "select opened_date, column_name from marts.fct_incidents where dataset = 'loans' and column_name = 'amount'",
    )
    assert incidents == [(CHANGED, "amount")]
    assert rows(monitored, "select distinct dataset from marts.fct_segment_monitoring where segment_key = 'kind'") == [
        ("loans",)
    ]
    # The second run has nothing to do.
    before = contents(monitored)
    assert run(*FILES).nothing_new
    assert contents(monitored) == before


@pytest.mark.slow
def test_one_dataset_that_fails_takes_no_other_down(monitored: Connection, project: Path) -> None:
    weekly, pieces = (project / "datasets" / f"{name}.yml" for name in ("weekly", "pieces"))
    weekly.write_text(weekly.read_text(encoding="utf-8") + "colour: red\n", encoding="utf-8")
    shutil.copy(project / "loans.csv", project / "more.csv")
    (project / "more.csv").write_text("amount,kind\nmuch,car\n", encoding="utf-8")
    pieces.write_text(pieces.read_text(encoding="utf-8").replace("loans.csv", "more.csv"), encoding="utf-8")
    late = loans().tail(A_DAY)
    late = late.assign(id="late-" + late["id"], at=late["at"] + pd.Timedelta(days=1))
    pd.concat([loans(), late]).to_csv(project / "loans.csv", index=False)
    volume = "select dataset, count(*) from marts.fct_daily_volume group by 1 order by 1"
    with pytest.raises(PartlyFailedError, match=r"dataset weekly.*there is no key 'colour'|more.csv.*amount") as failed:
        run()
    assert {one.name for one in failed.value.report.failed} >= {"dataset weekly", "dataset pieces"}
    assert ("loans", DAYS + 1) in rows(monitored, volume)
    # What was there of the others stays.
    assert {row[0] for row in rows(monitored, volume)} >= {"loans", "pieces", "weekly"}


@pytest.mark.slow
def test_the_worked_example_that_fails_takes_no_other_down(project: Path, empty_warehouse: Connection) -> None:
    for name in ("loans", "pieces", "timed"):
        (project / "datasets" / f"{name}.yml").unlink()
    shutil.copy(EXAMPLE_FILE, project / "datasets")
    settings = make_settings(source=Source.LOCAL, data_dir=project / "nowhere")
    with pytest.raises(PartlyFailedError, match=r"dataset green_trips.*nowhere does not exist"):
        Pipeline(settings, lambda line: None).run()
    assert rows(empty_warehouse, "select distinct dataset from marts.fct_daily_monitoring") == [("weekly",)]
    # Without its file it is not monitored, and nothing fails.
    (project / "datasets" / EXAMPLE_FILE.name).unlink()
    assert not Pipeline(settings, lambda line: None).run().failed


@pytest.mark.slow
def test_a_first_run_that_can_load_nothing_ends_with_the_reason(
    project: Path, empty_warehouse: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "loans.csv").write_text("id,at\nloan-1,no time\n", encoding="utf-8")
    with pytest.raises(PartlyFailedError) as failed:
        run("loans")
    summary.show(failed.value.report, make_settings(datasets=("loans",)), seconds=1.0)
    assert "dataset loans failed in ingest" in capsys.readouterr().out


def test_what_is_wrong_in_a_datasets_file_is_told_with_its_place(monitored: Connection, project: Path) -> None:
    path = project / "datasets" / "loans.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("amount <= 0", "amount <= kind + nothing"), encoding="utf-8")
    with pytest.raises(PartlyFailedError, match=r"datasets/loans.yml, reject.no_amount: 'amount <= kind \+ nothing'"):
        run("loans")
    path.write_text(text.replace("amount <= 0", "amount <= 60"), encoding="utf-8")
    assert "loans" in one(monitored, "select string_agg(distinct dataset, ',') from marts.fct_daily_volume")
    with pytest.raises(UsageError, match=r"DATASET 'loan' is unknown, 'loans' is near"):
        run("loan")
    # Another rule, and only what follows from it: rows that were accepted are rejected.
    run("loans")
    kept = int((loans()["amount"] > 60).sum())
    assert one(monitored, "select sum(row_count) from marts.fct_daily_volume where dataset = 'loans'") == kept


@pytest.mark.slow
def test_a_reference_is_made_again_when_windows_are_cut_otherwise(monitored: Connection, project: Path) -> None:
    path = project / "datasets" / "weekly.yml"
    weeks = path.read_text(encoding="utf-8")
    # A file that others are refused for, and a source that changed, are nothing to a run about one dataset.
    (project / "datasets" / "loans.yml").write_text("colour: red\n", encoding="utf-8")
    others = "select * from marts.fct_daily_monitoring where dataset <> 'weekly' order by 1, 2, 3, 4"
    before = rows(monitored, others)
    references = (
        "select count(*) from ml.reference_rows where reference_id = "
        "(select reference_id from ml.models where spec = 'weekly' and is_active)"
    )
    in_march = 31 * A_DAY
    for text, windows in ((weeks, 11), (weeks.replace("week\n", "day\n"), DAYS), (weeks, 11)):
        path.write_text(text, encoding="utf-8")
        run("weekly")
        dates = "select count(distinct window_date) from marts.fct_daily_monitoring where dataset = 'weekly'"
        assert (one(monitored, references), one(monitored, dates)) == (in_march, windows)
    assert rows(monitored, others) == before != []


@pytest.mark.slow
def test_the_decision_of_a_model_of_many_classes_is_monitored_as_a_column(
    project: Path, empty_warehouse: Connection
) -> None:
    classes = """
        source: {files: "FOLDER/loans.csv"}
        event: {timestamp: at, key: [id]}
        windows: week
        columns: {id: ignored, at: datetime, amount: numerical, kind: categorical, note: categorical}
        models:
          kinds: {task: multiclass, predictions: {decision: kind}, label: {column: note}, reference: REFERENCE}
    """.replace("REFERENCE", "{from: 2023-03-01, to: 2023-03-31}").replace("FOLDER", str(project))
    (project / "datasets" / "classes.yml").write_text(textwrap.dedent(classes), encoding="utf-8")
    run("classes")
    found = "select distinct column_name from marts.fct_column_drift where dataset = 'classes' order by 1"
    assert rows(empty_warehouse, found) == [("amount",), ("kind",)]
