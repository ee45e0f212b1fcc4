"""A dataset whose windows are hours, from its files to the pages: every figure stands under the hour that it is of.

Rides of eight days in Berlin, the night of two hours named 02 among them; times are written in UTC. Figures are held
against scipy's, scikit-learn's and pandas' own of the same rows.
"""

from __future__ import annotations

import io
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score

from config.settings import make_settings
from core.errors import UsageError
from grafana.preview.pages import write_pages
from pipeline.alerts import alerts_table, open_alerts
from pipeline.commands.backfill import BackfillRequest, backfill
from pipeline.commands.reports import ReportRequest, write_reports
from pipeline.commands.verify import verify
from pipeline.runner import Pipeline, Report
from tests.runs import contents, one, rows
from warehouse.database import Connection

FIRST, DAYS, AN_HOUR = pd.Timestamp("2024-10-21 22:00", tz="UTC"), 8, 60
HOURS = 24 * DAYS + 1
# The night in which the clock goes from 02:59 to 02:00, and the two hours that it then shows.
NIGHT = date(2024, 10, 27)
TWICE = (datetime(2024, 10, 27, 0, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC))
RIDES = """
    words: {one: ride, many: rides}
    source: {files: "FOLDER/rides*.csv"}
    event: {timestamp: at, timezone: Europe/Berlin, key: [id], replace: append}
    windows: hour
    columns:
      id: ignored
      at: datetime
      amount: {type: numerical, decimals: all}
      kind: categorical
      score: {type: numerical, decimals: all}
      paid: boolean
    reject: [{name: no_amount, when: "amount <= 0", reason: "A ride costs something."}]
    models:
      paying:
        task: binary
        predictions: {column: score, threshold: 0.5}
        label: {column: paid}
        reference: {from: 2024-10-22, to: 2024-10-24}
        performance_windows: [hour, day]
"""


def rides(hours: int = HOURS) -> pd.DataFrame:
    draws = np.random.default_rng(5)
    count = hours * AN_HOUR
    hour = np.repeat(np.arange(hours), AN_HOUR)
    second = np.tile(np.arange(AN_HOUR) * (3600 // AN_HOUR), hours)
    score = draws.beta(2, 2, count).round(3)
    frame = pd.DataFrame(
        {
            "id": [f"ride-{number}" for number in range(count)],
            "at": FIRST + pd.to_timedelta(hour * 3600 + second, "s"),
            "amount": draws.normal(20 + 5 * np.sin(hour / 24 * 2 * np.pi), 4, count).round(2),
            "kind": draws.choice(["day", "night"], count),
            "score": score,
            "paid": draws.random(count) < score,
        }
    )
    frame.loc[7, "amount"] = -1.0
    return frame


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    text = textwrap.dedent(RIDES).replace("FOLDER", str(tmp_path))
    (tmp_path / "datasets" / "rides.yml").write_text(text, encoding="utf-8")
    write(tmp_path / "rides.csv", rides())
    return tmp_path


def write(path: Path, frame: pd.DataFrame) -> None:
    frame.assign(at=frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False)


def run() -> tuple[Report, str]:
    told: list[str] = []
    return Pipeline(make_settings(datasets=["rides"]), told.append).run(), "\n".join(told)


@pytest.fixture
def monitored(folder: Path, empty_warehouse: Connection) -> Connection:
    _, told = run()
    assert "not monitored" not in told
    return empty_warehouse


def test_every_hour_has_its_figures(monitored: Connection, folder: Path) -> None:
    accepted = rides()
    accepted = accepted[accepted["amount"] > 0]
    by_hour = dict(list(accepted.groupby(accepted["at"].dt.floor("h"))))
    reference = accepted[accepted["at"] < FIRST + timedelta(days=3)]
    found = {
        row[0].astimezone(UTC): row[1:]
        for row in rows(
            monitored,
            "select daily.window_start, daily.window_end, daily.window_date, daily.row_count, daily.rejected_count, "
            "daily.prediction_drift, performance.label_coverage, performance.roc_auc, amount.drift_score, quality.mean "
            "from marts.fct_daily_monitoring as daily "
            "inner join marts.fct_model_performance as performance using (model_version, window_start) "
            "inner join marts.fct_column_drift as amount using (model_version, window_start) "
            "inner join marts.fct_column_quality as quality using (model_version, window_start, column_name) "
            "where performance.is_latest and performance.segment = 'all' and column_name = 'amount'",
        )
    }
    assert sorted(found) == sorted(hour.to_pydatetime() for hour in by_hour)
    assert len(found) == HOURS
    for start, (end, day, count, rejected, drift, coverage, auc, amount_drift, mean) in found.items():
        own = by_hour[pd.Timestamp(start)]
        assert (end - start, coverage) == (timedelta(hours=1), 1)
        assert day == pd.Timestamp(start).tz_convert("Europe/Berlin").date()
        assert (count, rejected) == (len(own), 1 if start == FIRST else 0)
        assert auc == pytest.approx(roc_auc_score(own["paid"], own["score"]), abs=1e-12)
        assert mean == pytest.approx(own["amount"].mean(), abs=1e-9)
        for score, column in ((drift, "score"), (amount_drift, "amount")):
            distance = wasserstein_distance(reference[column], own[column]) / reference[column].std(ddof=0)
            assert score == pytest.approx(distance, abs=1e-9)
    # The model is evaluated over days, too, which follow the clock.
    of_days = (
        "select window_start, row_count, roc_auc from marts.fct_coarser_performance where granularity = 'calendar_day'"
    )
    days = {start.astimezone(UTC): figures for start, *figures in rows(monitored, of_days)}
    assert len(days) == DAYS
    night = accepted[accepted["at"].dt.tz_convert("Europe/Berlin").dt.date == NIGHT]
    assert days[datetime(2024, 10, 26, 22, tzinfo=UTC)] == [
        len(night),
        pytest.approx(roc_auc_score(night["paid"], night["score"])),
    ]
    # A day of 25 hours, of which two have one name.
    assert sum(day == NIGHT for _, day, *_ in found.values()) == 25
    assert set(TWICE) <= set(found)
    assert one(monitored, "select count(*) from marts.fct_window_comparisons") == 0
    # Nothing that people read is of the days that stand for hours.
    files = rows(monitored, "select min(source_month), max(covers_until), sum(row_count) from marts.fct_files")
    assert files == [(date(2024, 10, 21), date(2024, 10, 29), HOURS * AN_HOUR)]
    # An hour is held against the same hour of the same weekday, of which there is one at most.
    assert one(monitored, "select max(usual_days) from marts.fct_daily_volume") == 1
    before = contents(monitored)
    assert run()[0].nothing_new
    assert contents(monitored) == before


@pytest.mark.slow
def test_a_late_row_makes_its_hour_again_and_no_other(monitored: Connection, folder: Path) -> None:
    made = "select window_start, run_id from monitoring.ledger where step = 'metrics'"
    before = dict(rows(monitored, made))
    second = TWICE[1]
    late = rides().head(1).assign(id="late", at=pd.Timestamp(second) + timedelta(minutes=30))
    write(folder / "rides-late.csv", late)
    run()
    after = dict(rows(monitored, made))
    assert [start for start in after if after[start] != before.get(start)] == [second]
    counted = "select row_count from marts.fct_daily_monitoring where window_start = any(%s) order by window_start"
    assert rows(monitored, counted, list(TWICE)) == [(AN_HOUR,), (AN_HOUR + 1,)]


@pytest.mark.slow
def test_people_name_hours_by_the_clock_of_the_dataset(monitored: Connection, folder: Path) -> None:
    def report(day: str) -> Path:
        request = ReportRequest(day, "paying", None, folder / "reports")
        (written,) = write_reports(request, lambda line: None)
        return written.path

    assert report("2024-10-25T13").parent.name == "2024-10-25T13"
    assert f"{AN_HOUR} rows" in report("2024-10-27T02+0100").read_text(encoding="utf-8")
    for wrong in ("2024-10-25", "2024-03-31T02"):
        with pytest.raises(UsageError, match=rf"DAY '{wrong}' is no hour of Europe/Berlin, and windows are hours here"):
            report(wrong)
    with pytest.raises(UsageError, match=r"no metrics of 2024-11-01T00: paying has 2024-10-22T00 to 2024-10-29T23"):
        report("2024-11-01T00")
    told: list[str] = []
    for first, last in (("2024-10-27T02+0100", "2024-10-27T03"), (NIGHT, NIGHT)):
        backfill(BackfillRequest(first, last, "paying"), make_settings(), Console(quiet=True), told.append)
    assert [line for line in told if line.startswith("backfill of")] == [
        "backfill of 2024-10-27T02+0100 to 2024-10-27T03: 2 windows of 1 model versions",
        "backfill of 2024-10-27T00 to 2024-10-27T23: 25 windows of 1 model versions",
    ]
    assert verify(None, "paying")
    pages = write_pages(folder / "pages", dataset="rides", day="2024-10-27T02+0100")
    (column,) = (page for page in pages if page.stem == "column")
    assert "2024-10-27 01:00 UTC" in column.read_text(encoding="utf-8")
    for page in pages:
        assert "2595-" not in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_change_is_an_incident_of_its_hour(folder: Path, empty_warehouse: Connection) -> None:
    changed = datetime(2024, 11, 3, 8, tzinfo=UTC)
    frame = rides(HOURS + 5 * 24)
    frame.loc[frame["at"] >= changed, "amount"] += 15
    write(folder / "rides.csv", frame)
    run()
    found = rows(
        empty_warehouse,
        "select opened_at, opened_date, is_hourly, state, rows_query from marts.fct_incidents "
        "where family = 'columns' and column_name = 'amount'",
    )
    ((opened_at, opened_date, is_hourly, state, query),) = found
    assert changed <= opened_at <= changed + timedelta(hours=2)
    assert (opened_date, is_hourly, state) == (date(2024, 11, 3), True, "open")
    # Each hour is decided on by ten days at least, and nothing fires before the change.
    decided = (
        "select min(window_start) filter (where status = 'learning'), min(window_start) filter (where is_firing), "
    )
    decided += "max(reference_days), min(reference_start) from marts.fct_day_alarms where family = 'columns'"
    (first, fires, reference_days, reference_start) = rows(empty_warehouse, decided)[0]
    assert first == (FIRST + timedelta(days=10)).to_pydatetime() + timedelta(hours=1)
    assert (fires >= changed, reference_days, reference_start) == (True, 12, date(2024, 10, 22))
    # The statement that an incident comes with shows rows of its hour, and is read by people.
    shown = empty_warehouse.execute(query.encode()).fetchall()
    assert 0 < len(shown) <= AN_HOUR
    local = pd.Timestamp(opened_at).tz_convert("Europe/Berlin")
    assert f"\"event_at\" >= '{local:%Y-%m-%d %H}:00'" in query
    assert f"{local:%Y-%m-%dT%H}" in alerts_text()


def alerts_text() -> str:
    console = Console(width=300, record=True, quiet=False, file=io.StringIO())
    console.print(alerts_table(open_alerts()))
    return console.export_text()
