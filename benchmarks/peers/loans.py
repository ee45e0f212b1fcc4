"""The log of loans as it is published, and which of its columns, days and pieces the tables are about."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
LABEL, PREDICTION, DECISION = "repaid", "y_pred_proba", "y_pred"
# What is monitored from here on, 152 days before the change that is planted at id 75000, 2019-03-31 03:00.
FIRST_DAY, FIRST_ID = "2018-10-30", 50_000
DAYS = (
    "2018-11-04", "2018-12-15", "2019-01-17", "2019-02-20", "2019-03-14", "2019-03-30",
    "2019-03-31", "2019-04-01", "2019-05-03", "2019-06-24", "2019-07-15", "2019-08-28",
)  # fmt: skip
ROWS = 5_000
METHODS = {
    "car_value": "wasserstein",
    "debt_to_income_ratio": "wasserstein",
    "loan_length": "wasserstein",
    "driver_tenure": "wasserstein",
    PREDICTION: "wasserstein",
    "salary_range": "jensenshannon",
    "repaid_loan_on_prev_car": "jensenshannon",
    "size_of_downpayment": "jensenshannon",
}


def read_loans(folder: Path) -> pd.DataFrame:
    """All loans of a folder with its three files, in the order of their ids and times, each with its label."""
    reference, analysis, labels = (
        pd.read_csv(folder / f"car_loan_{part}.csv.gz") for part in ("reference", "analysis", "analysis_target")
    )
    loans = pd.concat([reference, analysis.merge(labels, on="id")], ignore_index=True)
    return loans.astype({LABEL: int})


def parted_by_day(loans: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of whole days before FIRST_DAY, which days are held against, and all later ones."""
    is_reference = loans["timestamp"] < FIRST_DAY
    return loans[is_reference], loans[~is_reference].reset_index(drop=True)


def parted_by_id(loans: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The reference as it is published, which pieces of so many rows are held against, and what came after it."""
    return loans[:FIRST_ID], loans[FIRST_ID:].reset_index(drop=True)
