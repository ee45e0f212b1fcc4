"""What a dataset's file makes of models of several classes, and that others are what they were."""

from __future__ import annotations

import textwrap

import pytest

from config.dataset_file import parse_dataset
from config.dataset_monitoring import monitoring_of
from config.label_rules import ValidRange
from config.monitoring import Monitoring, RowPredictions
from config.rules_file import load_rules
from core.errors import ConfigurationError

PARCELS = """
    source: {files: parcels.csv}
    event: {timestamp: at, key: [id]}
    windows: day
    columns: {id: ignored, at: datetime, weight: numerical, p_red: numerical, p_blue: numerical, chosen: categorical,
      colour: categorical}
    models:
      sorting:
        task: multiclass
        predictions: PREDICTIONS
        label: {column: colour}
        reference: {from: 2023-03-01, to: 2023-03-31}
"""


def parcels(predictions: str) -> Monitoring:
    text = textwrap.dedent(PARCELS).replace("PREDICTIONS", predictions)
    return monitoring_of("parcels", parse_dataset(text, "parcels.yml"), load_rules())


def test_a_model_of_several_classes_has_labels_and_its_columns_are_monitored() -> None:
    monitoring = parcels("{decision: chosen, probabilities: {red: p_red, blue: p_blue}}")
    model = monitoring.models["sorting"]
    assert (model.task, model.target, model.has_prediction) == ("multiclass", "colour", False)
    assert model.in_rows is not None
    assert (model.in_rows.decision, model.in_rows.probabilities) == ("chosen", {"red": "p_red", "blue": "p_blue"})
    assert model.feature_names == ("weight", "chosen", "p_red", "p_blue")
    # Labels are the classes' numbers: what lies below 0 is none.
    assert monitoring.labels["colour"].valid == ValidRange(min=0)
    assert monitoring.without_labels() == []


def test_predictions_of_several_classes_that_are_loaded_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"models.sorting.predictions: those of several classes are columns"):
        parcels("loaded")


def test_labels_of_classes_have_no_range() -> None:
    text = textwrap.dedent(PARCELS).replace("PREDICTIONS", "{decision: chosen}")
    with pytest.raises(ConfigurationError, match="labels of task: multiclass are classes"):
        parse_dataset(text.replace("{column: colour}", "{column: colour, valid: {min: 0}}"), "parcels.yml")


def test_what_models_of_one_figure_are_made_from_is_what_it_was() -> None:
    columns = RowPredictions(column="score", cut_by="day", decision="said")
    assert columns.model_dump() == {"column": "score", "cut_by": "day", "decision": "said", "version": None}
    assert repr(columns) == "RowPredictions(column='score', cut_by='day', decision='said', version=None)"
