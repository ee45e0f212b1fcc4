"""monitoring.yml: the project's own file is valid, and every mistake is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import ConfigurationError
from pipeline.monitoring import load_monitoring


def document() -> dict[str, Any]:
    return {
        "windows": {
            "windows": "intermediate.int_windows",
            "rows": "intermediate.int_trips_scored",
            "rejections": "intermediate.int_window_rejections",
            "min_values": 50,
        },
        "drift": {
            "numerical": {"method": "wasserstein", "threshold": 0.1},
            "categorical": {"method": "jensenshannon", "threshold": 0.1},
        },
        "models": {
            "m": {
                "recipe": "linear_baseline",
                "target": "y",
                "features": [{"name": "a", "type": "numerical"}, {"name": "b", "type": "categorical"}],
            }
        },
    }


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "monitoring.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_projects_own_file_is_valid() -> None:
    monitoring = load_monitoring()
    assert set(monitoring.models) == {"green_duration_lr", "green_duration_hgb"}
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
        (lambda d: d["models"]["m"]["features"][0].update(type="number"), "models.m.features.0.type"),
        (lambda d: d["models"]["m"]["features"][0].update(name='a"; drop table x'), "lower-case letters"),
        (lambda d: d["models"]["m"]["features"][1].update(name="a"), "stands there twice"),
        (lambda d: d["models"]["m"]["features"][1].update(name="prediction"), "stands there twice"),
        (lambda d: d["models"]["m"].update(features=[]), "models.m.features"),
        (lambda d: d["models"]["m"].update(colour="red"), "models.m.colour"),
        (lambda d: d.pop("models"), "models"),
        (lambda d: d["windows"].update(rows="trips"), "schema.table"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, change: Any, message: str) -> None:
    content = document()
    change(content)
    with pytest.raises(ConfigurationError) as error:
        load_monitoring(written(tmp_path, content))
    assert message in str(error.value)
    assert "monitoring.yml" in str(error.value)


@pytest.mark.parametrize("content", ["models: [", "", "just text"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError):
        load_monitoring(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml does not exist"):
        load_monitoring(tmp_path / "nowhere.yml")
