"""monitoring.yml: the project's own file is valid, and every mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.monitoring_file import load_monitoring
from core.errors import ConfigurationError
from pipeline.dbt_vars import profiled_columns


def document() -> dict[str, Any]:
    return {
        "windows": {
            "timezone": "America/New_York",
            "windows": "intermediate.int_windows",
            "rows": "intermediate.green_trips_scored",
            "rejections": "intermediate.int_window_rejections",
            "profiles": "intermediate.int_column_profiles",
            "trips": "intermediate.green_trips_accepted",
            "rejected_trips": "intermediate.green_trips_rejected",
            "events": "intermediate.int_expected_events",
            "min_values": 50,
        },
        "drift": {
            "numerical": {"method": "wasserstein", "threshold": 0.1},
            "categorical": {"method": "jensenshannon", "threshold": 0.1},
        },
        "segments": {"min_rows": 100, "by": [["a"]]},
        "comparisons": {"day": ["previous"], "week": ["training", "last_year"]},
        "calibration": {"reference_days": 56, "clear_days": 3, "false_alarm_days": {"columns": 30}},
        "alerts": {
            "incident": {"warning": 1, "critical": 2},
            "prediction_drift": {"warning": 2, "critical": 5, "pending_days": 2, "clear_days": 3},
            "drifted_columns": {"excess": 2, "warning": 1, "critical": 3, "pending_days": 1, "clear_days": 3},
            "missing_share": {"warning": 0.2, "critical": 0.5, "pending_days": 1, "clear_days": 3},
            "rejected_share": {"warning": 0.03, "critical": 0.1, "pending_days": 1, "clear_days": 3},
            "volume": {"warning": 1.5, "critical": 3, "pending_days": 1, "clear_days": 3},
            "performance": {"warning": 1.25, "critical": 1.5, "pending_days": 2, "clear_days": 3, "coverage": 0.5},
            "concept_drift": {"warning": 0.25, "critical": 0.5, "pending_days": 2, "clear_days": 3, "coverage": 0.5},
            "stale_data": {"warning": 45, "critical": 120},
            "failed_run": {"critical": 1},
        },
        "dashboards": {"from": "2022-02-01", "to": "2022-02-28"},
        "labels": {"y": {"source": "trips", "ends_at": "done_at", "delay_days": 3, "jitter_days": 1}},
        "models": {
            "m": {
                "recipe": "linear_baseline",
                "target": "y",
                "features": [{"name": "a", "type": "numerical"}, {"name": "b", "type": "categorical"}],
            }
        },
    }


JANUARY = {"from": "2022-01-01", "to": "2022-01-31"}


def loaded(**changes: Any) -> dict[str, Any]:
    """A model whose predictions are loaded."""
    model = {key: value for key, value in document()["models"]["m"].items() if key != "recipe"}
    return model | {"predictions": "loaded", "reference": JANUARY} | changes


def test_another_file_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(written(tmp_path, document())))
    assert set(load_monitoring().models) == {"m"}
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(tmp_path / "nowhere.yml"))
    with pytest.raises(ConfigurationError, match=r"nowhere.yml does not exist"):
        load_monitoring()


def test_a_model_whose_predictions_are_loaded_has_a_reference_and_no_recipe(tmp_path: Path) -> None:
    content = document()
    content["models"]["m"] = loaded()
    model = load_monitoring(written(tmp_path, content)).models["m"]
    assert (model.is_loaded, model.recipe, str(model.reference)) == (True, None, "2022-01-01 to 2022-01-31")


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "monitoring.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_projects_own_file_is_valid() -> None:
    monitoring = load_monitoring()
    assert set(monitoring.models) == {"green_duration_lr", "green_duration_hgb", "green_tipped"}
    assert [column.name for column in monitoring.columns("green_duration_lr")][-1] == "prediction"


def test_a_column_takes_the_rule_of_its_type_unless_it_has_one(tmp_path: Path) -> None:
    content = document()
    content["models"]["m"]["features"][0]["drift"] = {"method": "psi", "threshold": 0.2}
    columns = {column.name: column for column in load_monitoring(written(tmp_path, content)).columns("m")}
    assert columns["a"].drift.method == "psi"
    assert columns["b"].drift.method == "jensenshannon"
    assert columns["prediction"].drift.method == "wasserstein"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["drift"]["numerical"].update(method="wassestein"), "'wassestein' cannot score"),
        (lambda d: d["drift"]["categorical"].update(method="ks"), "use one of jensenshannon, psi"),
        (lambda d: d["drift"]["numerical"].update(threshold=-1), "drift.numerical.threshold"),
        (lambda d: d["drift"]["numerical"].update(threshold=True), "drift.numerical.threshold: Value error, a number"),
        (lambda d: d["drift"]["numerical"].update(threshold="0.1"), "drift.numerical.threshold: Value error, a number"),
        (lambda d: d["windows"].update(timezone="New York"), "windows.timezone: Value error, a time zone has an IANA"),
        (lambda d: d["windows"].update(min_values=True), "windows.min_values: Value error, a number is needed"),
        (lambda d: d["alerts"]["volume"].update(clear_days=True), "alerts.volume.clear_days: Value error, a number"),
        (lambda d: d["alerts"]["failed_run"].update(critical=True), "alerts.failed_run.critical: Value error, a numb"),
        (lambda d: d["alerts"]["missing_share"].update(critical=50), "alerts.missing_share.critical: 50 is no share"),
        (lambda d: d["alerts"]["rejected_share"].update(critical=1.5), "alerts.rejected_share.critical: 1.5 is no"),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"warning": 40, "critical": 80}}),
            "alerts.missing_share.columns.a.warning: 40 is no share, which is at most 1: 25 % is written 0.25",
        ),
        (lambda d: d["alerts"]["volume"].update(warning=1), "alerts.volume.warning: 1 is reached every day"),
        (
            lambda d: d["alerts"].update(volume={"critical": 0.5, "pending_days": 1, "clear_days": 1}),
            "alerts.volume.critical: 0.5 is reached every day; it says how many times more or fewer trips than usual",
        ),
        (lambda d: d["models"]["m"]["features"][0].update(type="number"), "models.m.features.0.type"),
        (lambda d: d["models"]["m"]["features"][0].update(name='a"; drop table x'), "lower-case letters"),
        (lambda d: d["models"]["m"]["features"][1].update(name="a"), "stands there twice"),
        (lambda d: d["models"]["m"]["features"][1].update(name="prediction"), "stands there twice"),
        (lambda d: d["models"]["m"].update(features=[]), "models.m.features"),
        (lambda d: d["models"]["m"].update(colour="red"), "models.m.colour"),
        (lambda d: d["models"]["m"].update(task="ranking"), "models.m.task: Input should be 'regression' or 'binary'"),
        (lambda d: d["models"]["m"].update(task="binary", prediction="categorical"), "prediction must be numerical"),
        (lambda d: d["models"]["m"].update(only={"a": float("nan")}), "models.m.only.a"),
        (lambda d: d["models"]["m"].update(only={"a": [1, 2]}), "models.m.only.a"),
        (lambda d: d["models"]["m"].update(only={'a"; drop table x': 1}), "lower-case letters"),
        (lambda d: d["models"]["m"].pop("recipe"), "a recipe, or predictions: loaded; neither was found"),
        (lambda d: d["models"]["m"].update(predictions="loaded"), "a recipe, or predictions: loaded; both was found"),
        (lambda d: d["models"]["m"].update(predictions="guessed"), "models.m.predictions: Input should be 'loaded'"),
        (lambda d: d["models"]["m"].update(reference=JANUARY), "the reference of a recipe is what it holds out"),
        (lambda d: d["models"].update(m=loaded(reference=None)), "needs the days that are its reference, such as"),
        (lambda d: d["models"].update(m=loaded(only={"a": 1})), "only belongs to a recipe"),
        (
            lambda d: d["models"].update(m=loaded(reference={"from": "2022-02-01", "to": "2022-01-31"})),
            "models.m.reference: Value error, from 2022-02-01 lies after to 2022-01-31",
        ),
        (
            lambda d: d["models"].update(m=loaded(reference={"from": "soon", "to": "2022-01-31"})),
            "models.m.reference.from",
        ),
        (lambda d: d.pop("models"), "models"),
        (lambda d: d["windows"].update(rows="trips"), "schema.table"),
        (
            lambda d: d["alerts"]["volume"].update(warning=4),
            "alerts.volume: Value error, warning 4 lies above critical 3",
        ),
        (lambda d: d["alerts"]["volume"].pop("critical"), "alerts.volume.critical: Field required"),
        (lambda d: d["alerts"]["volume"].update(critical=0), "alerts.volume.critical"),
        (lambda d: d["alerts"]["volume"].update(critical=float("inf")), "alerts.volume.critical"),
        (lambda d: d["alerts"]["volume"].update(critical="much"), "(found 'much')"),
        (lambda d: d["alerts"]["volume"].update(pending_days=0), "alerts.volume.pending_days: Input should be greater"),
        (lambda d: d["alerts"]["volume"].update(clear_days=367), "alerts.volume.clear_days: Input should be less"),
        (lambda d: d["alerts"]["volume"].update(clear_days=1.5), "alerts.volume.clear_days"),
        (lambda d: d["alerts"]["volume"].update(colour="red"), "alerts.volume.colour: Extra inputs are not permitted"),
        (lambda d: d["alerts"]["volume"].update(models={"m": {"critical": 9}}), "alerts.volume.models: Extra inputs"),
        (lambda d: d["alerts"]["stale_data"].update(pending_days=1), "alerts.stale_data.pending_days: Extra inputs"),
        (lambda d: d["alerts"]["drifted_columns"].update(excess=0.5), "alerts.drifted_columns.excess"),
        (lambda d: d["alerts"].update(latency={"critical": 1}), "alerts.latency: Extra inputs"),
        (lambda d: d["alerts"].pop("failed_run"), "alerts.failed_run: Field required"),
        (lambda d: d.pop("alerts"), "alerts: Field required"),
        (
            lambda d: d["comparisons"].update(day=["previous", "training"]),
            "comparisons.day: a day is compared with the training reference in any case; leave training out",
        ),
        (
            lambda d: d["comparisons"].update(week=["training", "training"]),
            "comparisons.week: training stands there twice",
        ),
        (lambda d: d["comparisons"].update(year=["training"]), "comparisons.year"),
        (lambda d: d["calibration"].update(reference_days=9), "calibration.reference_days"),
        (lambda d: d["calibration"]["false_alarm_days"].update(columns=3), "calibration.false_alarm_days.columns"),
        (lambda d: d["calibration"]["false_alarm_days"].update(colours=30), "calibration.false_alarm_days"),
        (lambda d: d["alerts"]["prediction_drift"].update(opens_alerts="no"), "alerts.prediction_drift.opens_alerts"),
        (
            lambda d: d["alerts"]["prediction_drift"].update(models={"m2": {"critical": 9}}),
            "alerts.prediction_drift.models: there is no m2; there are m",
        ),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"c": {"critical": 0.9}}),
            "alerts.missing_share.columns: there is no c; there are a, b, prediction",
        ),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"warning": 0.9, "critical": 0.8}}),
            "alerts.missing_share.columns.a: Value error, warning 0.9 lies above critical 0.8",
        ),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"critical": 0.8, "pending_days": 1}}),
            "alerts.missing_share.columns.a.pending_days: Extra inputs",
        ),
        (
            lambda d: d["labels"].update(z={"source": "feed"}),
            "labels: no model has the target z; the models' targets are y",
        ),
        (lambda d: d["labels"]["y"].update(source="api"), "labels.y.source: Input should be 'trips' or 'feed'"),
        (lambda d: d["labels"]["y"].pop("source"), "labels.y.source: Field required"),
        (lambda d: d["labels"]["y"].pop("ends_at"), "labels.y: Value error, source trips needs ends_at"),
        (lambda d: d["labels"]["y"].update(delay_days=-1), "labels.y.delay_days"),
        (lambda d: d["labels"]["y"].update(jitter_days=float("nan")), "labels.y.jitter_days"),
        (lambda d: d["labels"]["y"].update(ends_at="a; drop table x"), "labels.y.ends_at: Value error, a name has"),
        (
            lambda d: d["labels"]["y"].update(valid={"min": 2, "max": 1}),
            "labels.y.valid: Value error, min 2 lies above",
        ),
        (lambda d: d["labels"]["y"].update(valid={"max": float("inf")}), "labels.y.valid.max"),
        (lambda d: d["labels"]["y"].update(valid={"least": 2}), "labels.y.valid.least: Extra inputs"),
        (lambda d: d["labels"]["y"].update(weight=2), "labels.y.weight: Extra inputs"),
        (
            lambda d: d["labels"].update(y={"source": "feed", "delay_days": 3}),
            "labels.y: Value error, delay_days and jitter_days belong to source trips",
        ),
        (lambda d: d["windows"].pop("trips"), "windows.trips: Field required"),
        (lambda d: d["dashboards"].update(to="2022-01-31"), "from 2022-02-01 lies after to 2022-01-31"),
        (lambda d: d["dashboards"].update(to="yesterday"), "relative to now such as now, now-28d or now-1w/w"),
        (lambda d: d["dashboards"].update({"from": "2022-02-30"}), "dashboards.from"),
        (lambda d: d["dashboards"].update({"from": "now-28"}), "dashboards.from"),
        (lambda d: d["dashboards"].update({"from": "now-28d; drop table x"}), "dashboards.from"),
        (lambda d: d["dashboards"].pop("to"), "dashboards.to: Field required"),
        (lambda d: d["dashboards"].update(until="now"), "dashboards.until: Extra inputs"),
        (lambda d: d.pop("dashboards"), "dashboards: Field required"),
        (lambda d: d.update(profiles={"decimals": {"a": True}}), "profiles.decimals.a"),
        (
            lambda d: d.update(profiles={"decimals": {"a": 13}}),
            "profiles.decimals.a: Input should be less",
        ),
        (
            lambda d: d.update(profiles={"decimals": {"b": 2}}),
            "no model has a numerical feature b; there",
        ),
        (lambda d: d["models"]["m"].update(prediction_decimals=-1), "models.m.prediction_decimals"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, change: Any, message: str) -> None:
    content = document()
    change(content)
    with pytest.raises(ConfigurationError) as error:
        load_monitoring(written(tmp_path, content))
    assert message in str(error.value)
    assert "monitoring.yml" in str(error.value)


def test_a_rule_may_have_levels_of_its_own_for_a_model_or_a_column(tmp_path: Path) -> None:
    content = document()
    content["alerts"]["prediction_drift"]["models"] = {"m": {"critical": 9}}
    content["alerts"]["missing_share"]["columns"] = {"a": {"warning": 0.8, "critical": 0.8}}
    alerts = load_monitoring(written(tmp_path, content)).alerts
    assert alerts.prediction_drift.models["m"].critical == 9
    assert alerts.prediction_drift.models["m"].warning is None
    assert alerts.missing_share.columns["a"].warning == 0.8


def test_labels_come_from_the_trips_or_from_a_feed_or_not_at_all(tmp_path: Path) -> None:
    content = document()
    content["labels"]["y"] = {"source": "trips", "ends_at": "done_at", "delay_days": 0, "valid": {"min": 0}}
    entry = load_monitoring(written(tmp_path, content)).labels["y"]
    assert (entry.delay_days, entry.jitter_days) == (0, 0)
    assert (entry.valid.least, entry.valid.most) == (0, float("inf"))
    content["labels"]["y"] = {"source": "feed"}
    entry = load_monitoring(written(tmp_path, content)).labels["y"]
    assert (entry.source, entry.ends_at, entry.valid.least) == ("feed", None, float("-inf"))
    del content["labels"]
    assert load_monitoring(written(tmp_path, content)).labels == {}


@pytest.mark.parametrize(
    ("time_from", "time_to"),
    [("2022-02-01", "2022-02-01"), ("now-28d", "now"), ("now-1w/w", "now/w"), ("2022-02-01", "now"), ("now", "now+1d")],
)
def test_dashboards_open_with_days_or_with_grafanas_words(tmp_path: Path, time_from: str, time_to: str) -> None:
    content = document()
    content["dashboards"] = {"from": time_from, "to": time_to}
    dashboards = load_monitoring(written(tmp_path, content)).dashboards
    assert (str(dashboards.from_), str(dashboards.to)) == (time_from, time_to)


@pytest.mark.parametrize("content", ["models: [", "", "just text"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError):
        load_monitoring(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml does not exist"):
        load_monitoring(tmp_path / "nowhere.yml")


def test_features_are_profiled_once_and_again_of_a_models_part(tmp_path: Path) -> None:
    content = document() | {"profiles": {"decimals": {"a": 2}}}
    content["models"]["m"]["prediction_decimals"] = 3
    content["models"]["part"] = document()["models"]["m"] | {"only": {"b": 1}}
    content["models"]["elsewhere"] = loaded(features=[{"name": "a", "type": "categorical"}])
    rows = profiled_columns(load_monitoring(written(tmp_path, content)))
    assert len(rows) == 9
    assert {tuple(row.values()) for row in rows} == {
        ("", "a", "numerical", 2, None),
        ("", "b", "categorical", None, None),
        ("m", "prediction", "numerical", 3, None),
        ("part", "a", "numerical", 2, None),
        ("part", "b", "categorical", None, None),
        ("part", "prediction", "numerical", None, None),
        ("", "a", "categorical", None, None),
        ("elsewhere", "a", "categorical", None, None),
        ("elsewhere", "prediction", "numerical", None, None),
    }
