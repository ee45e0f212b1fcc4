"""What is monitored of a dataset: its file and the rules that hold for all, as one value."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from config.dataset_file import parse_dataset
from config.dataset_monitoring import monitoring_of
from config.label_rules import Labels, ValidRange
from config.monitoring import Monitoring
from config.rules_file import load_rules
from core.errors import ConfigurationError
from pipeline.dbt_vars import profiled_columns

RIDES = """
source: {tlc: green}
event: {timestamp: began_at, timezone: America/New_York}
windows: day
columns:
  began_at: datetime
  ended_at: datetime
  minutes: {type: numerical, decimals: all}
  miles: {type: numerical, decimals: 2}
  zone: categorical
models:
  short:
    task: regression
    predictions: {recipe: linear_baseline, decimals: 3}
    label: {column: minutes, after: ended_at, delay_days: 3, jitter_days: 1, valid: {min: 0}}
    features: [miles, zone]
"""
LOADED: dict[str, Any] = {
    "task": "regression",
    "predictions": "loaded",
    "reference": {"from": "2022-01-01", "to": "2022-01-31"},
    "features": ["zone"],
}


def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(RIDES)
    return found


def made(content: dict[str, Any]) -> Monitoring:
    text = yaml.safe_dump(content).replace("'2022-01-01'", "2022-01-01").replace("'2022-01-31'", "2022-01-31")
    return monitoring_of("rides", parse_dataset(text, "rides.yml"), load_rules())


def test_a_column_takes_the_rule_of_its_type_unless_it_has_one() -> None:
    content = document()
    content["columns"]["miles"]["drift"] = {"method": "psi", "threshold": 0.2}
    content["models"]["short"]["predictions"]["drift"] = {"method": "ks", "threshold": 0.05}
    columns = {column.name: column for column in made(content).columns("short")}
    assert (columns["miles"].drift.method, columns["miles"].decimals) == ("psi", 2)
    assert columns["zone"].drift.method == "jensenshannon"
    assert (columns["prediction"].drift.method, columns["prediction"].decimals) == ("ks", 3)


def test_labels_are_in_the_rows_or_come_by_a_feed_or_not_at_all() -> None:
    content = document()
    valid = ValidRange(min=0)
    expected = Labels(source="rows", ends_at="ended_at", delay_days=3, jitter_days=1, valid=valid)
    assert made(content).labels == {"minutes": expected}
    content["models"]["short"]["label"] = {"column": "minutes", "feed": True, "valid": {"min": 0}}
    assert made(content).labels == {"minutes": Labels(source="feed", ends_at="began_at", valid=valid)}
    content["models"] = {"elsewhere": LOADED}
    monitoring = made(content)
    assert monitoring.labels == {}
    assert monitoring.without_labels() == [
        "elsewhere is never evaluated: it names no label in datasets/rides.yml (docs/how-to/labels.md)"
    ]


def test_models_that_share_a_label_say_the_same_of_it() -> None:
    content = document()
    content["models"]["long"] = document()["models"]["short"]
    assert set(made(content).labels) == {"minutes"}
    content["models"]["long"]["label"]["delay_days"] = 2
    with pytest.raises(ConfigurationError, match=r"another model says otherwise of minutes"):
        made(content)


def test_features_are_profiled_once_and_again_of_a_models_part() -> None:
    content = document()
    content["models"]["part"] = document()["models"]["short"]
    content["models"]["part"]["predictions"] = {"recipe": "gradient_boosting", "only": {"zone": 1}}
    content["models"]["elsewhere"] = LOADED
    rows = profiled_columns(made(content))
    assert len(rows) == 8
    assert {tuple(row.values()) for row in rows} == {
        ("", "miles", "numerical", 2, None),
        ("", "zone", "categorical", None, None),
        ("short", "prediction", "numerical", 3, None),
        ("part", "miles", "numerical", 2, None),
        ("part", "zone", "categorical", None, None),
        ("part", "prediction", "numerical", None, None),
        ("elsewhere", "zone", "categorical", None, None),
        ("elsewhere", "prediction", "numerical", None, None),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["columns"]["miles"].update(drift={"method": "ks_", "threshold": 0.1}),
            "method 'ks_' cannot score",
        ),
        (
            lambda d: d["columns"]["miles"].update(drift={"method": "chisquare", "threshold": 1}),
            "use one of wasserstein",
        ),
        (
            lambda d: d["columns"].update(zone={"type": "text", "drift": {"method": "ks", "threshold": 1}}),
            "this one is te",
        ),
        (lambda d: d["models"]["short"].pop("label"), "a recipe is trained on a column of the rows: write label:"),
        (lambda d: d["models"]["short"].update(label="feed"), "a recipe is trained on a column of the rows"),
        (lambda d: d["models"]["short"]["label"].pop("delay_days"), "jitter_days belongs to delay_days"),
        (lambda d: d["models"]["short"]["label"].update(known_at="ended_at"), "keep one of them"),
        (lambda d: d["models"]["short"]["label"].update(after="end"), "label: 'end' is no column of this dataset"),
        (lambda d: d["models"]["short"]["label"].update(after="zone"), "label.after: the column zone is categorical"),
        (lambda d: d["models"]["short"]["label"].update(valid={"min": 2, "max": 1}), "min 2 lies above max 1"),
        (
            lambda d: d["models"]["short"]["predictions"].update(only={"zone": [1]}),
            "models.short.predictions.only.zone",
        ),
        (
            lambda d: d["models"].update(e=LOADED | {"predictions": {"loaded": True, "only": {"zone": 1}}}),
            "to a recipe",
        ),
        (lambda d: d["models"].update(e=LOADED | {"label": {"column": "minutes", "feed": True}}), "one of the two"),
        (lambda d: d.update(source={"files": "a.csv"}), "recipes train the worked example's models only"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: Any, message: str) -> None:
    content = document()
    change(content)
    with pytest.raises(ConfigurationError) as caught:
        made(content)
    assert message in str(caught.value)
    assert str(caught.value).startswith("rides.yml")
