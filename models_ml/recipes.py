"""How each model is trained: which rows, which of them are held out, which estimator.

A recipe knows nothing of monitoring; features, their kinds and the target come from monitoring.yml.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import ConfigurationError
from pipeline.monitoring import Column, Model

if TYPE_CHECKING:
    import pandas as pd

# The tutorial's split: the first 30,000 rows train. A smaller month keeps two fifths for validation.
_BASELINE_TRAINING_ROWS = 30_000
_BASELINE_LARGEST_SHARE = 0.6
# Every third day is held out: 3 and 7 have no common divisor, so all weekdays are on both sides.
_HELD_OUT_DAY = 3


@dataclass(frozen=True)
class Recipe:
    """One way to train.

    Attributes:
        query: named query in recipes.sql that selects the rows of a month (table, $1 = first day).
        is_training: the rows that train, as a boolean array over the selected rows; the rest validate.
        estimator: an unfitted scikit-learn estimator for the given feature columns.
        fill_missing: value that takes the place of a missing feature value, or None to leave it missing.
        version: raised when the recipe changes, so that models of the old and the new one differ.
    """

    query: str
    is_training: Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
    estimator: Callable[[tuple[Column, ...]], Any]
    fill_missing: float | None
    version: int


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in RECIPES:
        raise ConfigurationError(f"monitoring.yml: the recipe '{name}' is unknown: use one of {', '.join(RECIPES)}")
    return RECIPES[name]


def definition_sha256(model: Model) -> str:
    """Hash of what monitoring.yml says a model is: recipe, features with their kinds, target."""
    facts = {
        "recipe": [model.recipe, recipe(model.recipe).version],
        "features": [[column.name, column.type] for column in model.features],
        "target": model.target,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import KFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import TargetEncoder

    categories = [column.name for column in features if column.type == "categorical"]
    folds = KFold(n_splits=5, shuffle=True, random_state=0)
    encoder = TargetEncoder(target_type="continuous", smooth=10.0, cv=folds)
    columns = ColumnTransformer([("categories", encoder, categories)], remainder="passthrough")
    # Absolute error is what the model is judged by; squared error would chase the few three-hour trips.
    trees = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=200, learning_rate=0.08, early_stopping=False, random_state=0
    )
    return Pipeline([("columns", columns), ("trees", trees)])


RECIPES = {
    "linear_baseline": Recipe("linear_baseline_rows", _first_rows, _linear_regression, 0.0, 1),
    "gradient_boosting": Recipe("accepted_rows", _days_not_held_out, _boosted_trees, None, 1),
}
