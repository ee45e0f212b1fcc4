"""Models of several classes, from a dataset's file to the marts: figures are held against scikit-learn's own.

Days of parcels that are sorted by colour, whose values are drawn once. On the last days the true colours have nothing
to do with what the models say, and the labels of the very last come later.
"""

from __future__ import annotations

import textwrap
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from config.dataset_file import load_dataset
from config.dataset_monitoring import monitoring_of
from config.rules_file import load_rules
from config.settings import make_settings
from core.errors import PartlyFailedError
from models_ml.label_feed import feed_of, load_labels
from pipeline.runner import Pipeline
from tests.runs import contents, one, rows
from warehouse.database import Connection

DAYS, A_DAY, WAITING = 48, 110, 2
FIRST, BROKEN = date(2023, 3, 1), date(2023, 4, 12)
WITHOUT_RED = date(2023, 4, 3)
COLOURS = ("blue", "green", "red")
GIVEN = ["p_blue", "p_green", "p_red"]
HEAD = """
    words: {one: parcel, many: parcels}
    source: {files: "FOLDER/parcels.csv"}
    event: {timestamp: at, key: [id], replace: day}
    windows: day
    columns:
      id: ignored
      at: datetime
      weight: numerical
      shop: categorical
      p_blue: {type: numerical, decimals: all}
      p_green: {type: numerical, decimals: all}
      p_red: {type: numerical, decimals: all}
      chosen: categorical
      colour: categorical
    segments: [[shop]]
    models:
"""
MODEL = """
      NAME:
        task: multiclass
        predictions: PREDICTIONS
        label: LABEL
        reference: {from: 2023-03-01, to: 2023-03-28}
        features: [weight]
        performance_windows: [week]
"""
PROBABILITIES = "{decision: chosen, probabilities: {red: p_red, green: p_green, blue: p_blue}}"


def model(name: str, predictions: str, label: str) -> str:
    return MODEL.replace("NAME", name).replace("PREDICTIONS", predictions).replace("LABEL", label)


SORTING = model("sorting", PROBABILITIES, "{column: colour}") + model(
    "choosing", "{decision: chosen}", "{column: colour}"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    return tmp_path


def parcels() -> pd.DataFrame:
    draws = np.random.default_rng(11)
    count = DAYS * A_DAY
    day = np.repeat(np.arange(DAYS), A_DAY)
    given = draws.dirichlet([1.2, 1.0, 0.6], count)
    true = (draws.random(count)[:, None] > given.cumsum(axis=1)).sum(axis=1)
    broken = day >= (BROKEN - FIRST).days
    true[broken] = draws.integers(0, 3, broken.sum())
    true[(day == (WITHOUT_RED - FIRST).days) & (true == 2)] = 0
    colours = np.array(COLOURS)
    minutes = np.tile(np.arange(A_DAY) * (24 * 60 // A_DAY), DAYS)
    return pd.DataFrame(
        {
            "id": [f"parcel-{number}" for number in range(count)],
            "at": pd.Timestamp(FIRST) + pd.to_timedelta(day, "D") + pd.to_timedelta(minutes, "min"),
            "weight": draws.normal(5, 1, count).round(2),
            "shop": draws.choice(["north", "south"], count, p=[0.7, 0.3]),
            **{name: given[:, place] for place, name in enumerate(GIVEN)},
            "chosen": colours[given.argmax(axis=1)],
            "colour": colours[true],
        }
    )


def write(folder: Path, models: str, frame: pd.DataFrame) -> None:
    text = textwrap.dedent(HEAD + models).replace("FOLDER", str(folder))
    (folder / "datasets" / "parcels.yml").write_text(text, encoding="utf-8")
    frame.to_csv(folder / "parcels.csv", index=False)


def run() -> list[str]:
    """What a run of the pipeline tells."""
    told: list[str] = []
    report = Pipeline(make_settings(datasets=("parcels",)), told.append).run()
    return [*told, "nothing new" * report.nothing_new]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def figures(frame: pd.DataFrame) -> dict[str, float]:
    """What scikit-learn says of labelled rows."""
    colour, chosen, given = frame["colour"], frame["chosen"], frame[GIVEN].to_numpy()
    areas = [metrics.roc_auc_score(colour == name, given[:, place]) for place, name in enumerate(COLOURS)
             if (colour == name).any()]  # fmt: skip
    return {
        "accuracy": metrics.accuracy_score(colour, chosen),
        "precision": metrics.precision_score(colour, chosen, average="macro", zero_division=0),
        "recall": metrics.recall_score(colour, chosen, average="macro", zero_division=0),
        "f1": metrics.f1_score(colour, chosen, average="macro", zero_division=0),
        "log_loss": metrics.log_loss(colour, given, labels=list(COLOURS)),
        "roc_auc": float(np.mean(areas)),
        "error_rate": 1 - metrics.accuracy_score(colour, chosen),
    }


def check_figures(connection: Connection, frame: pd.DataFrame, spec: str, names: tuple[str, ...]) -> None:
    """Every evaluated day and segment of a model has scikit-learn's figures, and no others."""
    every = ("accuracy", "precision", "recall", "f1", "log_loss", "roc_auc", "error_rate")
    found = rows(
        connection,
        f"select window_date, segment, label_count, {', '.join(every)} from marts.fct_model_performance "
        "where model_spec = %s and is_latest and label_count > 0",
        spec,
    )
    labelled = frame[frame["colour"].isin(COLOURS)]  # the others have no label, or one of no class
    by_day = dict(list(labelled.groupby(labelled["at"].dt.date)))
    assert {day for day, *_ in found} == set(by_day)
    for day, segment, count, *values in found:
        own = by_day[day]
        if segment != "all":
            own = own[own["shop"] == segment.removeprefix("shop=")]
        assert count == len(own)
        # Groups of fewer rows than segments.min_rows have none.
        if segment == "all":
            expected = {name: figures(own)[name] if name in names else None for name in every}
            assert dict(zip(every, values, strict=True)) == pytest.approx(expected, abs=1e-9), (spec, day)
        else:
            assert values == [None] * len(every)


PROBABLE = ("accuracy", "precision", "recall", "f1", "log_loss", "roc_auc")
DECIDED = ("accuracy", "precision", "recall", "f1", "error_rate")


@pytest.mark.slow
def test_models_of_several_classes_are_evaluated_and_raise_incidents(folder: Path, empty_warehouse: Connection) -> None:
    whole = parcels()
    whole.loc[35 * A_DAY, "colour"] = "purple"
    waits = whole["at"].dt.date >= FIRST + timedelta(days=DAYS - WAITING)
    early = whole.assign(colour=whole["colour"].where(~waits))
    write(folder, SORTING, early)
    told = run()
    assert any("'purple' (1); it knows blue, green, red" in line for line in told)
    assert one(empty_warehouse, "select array_agg(class order by position) from ml.classes") == list(COLOURS)
    assert rows(
        empty_warehouse, "select unknown_class_count, quarantined_count from marts.fct_label_loads order by 1"
    ) == [
        (0, 0),
        (1, 1),
    ]
    check_figures(empty_warehouse, early, "sorting", PROBABLE)
    check_figures(empty_warehouse, early, "choosing", DECIDED)
    check_confusion(empty_warehouse, early)
    check_weeks(empty_warehouse, early)
    check_estimates(empty_warehouse)
    incidents = (
        "select distinct model_version from marts.fct_incidents where family = 'performance' and opened_date = %s"
    )
    assert sorted(rows(empty_warehouse, incidents, BROKEN)) == [("choosing",), ("sorting",)]
    alerts = "select model_version from marts.fct_alerts where rule = 'performance' and is_open order by 1"
    assert rows(empty_warehouse, alerts) == [("choosing",), ("sorting",)]
    tasks = "select distinct task, predictions from marts.dim_models where dataset = 'parcels'"
    assert rows(empty_warehouse, tasks) == [("multiclass", "columns")]
    # The labels of the days that wait are filled in.
    write(folder, SORTING, whole)
    run()
    check_figures(empty_warehouse, whole, "sorting", PROBABLE)
    check_figures(empty_warehouse, whole, "choosing", DECIDED)
    before = contents(empty_warehouse)
    assert any("nothing new" in line for line in run())
    assert contents(empty_warehouse) == before


def check_confusion(connection: Connection, frame: pd.DataFrame) -> None:
    """The matrix of the day without red, of both models."""
    of_day = frame[frame["at"].dt.date == WITHOUT_RED]
    expected = of_day.groupby(["colour", "chosen"]).size()
    for spec in ("sorting", "choosing"):
        found = rows(
            connection,
            "select actual, predicted, row_count, share_of_actual from marts.fct_confusion "
            "where model_spec = %s and window_date = %s",
            *(spec, WITHOUT_RED),
        )
        assert {(actual, chosen): count for actual, chosen, count, _ in found} == expected.to_dict()
        for actual, _, count, share in found:
            assert share == pytest.approx(count / (of_day["colour"] == actual).sum())


def check_weeks(connection: Connection, frame: pd.DataFrame) -> None:
    """The windows of `performance_windows` that are over."""
    labelled = frame[frame["colour"].isin(COLOURS)]
    first = labelled["at"].dt.to_period("W").dt.start_time.dt.date
    for spec, loss in (("sorting", "log_loss"), ("choosing", "error_rate")):
        found = rows(
            connection,
            f"select window_date, {loss}, f1 from marts.fct_coarser_performance "
            "where model_spec = %s and is_latest and label_count > 0",
            spec,
        )
        assert len(found) == labelled["at"].dt.to_period("W").nunique()
        for week, *values in found:
            own = figures(labelled[first == week])
            assert values == pytest.approx([own[loss], own["f1"]], abs=1e-9), (spec, week)


def check_estimates(connection: Connection) -> None:
    """Days without labels are estimated; on sound days what came true lies in most of the intervals."""
    query = (
        "select metric, estimate is not null, realised is not null, is_covered, window_date from "
        "marts.fct_estimate_quality where model_spec = 'sorting' and segment = 'all'"
    )
    found = rows(connection, query)
    assert {metric for metric, *_ in found} == {"log_loss", "accuracy"}
    assert len(found) == 2 * DAYS
    assert all(is_estimated for _, is_estimated, *_ in found)
    assert sum(not is_realised for _, _, is_realised, *_ in found) == 2 * WAITING
    sound = [is_covered for *_, is_covered, day in found if day < BROKEN]
    assert np.mean(sound) > 0.85
    assert not any(is_covered for *_, is_covered, day in found if day >= BROKEN)
    assert one(connection, "select count(*) from marts.fct_estimate_quality where model_spec = 'choosing'") == 0
    drifted = "select min(window_date) from marts.fct_concept_drift where model_spec = 'sorting' and is_drifted"
    assert one(connection, drifted) == BROKEN


@pytest.mark.slow
def test_labels_of_classes_come_in_files_and_probabilities_that_are_none_are_told(
    folder: Path, empty_warehouse: Connection
) -> None:
    whole = parcels()
    write(folder, model("sorting", PROBABILITIES, "feed"), whole.assign(colour=None))
    run()
    assert one(empty_warehouse, "select count(*) from ml.labels") == 0
    dataset = load_dataset(folder / "datasets" / "parcels.yml")
    monitoring, target = feed_of([monitoring_of("parcels", dataset, load_rules())], "sorting")
    labels = whole[["id", "colour"]].rename(columns={"colour": "label"})
    labels.loc[3, "label"] = "purple"
    labels.to_csv(folder / "labels.csv", index=False)
    loaded = load_labels(monitoring, target, folder / "labels.csv")
    assert (loaded.accepted, loaded.reasons) == (len(whole) - 1, {"unknown_class": 1})
    assert rows(empty_warehouse, "select reason, record ->> 'label' from ml.rejected_labels") == [
        ("unknown_class", "purple")
    ]
    run()
    known = whole.assign(colour=labels["label"])
    check_figures(empty_warehouse, known, "sorting", PROBABLE)
    whole["p_red"] += np.where(whole.index == A_DAY, 0.5, 0.0)
    write(folder, model("sorting", PROBABILITIES, "feed"), whole.assign(colour=None))
    with pytest.raises(PartlyFailedError, match=r"add up to 1.5 in 1 of \d+ rows: they must add up to 1"):
        run()
