"""Relations and columns of a dataset that the warehouse lacks: refused before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.drift_methods import ColumnType
from config.monitoring import Column, Monitoring
from core.errors import ConfigurationError
from pipeline import dbt
from pipeline.runner import Pipeline
from pipeline.steps.ingest import Ingest
from tests.monitoring import as_example, with_example
from tests.runs import one, settings
from warehouse.database import Connection
from warehouse.relations import check_relations


def pipeline_of(folder: Path, **windows: str) -> Pipeline:
    pipeline = Pipeline(settings(folder), lambda line: None)
    changed = pipeline.monitored.of["green_trips"].windows.model_copy(update=windows)
    pipeline.monitored = with_example(pipeline.monitored, windows=changed)
    return pipeline


@pytest.mark.parametrize("kind", ["windows", "rows", "rejections"])
def test_a_relation_that_is_nowhere_is_refused(monitored_warehouse: Connection, sample_dir: Path, kind: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"green_trips: there is no relation intermediate\.nope; its dbt model has to have the columns",
    ):
        pipeline_of(sample_dir, **{kind: "intermediate.nope"}).run()
    assert one(monitored_warehouse, "select status from monitoring.runs order by run_id desc limit 1") == "failed"


@pytest.mark.slow
def test_a_name_that_is_a_model_of_another_schema_is_refused_once_it_could_be_built(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"green_trips: there is no relation marts\.green_trips_scored"):
        pipeline_of(sample_dir, rows="marts.green_trips_scored").run()


def test_another_relation_is_refused_with_its_columns(monitored_warehouse: Connection, sample_dir: Path) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"green_trips: .*green_trips_windows has no column rule, .*; it has window_",
    ):
        pipeline_of(sample_dir, rejections="intermediate.green_trips_windows").run()


def with_feature(monitoring: Monitoring, name: str, type: ColumnType = "numerical") -> Monitoring:
    model = next(iter(monitoring.models.values()))
    features = (*model.features, Column(name=name, type=type))
    changed: dict[str, Any] = monitoring.models | {"another": model.model_copy(update={"features": features})}
    return monitoring.model_copy(update={"models": changed})


def test_a_feature_that_the_rows_lack_is_refused_before_anything_is_trained(
    monitored_warehouse: Connection, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    pipeline.monitored = as_example(with_feature(pipeline.monitored.of["green_trips"], "nope"))
    monkeypatch.setattr(Ingest, "take", lambda *_, **__: pytest.fail("the run has begun"))
    with pytest.raises(
        ConfigurationError,
        match=r"models\.another\.features: intermediate\.green_trips_scored has no column nope; it has",
    ):
        pipeline.run()


def test_a_text_that_is_declared_numerical_or_is_a_target_is_refused(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    monitoring = Pipeline(settings(sample_dir), lambda line: None).monitored.of["green_trips"]
    with pytest.raises(
        ConfigurationError,
        match=r"models\.another\.features: payment_type is declared numerical, but "
        r"intermediate\.green_trips_scored has it as text: declare it categorical",
    ):
        check_relations(with_feature(monitoring, "payment_type"), may_be_missing=False, may_change=False)
    another = next(iter(monitoring.models.values())).model_copy(update={"target": "payment_type"})
    changed = monitoring.model_copy(update={"models": monitoring.models | {"another": another}})
    with pytest.raises(ConfigurationError, match=r"models\.another\.label: payment_type is of type text; a number"):
        check_relations(changed, may_be_missing=False, may_change=False)
    fine = with_feature(monitoring, "payment_type", type="categorical")
    check_relations(fine, may_be_missing=False, may_change=False)


def test_what_dbt_is_still_to_build_may_be_missing(empty_warehouse: Connection, sample_dir: Path) -> None:
    monitoring = with_feature(Pipeline(settings(sample_dir), lambda line: None).monitored.of["green_trips"], "nope")
    check_relations(monitoring, may_be_missing=True, may_change=True)
    with pytest.raises(ConfigurationError, match=r"there is no relation intermediate\.green_trips_windows"):
        check_relations(monitoring, may_be_missing=False, may_change=False)


def test_a_project_that_has_changed_may_bring_the_column(
    monitored_warehouse: Connection, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BegunError(Exception):
        pass

    def begin(*_: object, **__: object) -> None:
        raise BegunError

    monkeypatch.setattr(dbt, "project_hash", lambda monitoring: "of another project")
    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    pipeline.monitored = as_example(with_feature(pipeline.monitored.of["green_trips"], "nope"))
    monkeypatch.setattr(Ingest, "take", begin)
    with pytest.raises(BegunError):
        pipeline.run()
