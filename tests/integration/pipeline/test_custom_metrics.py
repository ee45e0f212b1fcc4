"""Metrics of datasets' own through the whole pipeline: held against pandas, and made again where something changed.

Days of loans whose values are drawn once; on one day the large loans are for the cheap cars, while each column by
itself is as ever.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config.settings import make_settings
from pipeline.runner import Pipeline, Report
from tests.runs import contents, one, rows
from warehouse.database import Connection

DAYS, A_DAY, MIN_ROWS = 70, 250, 100
FIRST, CHANGED, WITH_NOTHING = date(2023, 3, 1), date(2023, 5, 4), date(2023, 3, 20)
LOANS = """
    words: {one: loan, many: loans}
    source: {files: "FOLDER/loans.csv"}
    event: {timestamp: at, key: [id], replace: day}
    windows: day
    columns:
      id: ignored
      at: datetime
      amount: {type: numerical, decimals: all}
      car_value: {type: numerical, decimals: all}
      kind: categorical
      branch: categorical
      score: {type: numerical, decimals: all}
      repaid: boolean
    derive: {is_large: {sql: "amount > 150", type: boolean}}
    reject: [{name: no_amount, when: "amount <= 0", reason: "A loan without an amount cannot be used."}]
    segments: [[kind], [kind, branch]]
    metrics:
      loan_to_value: "avg(amount / nullif(car_value, 0))"
      large_share: "avg(case when is_large then 1.0 else 0 end)"
      mean_log: "avg(ln(car_value))"
      repaid_share: "sum(case when repaid then amount end) / sum(amount)"
      undefined: "sum(amount) / nullif(count(*) - count(*), 0)"
      no_number: "sum(amount) * 'NaN'"
      infinite: "sum(amount) * 'Infinity'"
    models:
      repayment:
        task: binary
        predictions: {column: score}
        label: {column: repaid}
        reference: {from: 2023-03-01, to: 2023-03-31}
      second:
        task: binary
        predictions: {column: score}
        label: {column: repaid}
        reference: {from: 2023-03-01, to: 2023-03-31}
"""
METRICS: Mapping[str, Callable[[pd.DataFrame], float]] = {
    "loan_to_value": lambda found: (found["amount"] / found["car_value"].replace(0, np.nan)).mean(),
    "large_share": lambda found: (found["amount"] > 150).mean(),
    "mean_log": lambda found: np.log(found["car_value"]).mean() if (found["car_value"] > 0).all() else np.nan,
    "repaid_share": lambda found: found.loc[found["repaid"], "amount"].sum() / found["amount"].sum(),
}
FIGURES = (
    "select metric, segment_key, segment_value, window_date, value, status, row_count from marts.fct_custom_metrics"
)


def loans() -> pd.DataFrame:
    draws = np.random.default_rng(11)
    count = DAYS * A_DAY
    day = np.repeat(np.arange(DAYS), A_DAY)
    minute = np.tile(np.arange(A_DAY) * (24 * 60 // A_DAY), DAYS)
    score = draws.beta(4, 2, count).round(3)
    frame = pd.DataFrame(
        {
            "id": [f"loan-{number}" for number in range(count)],
            "at": pd.Timestamp(FIRST) + pd.to_timedelta(day, "D") + pd.to_timedelta(minute, "min"),
            "amount": draws.lognormal(4.6, 0.5, count).round(2),
            "car_value": draws.lognormal(5.3, 0.5, count).round(2),
            "kind": draws.choice(["car", "van"], count, p=[0.75, 0.25]),
            "branch": draws.choice(["north", "south"], count),
            "score": score,
            "repaid": draws.random(count) < score,
        }
    )
    changed = frame.index[day == (CHANGED - FIRST).days]
    cheap_first = np.sort(frame.loc[changed, "car_value"])
    frame.loc[changed, "car_value"] = cheap_first[(-frame.loc[changed, "amount"]).argsort().argsort()]
    frame.loc[5, "amount"] = -1.0
    vans = frame.index[(day == (WITH_NOTHING - FIRST).days) & (frame["kind"] == "van")]
    frame.loc[vans[0], "car_value"] = 0.0
    return frame


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with its dataset, which the program uses."""
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    write(tmp_path, LOANS)
    loans().to_csv(tmp_path / "loans.csv", index=False)
    return tmp_path


def write(folder: Path, text: str) -> None:
    text = textwrap.dedent(text).replace("FOLDER", str(folder))
    (folder / "datasets" / "loans.yml").write_text(text, encoding="utf-8")


def run() -> tuple[Report, list[str]]:
    """A run, and what it told."""
    told: list[str] = []
    return Pipeline(make_settings(datasets=("loans",)), told.append).run(), told


def expected(frame: pd.DataFrame) -> dict[tuple[object, ...], tuple[float, int]]:
    """Each figure of a group with its rows, by pandas."""
    frame = frame[frame["amount"] > 0]
    found: dict[tuple[object, ...], tuple[float, int]] = {}
    for key, group in (("", None), ("kind", frame["kind"]), ("kind,branch", frame["kind"] + " / " + frame["branch"])):
        groups = frame.groupby([frame["at"].dt.date, "" if group is None else group] if key else frame["at"].dt.date)
        for name, of_group in groups:
            day, value = name if key else (name, "")
            for metric, figure in METRICS.items():
                found[metric, key, value, day] = (figure(of_group), len(of_group))
    return found


def test_metrics_of_ones_own_are_stored_by_window_and_segment_and_watched(
    project: Path, empty_warehouse: Connection
) -> None:
    _, told = run()
    should_be, seen = expected(loans()), set()
    for metric, key, value, day, figure, status, count in rows(empty_warehouse, FIGURES):
        if metric not in METRICS:
            few = bool(key) and count < MIN_ROWS
            undefined = "out_of_range" if metric == "infinite" else "empty"
            assert (figure, status) == (None, "low_n" if few else undefined)
            continue
        seen.add((metric, key, value, day))
        wanted, there = should_be[metric, key, value, day]
        assert count == there
        if key and there < MIN_ROWS:
            assert (figure, status) == (None, "low_n")
        elif np.isnan(wanted):
            # A logarithm of nothing fails where such a row is, and nowhere else.
            assert (metric, day, figure, status) == ("mean_log", WITH_NOTHING, None, "error")
        else:
            assert (figure, status) == (pytest.approx(wanted, rel=1e-12), "ok")
    assert seen == should_be.keys()
    (note,) = (line for line in told if "mean_log" in line)
    assert "could not be computed of 1 windows (status error): 2023-03-20: cannot take logarithm of zero" in note
    # The planted change opens one incident, whichever model tells of it, and its words name the metric.
    opened = "select opened_date, column_name, model_version, model_specs from marts.fct_incidents"
    assert rows(empty_warehouse, f"{opened} where family = 'custom' and opened_date = %s", CHANGED) == [
        (CHANGED, "loan_to_value", "", "repayment, second")
    ]
    alert = "select summary, rows_query from marts.fct_alerts inner join marts.fct_incidents on alert_id = incident_id"
    ((summary, query),) = rows(empty_warehouse, f"{alert} where fct_incidents.column_name = 'loan_to_value'")
    value = should_be["loan_to_value", "", "", CHANGED][0]
    said = rf"loan_to_value \(value {value:.4g}, 0\.\d+ is expected\); the day is [\d.]+ times the threshold of custom"
    assert re.match(said, summary), summary
    assert len(rows(empty_warehouse, query)) == 100
    before = contents(empty_warehouse)
    assert run()[0].nothing_new
    assert contents(empty_warehouse) == before


@pytest.mark.slow
def test_a_metric_is_made_again_where_what_it_is_made_from_has_changed(
    project: Path, empty_warehouse: Connection
) -> None:
    made = "select metric, run_id, count(*), count(distinct window_date) from marts.fct_custom_metrics group by 1, 2"

    def changed() -> tuple[set[str], int]:
        """Of which metrics how many windows are made again by a run, of all that there are."""
        report, _ = run()
        found = [row for row in rows(empty_warehouse, made) if row[1] == report.run_id]
        return {row[0] for row in found}, sum(row[3] for row in found)

    everything = {*METRICS, "undefined", "no_number", "infinite"}
    assert changed() == (everything, DAYS * len(everything))
    others = "select * from monitoring.metric_values where layer <> 'custom' order by 1, 2, 3, 4, 5, 6, 7, 8, 9"
    before = rows(empty_warehouse, others)
    # An expression, and what a derived column is: of the metrics that read it.
    write(project, LOANS.replace("avg(ln(car_value))", "avg(sqrt(car_value))"))
    assert changed() == ({"mean_log"}, DAYS)
    assert rows(empty_warehouse, others) == before
    write(project, LOANS.replace("avg(ln(car_value))", "avg(sqrt(car_value))").replace("> 150", "> 140"))
    names, _ = changed()
    assert "large_share" in names
    # The rows are others then: what is said of the column is made again, too.
    of_column = "select count(distinct window_start) from monitoring.metric_values where column_name = 'is_large'"
    assert one(empty_warehouse, f"{of_column} and run_id = (select max(run_id) from monitoring.runs)") == DAYS
    frame = loans()
    large = frame[frame["amount"] > 0].groupby(frame["at"].dt.date)["amount"].apply(lambda found: (found > 140).mean())
    stored = f"{FIGURES} where metric = 'large_share' and segment_key = '' order by window_date"
    assert [row[4] for row in rows(empty_warehouse, stored)] == pytest.approx(large.tolist(), rel=1e-12)
    # Labels that change are no other rows, but of the metric that reads them.
    frame.loc[frame["at"].dt.date == CHANGED, "repaid"] = True
    frame.to_csv(project / "loans.csv", index=False)
    assert changed() == ({"repaid_share"}, 9)
    assert (
        one(
            empty_warehouse,
            f"select value from ({FIGURES}) as found where metric = 'repaid_share' "
            "and segment_key = '' and window_date = %s",
            CHANGED,
        )
        == 1
    )
    # Without a metric, none of its figures.
    write(project, LOANS[: LOANS.index("    metrics:")] + LOANS[LOANS.index("    models:") :].replace("> 150", "> 140"))
    assert changed() == (set(), 0)
    assert one(empty_warehouse, "select count(*) from monitoring.metric_values where layer = 'custom'") == 0
    assert one(empty_warehouse, "select count(*) from monitoring.ledger where step = 'custom_metrics'") == 0
