"""What an estimator is given: numbers for numbers and booleans, texts for all else, without missing texts.

Rows as the warehouse gives them go in, a frame of float64 and text columns comes out. Called by train and score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from config.monitoring import Column
from core.errors import ModelError
from core.levels import is_text, levels, selected

if TYPE_CHECKING:
    import pandas as pd

# Stands for a missing text: no text that Postgres can hold has this character.
MISSING_TEXT = "\0missing"
# A text with more levels than this share of the rows, and than so many, names rows and says nothing of them.
_MOST_DISTINCT_SHARE = 0.5
_MOST_DISTINCT = 100


@dataclass(frozen=True)
class Inputs:
    """A model's features with the types that a relation has them in.

    Attributes:
        features: in the order the estimator takes them.
        types: Postgres' names of the types of the relation's columns.
    """

    features: tuple[Column, ...]
    types: dict[str, str]

    @property
    def texts(self) -> tuple[str, ...]:
        """The features that an estimator is given as text."""
        return tuple(
            column.name for column in self.features if column.type == "categorical" and is_text(self.types[column.name])
        )

    @property
    def numbers(self) -> tuple[Column, ...]:
        return tuple(column for column in self.features if column.name not in self.texts)

    def columns(self, names: Sequence[str], segment_columns: Sequence[str] = ()) -> sql.Composable:
        """These columns as they are selected: features and what rows are compared by as `levels` has it."""
        read = {*(column.name for column in self.features), *segment_columns}
        return sql.SQL(", ").join(
            selected(name, self.types[name]) if name in read else sql.Identifier(name) for name in names
        )

    def frame(self, rows: pd.DataFrame, fill_missing: float | None) -> pd.DataFrame:
        """The features of rows, shape (rows, features); `fill_missing` takes the place of a missing number."""
        texts = set(self.texts)
        columns: dict[str, pd.Series[Any]] = {}
        for column in self.features:
            values = rows[column.name]
            if column.name in texts:
                columns[column.name] = levels(values).fillna(MISSING_TEXT)
            else:
                number = values.astype("float64")
                columns[column.name] = number if fill_missing is None else number.fillna(fill_missing)
        return rows[[]].assign(**columns)


def check_texts(spec: str, inputs: Inputs, frame: pd.DataFrame) -> None:
    """Refuse a text that is another one in nearly every row.

    Raises:
        ModelError: names the feature.
    """
    for name in inputs.texts:
        present = frame[name][frame[name] != MISSING_TEXT]
        distinct = present.nunique()
        if distinct > _MOST_DISTINCT and distinct > _MOST_DISTINCT_SHARE * len(present):
            raise ModelError(
                f"{spec}: the feature {name} has {distinct:,} different texts in {len(present):,} rows, as an id has: "
                "nothing can be learned from it, and every day is another one. Leave it out of features, or name a "
                "column that groups its values"
            )
