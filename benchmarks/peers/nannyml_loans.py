"""NannyML's figures of the loans, as nannyml_performance.csv and nannyml_drift.csv.

By day and by 5,000 rows: ROC AUC and accuracy by `y_pred`, estimated (CBPE) and as the labels realise them; on a few
days the drift of each column. NannyML has an environment of its own, and nothing of the project needs it:

    python3.11 -m venv /tmp/nannyml
    /tmp/nannyml/bin/pip install nannyml==0.13.1 pandas==2.2.3 numpy==1.26.4 scipy==1.13.1 scikit-learn==1.6.1 \
        "category-encoders<2.9" statsmodels
    NML_DISABLE_USAGE_LOGGING=1 LOANS_DATA_DIR=... /tmp/nannyml/bin/python -m benchmarks.peers.nannyml_loans
"""

from __future__ import annotations

import os
from pathlib import Path

import nannyml
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


def performance(parted: tuple[pd.DataFrame, pd.DataFrame], **chunks: object) -> pd.DataFrame:
    """A row for each chunk of the later rows: the id and day of its first row, how many rows, and the four figures."""
    reference, rows = parted
    estimator = nannyml.CBPE(
        problem_type="classification_binary", y_pred_proba=PREDICTION, y_pred=DECISION, y_true=LABEL,
        timestamp_column_name="timestamp", metrics=["roc_auc", "accuracy"], **chunks,
    )  # fmt: skip
    found = estimator.fit(reference).estimate(rows).filter(period="analysis").to_df()
    first, last = found[("chunk", "start_index")], found[("chunk", "end_index")]
    figures = {
        f"{said}_{metric}": found[(metric, column)]
        for metric in ("roc_auc", "accuracy")
        for said, column in (("estimated", "value"), ("realised", "realized"))
    }
    return pd.DataFrame(
        {
            "first_id": rows["id"].to_numpy()[first],
            "first_day": rows["timestamp"].str[:10].to_numpy()[first],
            "rows": last - first + 1,
            **figures,
        }
    )


def drift(parted: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """A row for each day and column: Wasserstein's distance in the column's unit, or Jensen-Shannon's in base 2."""
    reference, rows = parted
    categorical = [column for column, method in METHODS.items() if method == "jensenshannon"]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(METHODS), timestamp_column_name="timestamp", chunk_period="D",
        treat_as_categorical=categorical, categorical_methods=["jensen_shannon"], continuous_methods=["wasserstein"],
        # Read beside the method's name, not under it. By default references of 10,000 rows and more are binned.
        computation_params={"wasserstein": {}, "calculation_method": "exact"},
    )  # fmt: skip
    found = calculator.fit(reference).calculate(rows).filter(period="analysis").to_df()
    names = {"wasserstein": "wasserstein", "jensenshannon": "jensen_shannon"}
    columns = [
        pd.DataFrame(
            {
                "day": found[("chunk", "chunk", "key")],
                "column": column,
                "method": method,
                "value": found[(column, names[method], "value")],
            }
        )
        for column, method in METHODS.items()
    ]
    every_day = pd.concat(columns)
    return every_day[every_day["day"].isin(DAYS)].sort_values(["day", "column"])


def main() -> None:
    """Write both tables beside this file."""
    loans = read_loans(Path(os.environ["LOANS_DATA_DIR"]))
    tables = {
        "day": performance(parted_by_day(loans), chunk_period="D"),
        f"{ROWS} rows": performance(parted_by_id(loans), chunk_size=ROWS),
    }
    found = pd.concat(tables, names=["chunks"]).reset_index(level=0)
    found.to_csv(HERE / "nannyml_performance.csv", index=False, float_format="%.12g")
    drift(parted_by_day(loans)).to_csv(HERE / "nannyml_drift.csv", index=False, float_format="%.12g")


if __name__ == "__main__":
    main()
