"""What labels say: figures of the rows whose label has arrived, what was evaluated when, and before any label comes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from psycopg import sql

from config.paths import ROOT
from config.settings import end_of_day
from models_ml.store import stored_models
from pipeline import dbt
from pipeline.runner import Pipeline
from pipeline.steps.step import monitored
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.monitor import References
from python_metrics.monitored import Window
from python_metrics.performance.evaluations import Evaluations
from tests.monitoring import green_trips, with_example
from tests.runs import one, rows, run, settings
from warehouse import engine
from warehouse.database import Connection, read_frame
from warehouse.engine import Unit

HGB = "green_duration_hgb"
DAY = "2022-02-11"


def day_rows(connection: Connection, day: str, spec: str) -> pd.DataFrame:
    version = one(connection, "select model_version from ml.models where spec = %s", spec)
    return read_frame(
        sql.SQL(
            "select scored.*, labels.label from intermediate.green_trips_scored as scored "
            "left join ml.labels as labels using (event_id) "
            "where target = 'duration_minutes' and model_version = $1 and window_date = cast($2 as date) "
            "order by source_row"
        ).format(),
        [version, day],
    )


def test_figures_are_those_of_the_rows(monitored_warehouse: Connection) -> None:
    trips = day_rows(monitored_warehouse, DAY, HGB)
    error = trips["prediction"] - trips["label"]
    expected = {
        "all": error,
        "pickup_borough=Queens": error[trips["pickup_borough"] == "Queens"],
        "payment_type=missing": error[trips["payment_type"].isna()],
    }
    found = rows(
        monitored_warehouse,
        "select segment, label_count, mae, rmse, bias, p90_absolute_error from marts.fct_model_performance "
        "where window_date = %s and model_spec = %s and is_latest",
        DAY,
        HGB,
    )
    figures = {segment: values for segment, *values in found}
    for segment, errors in expected.items():
        size = errors.abs()
        assert len(errors) >= 100
        assert figures[segment] == pytest.approx(
            [len(errors), size.mean(), (errors**2).mean() ** 0.5, errors.mean(), np.quantile(size, 0.9)], rel=1e-9
        )


def test_a_small_group_has_a_status_and_no_number(monitored_warehouse: Connection) -> None:
    small = rows(
        monitored_warehouse,
        "select label_count, mae, bias, status from marts.fct_model_performance "
        "where segment_key != '' and label_count < 100",
    )
    assert len(small) > 100
    assert {(mae, bias) for _, mae, bias, _ in small} == {(None, None)}
    assert {status for *_, status in small} <= {"low_n", "empty"}


def test_a_segment_is_compared_with_the_same_group_of_the_reference(monitored_warehouse: Connection) -> None:
    trips = day_rows(monitored_warehouse, DAY, HGB)
    here = trips.loc[trips["pickup_borough"] == "Brooklyn", "prediction"]
    there = pd.Series(
        [
            row[0]
            for row in rows(
                monitored_warehouse,
                "select cast(record ->> 'prediction' as double precision) from ml.reference_rows "
                "inner join ml.models using (reference_id) "
                "where spec = %s and segments ->> 'pickup_borough' = 'Brooklyn' order by position",
                HGB,
            )
        ]
    )
    column = green_trips().columns(HGB)[-1]
    rule, kept = column.drift, column.decimals
    assert kept is not None
    score, _ = statistical_test(there.round(kept), here.round(kept), "numerical", rule.method, rule.threshold)
    found = rows(
        monitored_warehouse,
        "select prediction_drift, row_count, share_missing_values from marts.fct_segment_monitoring "
        "where window_date = %s and model_spec = %s and segment_key = 'pickup_borough' and segment_value = 'Brooklyn'",
        DAY,
        HGB,
    )
    features = [*green_trips().models[HGB].feature_names, "prediction"]
    missing = trips.loc[trips["pickup_borough"] == "Brooklyn", features].isna().to_numpy().mean()
    assert found == [(pytest.approx(score), len(here), pytest.approx(missing))]


def test_effects_add_up_to_the_change_of_the_loss(monitored_warehouse: Connection) -> None:
    loss = "case when model_spec = 'green_tipped' then log_loss else mae end"
    apart = rows(
        monitored_warehouse,
        f"""
        select window_date, segment_key, sum(contribution), max(change) from marts.fct_change_attribution
        inner join (
            select window_date, model_version, {loss} - reference_loss as change
            from marts.fct_model_performance where segment = 'all' and is_latest
        ) as performance using (window_date, model_version)
        where kind = 'segment'
        group by model_version, window_date, segment_key
        having abs(sum(contribution) - max(change)) > 1e-9
        """,
    )
    assert apart == []
    assert one(monitored_warehouse, "select count(distinct segment_key) from marts.fct_change_attribution") > 5


def test_every_day_is_estimated_and_the_estimate_is_compared_with_labels(monitored_warehouse: Connection) -> None:
    days = rows(
        monitored_warehouse,
        "select estimate, lower_bound, upper_bound, realised, error, is_covered, label_coverage "
        "from marts.fct_estimate_quality where segment = 'all' and metric = 'mae' and window_date != '2022-02-26'",
    )
    assert len(days) == 2 * 27
    for estimate, low, high, realised, error, covered, coverage in days:
        assert low < estimate < high
        assert error == pytest.approx(estimate - realised)
        assert covered == (low <= realised <= high)
        assert coverage == 1
    empty = rows(
        monitored_warehouse,
        "select distinct status, estimate from marts.fct_estimate_quality where window_date = '2022-02-26'",
    )
    assert empty == [("empty", None)]


def test_the_reference_that_a_model_is_evaluated_by_is_named(monitored_warehouse: Connection) -> None:
    models = rows(
        monitored_warehouse,
        "select model_spec, reference_id, evaluation_reference_id, reference_rows, evaluated_count, reference_loss, "
        "coalesce(validation_mae, validation_log_loss) from marts.dim_models order by 1",
    )
    for spec, reference, evaluated, reference_rows, count, loss, validation in models:
        if spec == "green_duration_lr":
            assert "-held-out-" in evaluated != reference
            assert (count > reference_rows, loss > validation) == (True, True)
        else:
            assert (evaluated, count) == (reference, reference_rows)
            assert loss == pytest.approx(validation)
    named = {spec: (reference, evaluated) for spec, reference, evaluated, *_ in models}
    rows_of_lr = rows(
        monitored_warehouse,
        "select count(*), avg(abs((record ->> 'prediction')::float8 - (record ->> 'duration_minutes')::float8)) "
        "from ml.reference_rows where reference_id = %s",
        named["green_duration_lr"][1],
    )
    assert rows_of_lr == [(models[1][4], pytest.approx(models[1][5]))]
    for mart in (
        "fct_model_performance", "fct_concept_drift", "fct_estimate_quality", "fct_segment_monitoring",
        "fct_segment_fairness", "fct_change_attribution",
    ):  # fmt: skip
        found = rows(
            monitored_warehouse,
            f"select distinct model_spec, reference_id, evaluation_reference_id from marts.{mart} "
            + "where kind = 'segment'" * (mart == "fct_change_attribution"),
        )
        assert {spec: (reference, evaluated) for spec, reference, evaluated in found} == named, mart
    drift = (
        "select bool_and(evaluation_reference_id = reference_id) from marts.fct_change_attribution where kind = 'drift'"
    )
    assert one(monitored_warehouse, drift)


def test_an_estimate_is_compared_where_nine_tenths_of_the_labels_are_there(monitored_warehouse: Connection) -> None:
    for day, coverage in (("2022-02-10", 0.8999), ("2022-02-11", 0.9), ("2022-02-12", 0.0)):
        monitored_warehouse.execute(
            "update monitoring.metric_values set value = %s where metric = 'label_coverage' and segment_key = '' "
            "and window_start = cast(%s as timestamp) at time zone 'America/New_York'",
            [coverage, day],
        )
    monitored_warehouse.execute(
        "update monitoring.metric_values set value = null, status = 'empty', lower_bound = null, upper_bound = null "
        "where metric = 'estimated_mae' and segment_key = '' and window_start = '2022-02-13 00:00-05'"
    )
    dbt.build("--full-refresh", "--select", "fct_estimate_quality", run_id=None)
    days = rows(
        monitored_warehouse,
        "select window_date::text, comparison_status, estimate, realised, error, is_covered, trailing_days, "
        "trailing_mean_absolute_error, trailing_correlation from marts.fct_estimate_quality "
        "where segment = 'all' and metric = 'mae' and model_spec = %s and window_date <= '2022-02-14' order by 1",
        HGB,
    )
    status = {day: found for day, found, *_ in days if found != "ok"}
    assert status == {"2022-02-10": "few_labels", "2022-02-12": "no_labels", "2022-02-13": "no_estimate"}
    compared = pd.DataFrame([row[2:4] for row in days if row[1] == "ok"], columns=["estimate", "realised"])
    for _, found, _, realised, error, is_covered, *_ in days:
        assert realised is not None
        assert (error is None, is_covered is None) == (found != "ok", found != "ok")
    miss = (compared["estimate"] - compared["realised"]).abs().mean()
    correlation = compared["estimate"].corr(compared["realised"])
    assert days[-1][6:] == (11, pytest.approx(miss), pytest.approx(correlation))


def test_a_single_group_has_a_word_of_its_own(monitored_warehouse: Connection) -> None:
    found = rows(
        monitored_warehouse,
        "select distinct group_count, status from marts.fct_segment_fairness where segment_key = 'day_type'",
    )
    assert set(found) <= {(1, "one_group"), (0, "low_n")}
    assert (1, "one_group") in found
    few = "select count(*) from marts.fct_segment_fairness where status = 'low_n' and group_count = 1"
    alone = """
        select count(*) from marts.fct_segment_fairness as fairness
        where status = 'one_group' and 1 < (
            select count(*) from marts.fct_segment_monitoring as segments
            where segments.window_start = fairness.window_start and segments.model_version = fairness.model_version
            and segments.segment_key = fairness.segment_key and segments.row_count > 0
        )
    """
    assert (one(monitored_warehouse, few) > 0, one(monitored_warehouse, alone)) == (True, 0)


def told(folder: Path, as_of: str = "") -> list[str]:
    lines: list[str] = []
    Pipeline(settings(folder, as_of=as_of), lines.append).run()
    return [line for line in lines if line.startswith("AS_OF")]


@pytest.mark.slow
def test_a_look_back_says_which_moment_and_where_to_look(monitored_warehouse: Connection, sample_dir: Path) -> None:
    assert told(sample_dir) == []
    (early,) = told(sample_dir, as_of="2022-01-31")
    assert early.endswith("; no monitored day had ended by then, so nothing is known of that moment")
    assert one(monitored_warehouse, "select count(*) from marts.fct_model_performance where not is_latest") == 0
    (line,) = told(sample_dir, as_of="2022-02-02")
    assert line == (
        "AS_OF: evaluated by the labels observed until 2022-02-03 00:00 EST, for the 2 of 28 monitored days that had "
        "ended; look into marts.fct_model_performance where as_of <= '2022-02-03 00:00-0500' (docs/how-to/labels.md)"
    )
    page = (ROOT / "docs" / "how-to" / "labels.md").read_text(encoding="utf-8")
    page = page.split("## What was known at a moment: AS_OF")[1]
    query = page.split("```sql\n")[1].split("```")[0].replace("2022-02-21 00:00", "2022-02-03 00:00")
    found = rows(monitored_warehouse, query)
    assert [str(row[1]) for row in found] == ["2022-02-01", "2022-02-02"] * 3


def evaluations(connection: Connection, *, latest: bool) -> dict[str, Any]:
    found = rows(
        connection,
        "select window_date::text, label_count, row_count, mae, as_of from marts.fct_model_performance "
        "where model_spec = %s and segment = 'all' and is_latest = %s",
        HGB,
        latest,
    )
    return {day: values for day, *values in found}


@pytest.mark.slow
def test_what_was_known_at_a_day_is_what_had_arrived_by_then(monitored_warehouse: Connection, sample_dir: Path) -> None:
    now = evaluations(monitored_warehouse, latest=True)
    report = run(sample_dir, as_of="2022-02-12")
    assert {step.name for step in report.steps if not step.skipped} == {"performance", "marts"}
    assert evaluations(monitored_warehouse, latest=True) == now, "what is evaluated now does not change by looking back"
    then = evaluations(monitored_warehouse, latest=False)
    end = end_of_day(pd.Timestamp("2022-02-12").date())
    assert {values[-1] for values in then.values()} == {end}
    arrived = dict(
        rows(
            monitored_warehouse,
            "select window_date::text, count(*) from ml.labels inner join intermediate.green_trips_accepted "
            "using (event_id) where target = 'duration_minutes' and observed_at <= %s group by 1",
            end,
        )
    )
    counts = {day: values[0] for day, values in then.items()}
    assert counts["2022-02-12"] == 0
    assert 0 < counts["2022-02-09"] < then["2022-02-09"][1]
    assert counts["2022-02-05"] == then["2022-02-05"][1]
    assert {day: count for day, count in counts.items() if count} == {
        day: count for day, count in arrived.items() if day >= "2022-02"
    }
    trips = day_rows(monitored_warehouse, "2022-02-09", HGB)
    observed = dict(
        rows(
            monitored_warehouse,
            "select event_id, observed_at from ml.labels where target = 'duration_minutes' "
            "and event_id >= monitoring.first_event('2022-02-01') and observed_at <= %s",
            end,
        )
    )
    known = trips[trips["event_id"].isin(observed)]
    assert then["2022-02-09"][2] == pytest.approx((known["prediction"] - known["label"]).abs().mean())
    assert max(counts) == "2022-02-12", "of a day that is not over nothing is evaluated"
    # The same moment again: nothing to do. A later one: the day that ended, and those whose labels came in between.
    assert run(sample_dir, as_of="2022-02-12").nothing_new
    later = run(sample_dir, as_of="2022-02-13")
    changed = rows(
        monitored_warehouse,
        "select distinct window_date::text from marts.fct_model_performance "
        "where as_of = %s and model_spec = %s order by 1",
        end_of_day(pd.Timestamp("2022-02-13").date()),
        HGB,
    )
    came_between = rows(
        monitored_warehouse,
        "select distinct window_date::text from ml.labels inner join intermediate.green_trips_accepted "
        "using (event_id) where target = 'duration_minutes' "
        "and observed_at > %s and observed_at <= %s order by 1",
        end,
        end_of_day(pd.Timestamp("2022-02-13").date()),
    )
    assert not later.nothing_new
    assert changed == sorted({*came_between, ("2022-02-13",)})
    assert 3 <= len(came_between) <= 4


@pytest.mark.slow
def test_an_earlier_evaluation_goes_into_the_history(monitored_warehouse: Connection, sample_dir: Path) -> None:
    monitored_warehouse.execute("delete from monitoring.metric_values where as_of is not null")
    monitored_warehouse.execute("delete from monitoring.ledger where step = 'performance'")
    run(sample_dir, as_of="2022-02-28")
    first = evaluations(monitored_warehouse, latest=True)
    assert first["2022-02-28"][0] == 0
    run(sample_dir)
    now, before = evaluations(monitored_warehouse, latest=True), evaluations(monitored_warehouse, latest=False)
    assert now["2022-02-28"][0] == now["2022-02-28"][1]
    assert before == {day: values for day, values in first.items() if now[day][:3] != values[:3]}
    assert set(before) == {"2022-02-25", "2022-02-27", "2022-02-28"}


def test_a_settled_month_is_not_counted_again_until_something_of_it_changes(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    settled = "select distinct model_version, source_month from monitoring.settled_months order by 1"
    evaluated = (
        "select distinct subject, cast('2022-02-01' as date) from monitoring.ledger "
        "where step = 'performance' and subject != '' order by 1"
    )
    assert rows(monitored_warehouse, settled) == rows(monitored_warehouse, evaluated) != []
    evaluate = Pipeline(settings(sample_dir), lambda line: None)
    (model,) = (monitored(one) for one in stored_models() if one.spec == HGB)
    as_of, rules = evaluate.settings.as_of, evaluate.monitored.of["green_trips"]
    monitored_warehouse.execute(
        "update ml.labels set label = label + 1 where event_id >= monitoring.first_event('2022-02-01')"
    )

    def pending(as_of: datetime) -> list[Unit[Window]]:
        work = Evaluations(rules, model, References(rules), as_of, run_id=2)
        return engine.pending(monitored_warehouse, work)[0]

    assert pending(as_of) == []
    # What happened behind its back is seen with the next load of labels.
    monitored_warehouse.execute(
        "insert into ml.label_loads "
        "(dataset, target, origin, location, sha256, inputs_hash, rows, accepted, unchanged, quarantined) "
        "values ('green_trips', 'duration_minutes', 'feed', 'x', 'x', 'x', 0, 0, 0, 0)"
    )
    assert len(pending(as_of)) > 20
    # Of an earlier moment less was known.
    assert pending(end_of_day(date(2022, 2, 10))) != []


@pytest.mark.slow
def test_a_model_without_labels_has_estimates_only(monitored_warehouse: Connection, sample_dir: Path) -> None:
    lines: list[str] = []
    pipeline = Pipeline(settings(sample_dir), lines.append)
    pipeline.monitored = with_example(pipeline.monitored, labels={})
    monitored_warehouse.execute("delete from monitoring.metric_values where as_of is not null")
    monitored_warehouse.execute("delete from monitoring.ledger where step = 'performance'")
    pipeline.run()
    assert sum(line.startswith("note: ") and "is never evaluated: it names no label" in line for line in lines) == 3
    assert one(monitored_warehouse, "select count(*) from marts.fct_model_performance") == 0
    realised = rows(
        monitored_warehouse,
        "select count(estimate), count(realised) from marts.fct_estimate_quality where metric = 'mae'",
    )
    assert realised[0][0] > 0
    assert realised[0][1] == 0


@pytest.mark.slow
def test_a_segment_column_that_is_not_there_or_empty_takes_nothing_down(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    segments = pipeline.monitored.of["green_trips"].segments.model_copy(
        update={"by": (("no_such_column",), ("ehail_fee",))}
    )
    pipeline.monitored = with_example(pipeline.monitored, segments=segments)
    monitored_warehouse.execute("delete from monitoring.ledger where step = 'metrics' and window_start > '2022-02-03'")
    pipeline.run()
    keys = rows(
        monitored_warehouse,
        "select distinct segment_key, segment_value from marts.fct_segment_monitoring order by 1",
    )
    assert keys == [("ehail_fee", "missing")]
    drift = rows(monitored_warehouse, "select distinct drift_status from marts.fct_segment_monitoring")
    assert drift == [("missing_column",)], "the reference was kept without that column"
