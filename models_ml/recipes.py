"""How each model is trained: which rows, which of them are held out, which estimator.

A recipe knows nothing of monitoring; features, their kinds and the target come from the dataset's file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from config.monitoring import Column, Model, Task
from core.errors import ConfigurationError
from models_ml.inputs import Inputs

if TYPE_CHECKING:
    import pandas as pd

# The tutorial's split: the first 30,000 rows train. A smaller month keeps two fifths for validation.
_BASELINE_TRAINING_ROWS = 30_000
_BASELINE_LARGEST_SHARE = 0.6
# Every third day is held out: 3 and 7 have no common divisor, so all weekdays are on both sides.
_HELD_OUT_DAY = 3
# Columns that a text becomes at most, where it is one-hot encoded.
_MOST_LEVELS = 100

# The query of all rows that are monitored; a recipe's own may leave some of them out.
MONITORED_ROWS = "accepted_rows"


@dataclass(frozen=True)
class Recipe:
    """One way to train.

    Attributes:
        query: named query in recipes.sql that selects the rows of a month ($1 = first day, {only} = the model's rows).
        is_training: the rows that train, as a boolean array over the selected rows; the rest validate.
        estimator: an unfitted scikit-learn estimator for the given feature columns.
        fill_missing: value that takes the place of a missing feature value, or None to leave it missing.
        version: raised when the recipe changes, so that models of the old and the new one differ.
        task: what its estimator predicts.
        takes_texts: whether its estimator encodes categorical features itself, also those that are texts; without it
            texts are one-hot encoded before they reach it, and it is asked for an estimator of the other features.
    """

    query: str
    is_training: Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
    estimator: Callable[[tuple[Column, ...]], Any]
    fill_missing: float | None
    version: int
    task: Task = "regression"
    takes_texts: bool = False


def recipe_of(model: Model) -> Recipe:
    """The recipe of a model that is trained here.

    Raises:
        ConfigurationError: there is none of that name, or it predicts something else.
    """
    fitting = ", ".join(name for name, one in RECIPES.items() if one.task == model.task)
    if model.recipe not in RECIPES:
        raise ConfigurationError(f"predictions: the recipe '{model.recipe}' is unknown: use one of {fitting}")
    found = RECIPES[model.recipe]
    if found.task != model.task:
        raise ConfigurationError(
            f"predictions: the recipe '{model.recipe}' is for task {found.task}, the model of {model.target} has "
            f"task {model.task}: use one of {fitting}"
        )
    return found


def definition_sha256(model: Model) -> str:
    """Hash of what its dataset's file says a model is: recipe, features with their kinds, target, task, rows.

    Raises:
        ConfigurationError: the recipe is unknown or predicts something else.
    """
    facts: dict[str, object] = {
        "features": [[column.name, column.type] for column in model.features],
        "target": model.target,
    }
    # What has its default is no fact: models that were made before there was a choice keep their hash.
    if model.is_loaded:
        facts["loaded"] = str(model.reference or model.baseline)
        if model.in_rows is not None:
            facts["columns"] = model.in_rows.model_dump()
    else:
        facts["recipe"] = [model.recipe, recipe_of(model).version]
    if model.task != "regression":
        facts["task"] = model.task
    if model.only:
        facts["only"] = model.only
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def estimator_of(recipe: Recipe, inputs: Inputs) -> Any:
    """An unfitted estimator for these inputs that encodes texts; a new one counts as none of the known."""
    if recipe.takes_texts or not inputs.texts:
        return recipe.estimator(inputs.features)
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    # The rarest levels of a column share one: as many columns as a text has levels would be without bound.
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MOST_LEVELS, sparse_output=False)
    columns = ColumnTransformer(
        [("texts", encoder, list(inputs.texts))], remainder="passthrough", verbose_feature_names_out=False
    )
    columns.set_output(transform="pandas")
    return Pipeline([("texts", columns), ("estimator", recipe.estimator(inputs.numbers))])


def predict(estimator: Any, inputs: pd.DataFrame, task: Task) -> npt.NDArray[np.float64]:
    """What a fitted estimator predicts, shape (rows,): numbers, or for a binary task the probability of 1."""
    if task == "binary":
        return np.asarray(estimator.predict_proba(inputs)[:, 1], dtype=np.float64)
    return np.asarray(estimator.predict(inputs), dtype=np.float64)


def _first_rows(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    count = min(_BASELINE_TRAINING_ROWS, int(_BASELINE_LARGEST_SHARE * len(rows)))
    return np.arange(len(rows)) < count


def _days_not_held_out(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    days = rows["pickup_at"].dt.day.to_numpy(dtype=np.int64)
    return np.asarray(days % _HELD_OUT_DAY != 0)


def _linear_regression(features: tuple[Column, ...]) -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def _boosted_trees(features: tuple[Column, ...]) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    # Absolute error is what the model is evaluated by; squared error would chase the few three-hour trips.
    trees = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=200, learning_rate=0.08, early_stopping=False, random_state=0
    )
    return _on_encoded_categories(features, trees, target_type="continuous")


def _boosted_classifier(features: tuple[Column, ...]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, early_stopping=False, random_state=0)
    return _on_encoded_categories(features, trees, target_type="binary")


def _on_encoded_categories(features: tuple[Column, ...], estimator: Any, target_type: str) -> Any:
    """The estimator behind a target encoding of the categorical features, made out of fold."""
    from sklearn.compose import ColumnTransformer
    from sklearn.model_selection import KFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import TargetEncoder

    categories = [column.name for column in features if column.type == "categorical"]
    folds = KFold(n_splits=5, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type=target_type, smooth=10.0, cv=folds)
    columns = ColumnTransformer([("categories", encoder, categories)], remainder="passthrough")
    return Pipeline([("columns", columns), ("trees", estimator)])


RECIPES: dict[str, Recipe] = {
    "linear_baseline": Recipe("linear_baseline_rows", _first_rows, _linear_regression, 0.0, 1),
    "gradient_boosting": Recipe("accepted_rows", _days_not_held_out, _boosted_trees, None, 1, takes_texts=True),
    "boosted_classifier": Recipe(
        "accepted_rows", _days_not_held_out, _boosted_classifier, None, 1, task="binary", takes_texts=True
    ),
}
