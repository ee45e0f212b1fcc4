"""Features as numbers, for the models that are learned here: numbers as they are, categories that are texts as codes.

A reference's features go in, FeatureCodes come out, which make a frame of floats of any rows with the same columns.
Called by python_metrics.estimates.estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.levels import levels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FeatureCodes:
    """How the features of one reference become numbers.

    Attributes:
        features: names of all features, in the order of the columns.
        codes: of each feature that holds no numbers the code of each level: the most frequent is 0.
    """

    features: tuple[str, ...]
    codes: Mapping[str, Mapping[str, int]]

    def numbers(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Features as float64, shape (rows, features): NaN where one is missing, or no level of the reference."""
        columns = {
            name: levels(rows[name]).map(self.codes[name]).astype(float)
            if name in self.codes
            else rows[name].astype(float)
            for name in self.features
        }
        return rows[[]].assign(**columns)


def code_features(reference: pd.DataFrame, features: Sequence[str]) -> FeatureCodes:
    """The codes of the reference's features."""
    codes: dict[str, dict[str, int]] = {}
    for name in features:
        if reference[name].dtype.kind not in "iuf":
            found, counts = np.unique(levels(reference[name]).dropna().to_numpy(dtype=object), return_counts=True)
            codes[name] = {str(found[place]): code for code, place in enumerate(np.argsort(-counts, kind="stable"))}
    return FeatureCodes(tuple(features), codes)
