"""Evidently's figures of the loans, as evidently.csv: of a few days and of the pieces of 5,000 rows.

Drift of each column, with all digits, and ROC AUC and accuracy by `y_pred` as the labels realise them; Evidently
estimates none. It is in the project's environment; the table is of version 0.7.23:

    LOANS_DATA_DIR=... .venv/bin/python -m benchmarks.peers.evidently_loans
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers.loans import (
    DAYS,
    DECISION,
    HERE,
    LABEL,
    METHODS,
    PREDICTION,
    ROWS,
    parted_by_day,
    parted_by_id,
    read_loans,
)

Figure = tuple[str, str, float]  # the figure, its column or '', its value


def figures_of(reference: pd.DataFrame, rows: pd.DataFrame) -> Iterator[Figure]:
    """Each figure that Evidently's Report gives of the rows against a reference."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that Evidently uses, about themselves
        from evidently import BinaryClassification, DataDefinition, Dataset, Report
        from evidently.metrics import Accuracy, RocAuc, ValueDrift

        definition = DataDefinition(
            numerical_columns=[name for name, method in METHODS.items() if method == "wasserstein"],
            categorical_columns=[name for name, method in METHODS.items() if method != "wasserstein"]
            + [LABEL, DECISION],
            # Where it has probabilities, it decides at 0.5.
            classification=[
                BinaryClassification(target=LABEL, prediction_probas=PREDICTION),
                BinaryClassification(name="decided", target=LABEL, prediction_labels=DECISION),
            ],
        )
        current, expected = (
            Dataset.from_pandas(one[[*METHODS, LABEL, DECISION]], data_definition=definition)
            for one in (rows, reference)
        )
        drifts = [ValueDrift(column=column, method=method, threshold=0.1) for column, method in METHODS.items()]
        found: list[Any] = (
            Report([*drifts, RocAuc(), Accuracy(classification_name="decided")])
            .run(current, expected)
            .dict()["metrics"]
        )
    for (column, method), result in zip(METHODS.items(), found[: len(METHODS)], strict=True):
        yield method, column, float(result["value"])
    yield "roc_auc", "", float(found[len(METHODS)]["value"])
    yield "accuracy", "", float(found[len(METHODS) + 1]["value"])


def main() -> None:
    """Write the table beside this file."""
    loans = read_loans(Path(os.environ["LOANS_DATA_DIR"]))
    reference, later = parted_by_day(loans)
    rows = [
        ("day", day, *figure)
        for day in DAYS
        for figure in figures_of(reference, later[later["timestamp"].str[:10] == day])
    ]
    reference, later = parted_by_id(loans)
    rows += [
        (f"{ROWS} rows", str(later["id"].iloc[first]), *figure)
        for first in range(0, len(later), ROWS)
        for figure in figures_of(reference, later[first : first + ROWS])
    ]
    table = pd.DataFrame(rows, columns=["chunks", "first", "figure", "column", "value"])
    table.to_csv(HERE / "evidently.csv", index=False, float_format="%.15g")


if __name__ == "__main__":
    main()
