"""What a model of several classes says of rows: the class it decided for, and the probability of each class.

Rows of a window or of a reference go in, `ClassPredictions` come out; classes are named by their numbers, as labels are
(ml.classes). Nothing is read or written. Called by python_metrics.monitor, python_metrics.estimates and
python_metrics.performance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ModelError
from core.levels import levels
from python_metrics.estimates.probabilities import TINY, least_probability

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

NO_CLASS = -1
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class ClassPredictions:
    """What is said of rows.

    Attributes:
        names: the classes by their numbers: those of the target, then those that were decided for and are none of them.
        decided: the number of the class that was decided for, NO_CLASS where nothing is said, shape (rows,).
        probabilities: of the target's classes, shape (rows, classes); None where the model gives none.
        confidence: the probability of the class that was decided for, 1 where the model gives none; NaN where nothing
            is said, shape (rows,).
        is_known: whether a class is the model's, shape (names,): not one that it gives no probability to, as one of
            another model with the same target.
    """

    names: tuple[str, ...]
    decided: Codes
    probabilities: Floats | None
    confidence: Floats
    is_known: NDArray[np.bool_]

    def __getitem__(self, rows: NDArray[np.bool_]) -> ClassPredictions:
        """Of some of the rows, by a mask."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return replace(self, decided=self.decided[rows], probabilities=probabilities, confidence=self.confidence[rows])


@dataclass(frozen=True)
class Classes:
    """Where rows say what a model says.

    Attributes:
        names: the classes of the target, by their numbers.
        probabilities: the column of each class that the model gives a probability to; None where it gives none.
        decision: the column of the class that was decided for; None where it is the most probable one.
        least: how far from 0 and 1 log loss keeps probabilities (python_metrics.estimates.probabilities).
    """

    names: tuple[str, ...]
    probabilities: dict[str, str] | None
    decision: str | None
    least: float = TINY

    def learned(self, reference: pd.DataFrame) -> Classes:
        """The same with what a reference's rows say of how exactly probabilities are given."""
        if self.probabilities is None:
            return self
        return replace(self, least=least_probability(self._matrix(reference).ravel()))

    def read(self, rows: pd.DataFrame) -> ClassPredictions:
        """What is said of rows; a class without a column has the probability 0.

        Raises:
            ModelError: a probability is not between 0 and 1, or those of a row do not add up to 1.
        """
        names, decided = self.names, np.full(len(rows), NO_CLASS, dtype=np.intp)
        if self.decision is not None:
            names, decided = self._decisions(rows[self.decision])
        if self.probabilities is None:
            known = np.ones(len(names), dtype=bool)
            return ClassPredictions(names, decided, None, np.where(decided == NO_CLASS, np.nan, 1.0), known)
        probabilities = self._matrix(rows)
        self._check(probabilities)
        known = np.all(np.isfinite(probabilities), axis=1)
        if len(rows):
            best = np.where(known[:, None], probabilities, 0.0).argmax(axis=1)
            decided = np.where(known, np.where(decided == NO_CLASS, best, decided), NO_CLASS)
        # A class that is none of the target's has no probability.
        padded = np.pad(probabilities, ((0, 0), (0, len(names) - len(self.names))))
        confidence = np.where(known, padded[np.arange(len(rows)), decided], np.nan)
        is_known = np.array([name in self.probabilities for name in names], dtype=bool)
        return ClassPredictions(names, decided, probabilities, confidence, is_known)

    def _decisions(self, column: pd.Series[Any]) -> tuple[tuple[str, ...], Codes]:
        said = levels(column)
        strange = sorted({str(name) for name in said.dropna().unique()} - set(self.names))
        names = (*self.names, *strange)
        codes = said.map({name: code for code, name in enumerate(names)}).fillna(NO_CLASS)
        return names, np.asarray(codes, dtype=np.intp)

    def _matrix(self, rows: pd.DataFrame) -> Floats:
        columns = self.probabilities or {}
        nothing = np.zeros(len(rows))
        found = [rows[columns[name]].to_numpy(dtype=float) if name in columns else nothing for name in self.names]
        return np.column_stack(found) if found else np.zeros((len(rows), 0))

    def _check(self, probabilities: Floats) -> None:
        columns = self.probabilities or {}
        for place, name in enumerate(self.names):
            of_class = probabilities[:, place]
            outside = np.flatnonzero((of_class < 0) | (of_class > 1))
            if len(outside):
                raise ModelError(
                    f"{columns[name]} is {of_class[outside[0]]:g} in {len(outside):,} of {len(of_class):,} rows: the "
                    f"probability of the class {name} is a number from 0 to 1; correct the column, or name another"
                )
        total = probabilities.sum(axis=1)
        # Rounded probabilities may miss 1 by half the last decimal each.
        off = np.flatnonzero(np.abs(total - 1) > len(self.names) * self.least * (1 + _ROUNDING) + _ROUNDING)
        if len(off):
            raise ModelError(
                f"the probabilities of the classes ({', '.join(columns.values())}) add up to {total[off[0]]:g} in "
                f"{len(off):,} of {len(total):,} rows: they must add up to 1; name the columns of all classes"
            )
