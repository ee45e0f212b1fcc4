"""How good the estimates of performance and the test for concept drift are: `make bench-estimates`.

(a) the comparison with a peer on the tutorial's months, (b) how often the intervals hold, (c) how often the test for
concept drift cries, and what it finds of changes that were planted. Real months come from TLC_DATA_DIR or data/raw,
the planted ones from generated months. The tables go to stdout and to benchmarks/estimates.md.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scored_months import (
    LINEAR,
    TREES,
    Trained,
    accepted_rows,
    days_of,
    fitted,
    in_month,
    read_month,
    trained,
    tutorial_rows,
)
from config.months import Month
from config.paths import ROOT
from config.settings import DEFAULT_DATA_DIR
from ingest.tlc.sample import load_incidents, write_sample
from python_metrics.estimates.concept_drift import concept_drift
from python_metrics.estimates.loss_estimation import LossEstimator

REPORT = Path(__file__).with_name("estimates.md")
TRAINING, FIRST = "2022-01", "2022-02"
LATER = ("2022-03", "2022-04", "2022-05", "2022-06")
ALPHA = 0.01
# A known estimator of the same kind on the same rows and days; taken over, not measured by this command.
PEER = {"miss": 0.22, "correlation": 0.91}
_ROUNDS = 5


def day_errors(estimator: LossEstimator, scored: pd.DataFrame) -> pd.DataFrame:
    """Realised and estimated MAE and RMSE of each day, with the bounds of the intervals; one row a day."""
    rows = []
    for day, trips in days_of(scored):
        found = estimator.estimate(trips[list(estimator.feature_names)], trips["prediction"].to_numpy(), seed=0)
        error = (trips["prediction"] - trips["duration_minutes"]).to_numpy()
        mae, rmse = float(np.abs(error).mean()), float(np.sqrt((error**2).mean()))
        rows.append((day, mae, found.mae.value, found.mae.low, found.mae.high, rmse, found.rmse.low, found.rmse.high))
    names = ["day", "realised", "estimated", "low", "high", "realised_rmse", "low_rmse", "high_rmse"]
    return pd.DataFrame(rows, columns=names)


def day_tests(estimator: LossEstimator, scored: pd.DataFrame) -> pd.DataFrame:
    """The test for concept drift on each day: p-value, effect size, bias excess; one row a day."""
    rows = []
    for day, trips in days_of(scored):
        prediction, label = trips["prediction"].to_numpy(), trips["duration_minutes"].to_numpy()
        found = concept_drift(estimator, trips[list(estimator.feature_names)], prediction, label, seed=0)
        rows.append((day, found.p_value, found.effect_size, found.excess, found.bias_excess))
    return pd.DataFrame(rows, columns=["day", "p_value", "effect_size", "excess", "bias_excess"])


def held_out_days(model: Trained) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors and tests of each day of the reference by an estimator that has not seen the day."""
    errors, tests = [], []
    for day, rows in days_of(model.reference):
        estimator = fitted(model.features, model.reference[model.reference["day"] != day])
        errors.append(day_errors(estimator, rows))
        tests.append(day_tests(estimator, rows))
    return pd.concat(errors), pd.concat(tests)


def main() -> None:
    """Measure everything and write the page."""
    folder = ROOT / (os.environ.get("TLC_DATA_DIR") or DEFAULT_DATA_DIR)
    if not (folder / f"green_tripdata_{TRAINING}.parquet").exists():
        raise SystemExit(f"error: no real months in {folder}: set TLC_DATA_DIR to a folder that holds them")
    months = [FIRST, *(month for month in LATER if (folder / f"green_tripdata_{month}.parquet").exists())]
    cases = {
        "linear, tutorial's rows": (LINEAR, tutorial_rows, tutorial_rows),
        "trees, accepted rows": (TREES, accepted_rows, accepted_rows),
        "linear, reference of tutorial's rows, days of accepted rows": (LINEAR, tutorial_rows, accepted_rows),
    }
    parts: list[str] = []
    for name, (spec, kept, monitored) in cases.items():
        model = trained(spec, kept(read_month(folder, TRAINING)))
        estimator = fitted(model.features, model.reference)
        scored = {month: in_month(model.score(monitored(read_month(folder, month))), month) for month in months}
        if not parts:
            parts += [_peer(estimator, scored[FIRST]), _power(model, estimator, scored[FIRST]), _speed(model)]
        parts.append(_months(name, model, estimator, scored))
    parts += [_planted()]
    report = _page(parts)
    REPORT.write_text(report, encoding="utf-8")
    print(report)


def _peer(estimator: LossEstimator, scored: pd.DataFrame) -> str:
    errors = day_errors(estimator, scored)
    miss = errors["estimated"] - errors["realised"]
    correlation = errors["estimated"].corr(errors["realised"])
    return f"""## Against the peer

The tutorial's model and rows; its validation rows are the reference; {len(errors)} days of {FIRST}; MAE in minutes.

{
        _table(
            ["", "mean absolute miss of a day's MAE", "mean miss", "correlation of estimated and realised"],
            [
                ["here", f"{miss.abs().mean():.3f}", f"{miss.mean():+.3f}", f"{correlation:.3f}"],
                ["peer (taken over, not measured here)", f"{PEER['miss']}", "", f"{PEER['correlation']}"],
            ],
        )
    }"""


def _months(name: str, model: Trained, estimator: LossEstimator, scored: dict[str, pd.DataFrame]) -> str:
    measured = {
        f"{TRAINING}, held out": held_out_days(model),
        **{month: (day_errors(estimator, rows), day_tests(estimator, rows)) for month, rows in scored.items()},
    }
    rows = []
    for month, (errors, tests) in measured.items():
        miss = errors["estimated"] - errors["realised"]
        rows.append(
            [
                month,
                f"{len(errors)}",
                f"{errors['realised'].mean():.2f}",
                f"{miss.abs().mean():.3f}",
                f"{miss.mean():+.3f}",
                f"{errors['realised'].between(errors['low'], errors['high']).mean():.0%}",
                f"{(errors['high'] - errors['low']).mean() / 2:.2f}",
                f"{errors['realised_rmse'].between(errors['low_rmse'], errors['high_rmse']).mean():.0%}",
                f"{(tests['p_value'] < ALPHA).mean():.0%}",
                f"{tests['bias_excess'].mean():+.2f}",
            ]
        )
    heads = ["month", "days", "MAE", "absolute miss", "mean miss", "MAE in interval", "half width"]
    return f"## Month by month: {name}\n\n" + _table(
        [*heads, "RMSE in interval", f"days with p < {ALPHA}", "mean bias excess"], rows
    )


def _power(model: Trained, estimator: LossEstimator, scored: pd.DataFrame) -> str:
    """Changes put into the real days."""

    def longer(factor: float) -> pd.DataFrame:
        return scored.assign(duration_minutes=scored["duration_minutes"] * factor)

    def dearer(factor: float) -> pd.DataFrame:
        paid = {name: scored[name] * factor for name in ("fare_amount", "total_amount")}
        return model.score(scored.assign(**paid))

    random = np.random.default_rng(0)
    long_trips = scored["trip_distance"] > scored["trip_distance"].median()
    fewer_short = scored[long_trips | (random.random(len(scored)) < 0.5)]
    busiest = scored["pickup_location_id"].mode()[0]
    changes = [
        ("nothing", scored),
        ("durations 5 % longer", longer(1.05)),
        ("durations 10 % longer", longer(1.10)),
        ("durations 15 % longer", longer(1.15)),
        ("durations 15 % shorter", longer(0.85)),
        ("fares 5 % higher", dearer(1.05)),
        ("fares 15 % higher", dearer(1.15)),
        ("every second short trip missing", fewer_short),
        ("no pickups in the busiest zone", scored[scored["pickup_location_id"] != busiest]),
    ]
    rows = []
    for name, changed in changes:
        tests = day_tests(estimator, changed)
        found = f"{(tests['p_value'] < ALPHA).mean():.0%}"
        rows.append([name, found, f"{tests['effect_size'].mean():+.2f}", f"{tests['bias_excess'].mean():+.2f}"])
    return f"## Changes put into {FIRST}\n\nThe tutorial's model and rows; each day tested alone.\n\n" + _table(
        ["change", f"days with p < {ALPHA}", "mean effect size", "mean bias excess, minutes"], rows
    )


def _speed(model: Trained) -> str:
    rows = model.reference[:2500]
    prediction, label = rows["prediction"].to_numpy(), rows["duration_minutes"].to_numpy()
    estimator = fitted(model.features, model.reference)
    features = rows[list(model.features)]
    taken = {
        f"fit, {len(model.reference):,} rows": _cpu_ms(lambda: fitted(model.features, model.reference)),
        "estimate, 2,500 rows": _cpu_ms(lambda: estimator.estimate(features, prediction, seed=0)),
        "test for concept drift, 2,500 rows": _cpu_ms(
            lambda: concept_drift(estimator, features, prediction, label, seed=0)
        ),
    }
    return f"## Cost\n\nProcessor time, least of {_ROUNDS}, one thread.\n\n" + _table(
        ["", "ms"], [[name, f"{milliseconds:,.0f}"] for name, milliseconds in taken.items()]
    )


def _cpu_ms(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(_ROUNDS):
        before = time.process_time()
        run()
        taken.append(time.process_time() - before)
    return 1000 * min(taken)


def _planted() -> str:
    """The incidents of the generated February, for both models."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for month in (TRAINING, FIRST):
            write_sample(Month.parse(month), folder / f"green_tripdata_{month}.parquet")
        tests, longer = {}, {}
        for spec, kept in ((LINEAR, tutorial_rows), (TREES, accepted_rows)):
            model = trained(spec, kept(read_month(folder, TRAINING)))
            scored = model.score(kept(read_month(folder, FIRST)))
            estimator = fitted(model.features, model.reference)
            tests[spec] = day_tests(estimator, scored).set_index("day")
            slower = scored.assign(duration_minutes=scored["duration_minutes"] * 1.15)
            longer[spec] = day_tests(estimator, slower).set_index("day")
    incidents = [
        (one.name, [str(day.date()) for day in pd.date_range(one.first_day, one.last_day)]) for one in load_incidents()
    ]
    touched = {day for _, days in incidents for day in days}
    clean = [day for day in tests[LINEAR].index if day not in touched]
    groups = [
        *((name, days, tests) for name, days in incidents),
        ("nothing: the clean days", clean, tests),
        ("durations 15 % longer, put into the clean days", clean, longer),
    ]
    rows = []
    for name, days, measured in groups:
        row = [name]
        for spec in (LINEAR, TREES):
            found = measured[spec].reindex(days).dropna()
            alarms = int((found["p_value"] < ALPHA).sum())
            row += (
                [f"{alarms} of {len(found)}", f"{found['p_value'].median():.2g}", f"{found['bias_excess'].mean():+.2f}"]
                if len(found)
                else ["no rows", "", ""]
            )
        rows.append(row)
    figures = [f"days with p < {ALPHA}", "median p", "bias excess"]
    heads = ["planted", *(f"{model}: {figure}" for model in ("linear", "trees") for figure in figures)]
    return "## Incidents planted in the generated February\n\n" + _table(heads, rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _page(parts: Sequence[str]) -> str:
    body = "\n\n".join(parts)
    return f"""# How good the estimates are

- Command: `make bench-estimates`, {datetime.now(UTC):%Y-%m-%d}
- What is measured, and with which formulas: [docs/explanation/methods.md](../docs/explanation/methods.md)

{body}
"""


if __name__ == "__main__":
    main()
