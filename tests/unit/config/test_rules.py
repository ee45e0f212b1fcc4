"""monitoring.yml: every mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.rules_file import load_rules
from core.errors import ConfigurationError


def document() -> dict[str, Any]:
    return {
        "timezone": "America/New_York",
        "min_values": 50,
        "min_rows": 100,
        "drift": {
            "numerical": {"method": "wasserstein", "threshold": 0.1},
            "categorical": {"method": "jensenshannon", "threshold": 0.1},
        },
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
    }


def test_another_file_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(written(tmp_path, document())))
    assert load_rules().min_values == 50
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(tmp_path / "nowhere.yml"))
    with pytest.raises(ConfigurationError, match=r"nowhere.yml does not exist"):
        load_rules()


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "monitoring.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["drift"]["numerical"].update(method="wassestein"), "'wassestein' cannot score"),
        (lambda d: d["drift"]["categorical"].update(method="ks"), "use one of jensenshannon, psi"),
        (lambda d: d["drift"]["numerical"].update(threshold=-1), "drift.numerical.threshold"),
        (lambda d: d["drift"]["numerical"].update(threshold=True), "drift.numerical.threshold: a number"),
        (lambda d: d["drift"]["numerical"].update(threshold="0.1"), "drift.numerical.threshold: a number"),
        (lambda d: d["alerts"]["volume"].update(clear_days=True), "alerts.volume.clear_days: a number"),
        (lambda d: d["alerts"]["failed_run"].update(critical=True), "alerts.failed_run.critical: a numb"),
        (lambda d: d["alerts"]["missing_share"].update(critical=50), "alerts.missing_share.critical: 50 is no share"),
        (lambda d: d["alerts"]["rejected_share"].update(critical=1.5), "alerts.rejected_share.critical: 1.5 is no"),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"warning": 40, "critical": 80}}),
            "alerts.missing_share.columns.a.warning: 40 is no share, which is at most 1: 25 % is written 0.25",
        ),
        (lambda d: d["alerts"]["volume"].update(warning=1), "alerts.volume.warning: 1 is reached every day"),
        (
            lambda d: d["alerts"].update(volume={"critical": 0.5, "pending_days": 1, "clear_days": 1}),
            "alerts.volume.critical: 0.5 is reached every day; it says how many times more or fewer rows than usual",
        ),
        (
            lambda d: d["alerts"]["volume"].update(warning=4),
            "alerts.volume: warning 4 lies above critical 3",
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
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"warning": 0.9, "critical": 0.8}}),
            "alerts.missing_share.columns.a: warning 0.9 lies above critical 0.8",
        ),
        (
            lambda d: d["alerts"]["missing_share"].update(columns={"a": {"critical": 0.8, "pending_days": 1}}),
            "alerts.missing_share.columns.a.pending_days: Extra inputs",
        ),
        (lambda d: d["dashboards"].update(to="2022-01-31"), "from 2022-02-01 lies after to 2022-01-31"),
        (lambda d: d["dashboards"].update(to="yesterday"), "relative to now such as now, now-28d or now-1w/w"),
        (lambda d: d["dashboards"].update({"from": "2022-02-30"}), "dashboards.from"),
        (lambda d: d["dashboards"].update({"from": "now-28"}), "dashboards.from"),
        (lambda d: d["dashboards"].update({"from": "now-28d; drop table x"}), "dashboards.from"),
        (lambda d: d["dashboards"].pop("to"), "dashboards.to: Field required"),
        (lambda d: d["dashboards"].update(until="now"), "dashboards.until: Extra inputs"),
        (lambda d: d.pop("dashboards"), "dashboards: Field required"),
        (lambda d: d.update(timezone="New York"), "timezone: a time zone has an IANA"),
        (lambda d: d.update(min_values=True), "min_values: a number is needed"),
        (lambda d: d.update(min_rows=1), "min_rows: Input should be greater"),
        (lambda d: d.update(minimum_values=50), "there is no key 'minimum_values' here, 'min_values' is near"),
        (lambda d: d.update(models={}, labels={}), "models, labels belongs into the file of a dataset, such as"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, change: Any, message: str) -> None:
    content = document()
    change(content)
    with pytest.raises(ConfigurationError) as error:
        load_rules(written(tmp_path, content))
    assert message in str(error.value)
    assert "monitoring.yml" in str(error.value)


def test_a_rule_may_have_levels_of_its_own_for_a_model_or_a_column(tmp_path: Path) -> None:
    content = document()
    content["alerts"]["prediction_drift"]["models"] = {"m": {"critical": 9}}
    content["alerts"]["missing_share"]["columns"] = {"a": {"warning": 0.8, "critical": 0.8}}
    alerts = load_rules(written(tmp_path, content)).alerts
    assert alerts.prediction_drift.models["m"].critical == 9
    assert alerts.prediction_drift.models["m"].warning is None
    assert alerts.missing_share.columns["a"].warning == 0.8


@pytest.mark.parametrize(
    ("time_from", "time_to"),
    [("2022-02-01", "2022-02-01"), ("now-28d", "now"), ("now-1w/w", "now/w"), ("2022-02-01", "now"), ("now", "now+1d")],
)
def test_dashboards_open_with_days_or_with_grafanas_words(tmp_path: Path, time_from: str, time_to: str) -> None:
    content = document()
    content["dashboards"] = {"from": time_from, "to": time_to}
    dashboards = load_rules(written(tmp_path, content)).dashboards
    assert (str(dashboards.from_), str(dashboards.to)) == (time_from, time_to)


@pytest.mark.parametrize("content", ["drift: [", "", "just text"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError):
        load_rules(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml does not exist"):
        load_rules(tmp_path / "nowhere.yml")
