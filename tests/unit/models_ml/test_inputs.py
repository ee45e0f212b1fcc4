"""What estimators are given: numbers as ever, texts encoded, and a model file that opens again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from config.monitoring import PREDICTION, Column
from core.errors import ModelError
from models_ml.artifacts import read_artifact, write_artifact
from models_ml.inputs import Inputs, check_texts
from models_ml.recipes import RECIPES, estimator_of, predict
from models_ml.references import frame_sha256, make_reference
from python_metrics.estimates.estimates import make_estimator
from python_metrics.estimates.feature_codes import code_features
from tests.monitoring import green_trips

FEATURES = (
    Column(name="distance", type="numerical"),
    Column(name="zone", type="categorical"),
    Column(name="payment", type="categorical"),
    Column(name="flag", type="categorical"),
)
TYPES = {"distance": "double precision", "zone": "bigint", "payment": "text", "flag": "boolean"}
INPUTS = Inputs(FEATURES, TYPES)


def rows(count: int = 600, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    payment = random.choice(np.array(["card", "cash", " cash", None], dtype=object), count)
    flag = random.choice(np.array([True, False, None], dtype=object), count)
    distance, zone = random.gamma(2, 2, count), random.integers(1, 9, count)
    # By element, with None as not true: `is` would look at the whole array, and None cannot be multiplied.
    label = 3 * distance + 5 * (payment == "cash") + 2 * (flag == True) + random.normal(0, 0.3, count)  # noqa: E712
    return pd.DataFrame({"distance": distance, "zone": zone, "payment": payment, "flag": flag, "label": label})


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As training has it."""
    with threadpool_limits(limits=1):
        yield


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_from_texts_and_booleans_and_opens_again(tmp_path: Path, name: str) -> None:
    recipe, train = RECIPES[name], rows()
    label = train["label"] if recipe.task == "regression" else (train["payment"] == "cash").astype(float)
    frame = INPUTS.frame(train, recipe.fill_missing)
    estimator = estimator_of(recipe, INPUTS)
    estimator.fit(frame, label)
    file, sha256 = write_artifact(estimator, tmp_path, "m")
    again = read_artifact(tmp_path / file, sha256)
    other = rows(seed=1)
    other.loc[:9, "payment"] = "bitcoin"
    said = predict(again, INPUTS.frame(other, recipe.fill_missing), recipe.task)
    assert np.isfinite(said).all()
    assert (said == predict(estimator, INPUTS.frame(other, recipe.fill_missing), recipe.task)).all()
    cash, card = (said[10:][(other["payment"] == one)[10:]] for one in ("cash", "card"))
    other_label = other["label"] if recipe.task == "regression" else (other["payment"] == "cash").astype(float)
    assert np.corrcoef(said[10:], other_label[10:])[0, 1] > 0.9
    assert cash.mean() > card.mean()


@pytest.mark.parametrize("spec", green_trips().models)
def test_models_of_numbers_are_those_they_were(spec: str) -> None:
    model = green_trips().models[spec]
    types = {column.name: "double precision" for column in model.features}
    recipe = RECIPES[str(model.recipe)]
    made, plain = estimator_of(recipe, Inputs(model.features, types)), recipe.estimator(model.features)
    assert str(made) == str(plain)


def test_an_id_is_refused() -> None:
    train = rows().assign(payment=[f"customer {number}" for number in range(600)])
    frame = INPUTS.frame(train, 0.0)
    with pytest.raises(ModelError, match=r"m: the feature payment has 600 different texts in 600 rows, as an id has"):
        check_texts("m", INPUTS, frame)
    check_texts("m", INPUTS, INPUTS.frame(rows(), 0.0))


def test_a_text_of_many_levels_becomes_a_bounded_number_of_columns() -> None:
    train = rows(5000).assign(payment=[f"shop {number % 2000}" for number in range(5000)])
    frame = INPUTS.frame(train, 0.0)
    estimator = estimator_of(RECIPES["linear_baseline"], INPUTS).fit(frame, train["label"])
    assert estimator[:-1].transform(frame).shape[1] <= 103


def test_a_reference_keeps_levels_and_its_hash_sees_them() -> None:
    held_out = rows().assign(**{PREDICTION: 1.0})
    reference = make_reference("m", "", held_out, FEATURES, "label")
    assert list(reference.values) == [*TYPES, PREDICTION, "label"]
    assert set(reference.values["payment"]) == {"card", "cash", " cash", None}
    assert set(reference.values["flag"]) == {"true", "false", None}
    assert reference.values["zone"].dtype == np.float64
    changed = held_out.assign(payment=held_out["payment"].replace(" cash", "cash"))
    assert make_reference("m", "", changed, FEATURES, "label").reference_id != reference.reference_id


def test_the_hash_of_numbers_is_the_one_it_was() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [0.5, -0.0]})
    assert frame_sha256(frame).startswith("ea66f883")


def test_the_error_of_a_model_of_texts_is_estimated() -> None:
    """A payment whose trips are all off by 5 minutes has the larger expected error."""
    reference = rows(3000).assign(**{PREDICTION: lambda frame: 3 * frame["distance"]})
    days = pd.Series(np.arange(3000) // 300)
    features = tuple(TYPES)
    estimator = make_estimator("regression", reference, features, "label", days)
    assert estimator is not None
    window: Any = rows(2000, seed=2).assign(**{PREDICTION: lambda frame: 3 * frame["distance"]})
    cash, card = ((window["payment"] == one).to_numpy() for one in ("cash", "card"))
    of_cash, of_card = estimator.figures(window, [cash, card])
    assert of_cash is not None
    assert of_card is not None
    assert of_cash["mae"] is not None
    assert of_card["mae"] is not None
    assert of_cash["mae"].value > of_card["mae"].value + 3
    prediction, label = window[PREDICTION].to_numpy(), window["label"].to_numpy()
    assert estimator.concept_drift(window, prediction, label, 0).p_value > 0.01
    # As the reference comes out of the warehouse, and a level that it has not seen.
    codes = code_features(reference.assign(flag=reference["flag"].map({True: "true", False: "false"})), features)
    coded = codes.numbers(window.assign(payment="bitcoin"))
    assert coded["payment"].isna().all()
    assert set(coded["flag"].dropna()) == {0.0, 1.0}
