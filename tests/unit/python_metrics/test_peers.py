"""Figures of a deployed classifier's log are those of NannyML 0.13.1 and Evidently 0.7.23, whose tables are kept.

The peers are not run: benchmarks/peers has their tables, each with the module that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.loans import DECISION, HERE, LABEL, METHODS, PREDICTION, ROWS, parted_by_day, parted_by_id
from benchmarks.peers.loans import read_loans as read
from config.drift_methods import ColumnType
from python_metrics.drift.profile_drift import drift_score
from python_metrics.estimates.confidence_estimation import ConfidenceEstimator, fit_confidence_estimator
from python_metrics.performance.performance import grouped_classification_performance
from python_metrics.profiles.profiles import profile_of
from python_metrics.segments.grouping import group_rows

PIECES = f"{ROWS} rows"
Parted = dict[str, tuple[pd.DataFrame, pd.DataFrame]]


@pytest.fixture(scope="module")
def loans(real_log: Callable[..., Path]) -> Parted:
    """The reference and later rows, by chunks; a later row's `chunk` is its day, or the id of its piece's first row."""
    rows = read(real_log("loans"))
    by_day, by_id = parted_by_day(rows), parted_by_id(rows)
    return {
        "day": (by_day[0], by_day[1].assign(chunk=by_day[1]["timestamp"].str[:10])),
        PIECES: (by_id[0], by_id[1].assign(chunk=(by_id[1]["id"] // ROWS * ROWS).astype(str))),
    }


def nannyml(chunks: str) -> pd.DataFrame:
    """NannyML's figures by chunk, as those of `loans` are called."""
    table = pd.read_csv(HERE / "nannyml_performance.csv", dtype={"first_id": str})
    table = table[table["chunks"] == chunks]
    return table.set_index("first_day" if chunks == "day" else "first_id")


@pytest.mark.parametrize(("chunks", "count"), [("day", 304), (PIECES, 10)])
def test_realised_figures_are_nannymls(loans: Parted, chunks: str, count: int) -> None:
    rows = loans[chunks][1]
    decided = rows[DECISION].to_numpy() == 1
    found = grouped_classification_performance(
        rows[PREDICTION], rows[LABEL], group_rows(rows["chunk"]), decided=decided
    )
    table = nannyml(chunks)
    assert len(found) == len(table) == count
    for group in found:
        theirs: Any = table.loc[group.group]
        assert group.n == theirs["rows"]
        assert group.figures["roc_auc"] == pytest.approx(theirs["realised_roc_auc"], abs=1e-11)
        assert group.figures["accuracy"] == pytest.approx(theirs["realised_accuracy"], abs=1e-11)


@pytest.mark.parametrize(("chunks", "apart"), [("day", 2e-3), (PIECES, 5e-5)])
def test_estimated_figures_are_nannymls(loans: Parted, chunks: str, apart: float) -> None:
    """NannyML's ROC AUC counts each row against itself, too, as half right; it rounds sums to five places."""
    reference, rows = loans[chunks]
    estimator = fit_confidence_estimator(
        reference[PREDICTION].to_numpy(),
        reference[LABEL].to_numpy(),
        reference["timestamp"].str[:10].to_numpy(),
        seed=0,
        decided=reference[DECISION].to_numpy() == 1,
    )
    table, gaps = nannyml(chunks), []
    for chunk, of_chunk in rows.groupby("chunk"):
        theirs: Any = table.loc[str(chunk)]
        probability = of_chunk[PREDICTION].to_numpy()
        found = estimator.estimate(probability, seed=0, decided=of_chunk[DECISION].to_numpy() == 1)
        assert found["accuracy"].value == pytest.approx(theirs["estimated_accuracy"], abs=1e-11)
        gaps.append(found["roc_auc"].value - theirs["estimated_roc_auc"])
        in_its_way = with_itself(found["roc_auc"].value, estimator, probability)
        assert in_its_way == pytest.approx(theirs["estimated_roc_auc"], abs=1e-7)
    assert min(gaps) > 0
    assert max(gaps) < apart


def with_itself(roc_auc: float, estimator: ConfidenceEstimator, probability: np.ndarray[Any, Any]) -> float:
    """The same figure where a pair of a row with itself counts, as half right."""
    share = estimator.calibrated(probability)
    itself = float((share * (1 - share)).sum())
    pairs = float(share.sum() * (1 - share).sum())
    return (roc_auc * (pairs - itself) + itself / 2) / pairs


def test_drift_is_evidentlys_and_nannymls(loans: Parted) -> None:
    """NannyML measures Wasserstein's distance in the column's unit, and Jensen-Shannon's in base 2."""
    table = pd.read_csv(HERE / "evidently.csv", dtype={"first": str})
    theirs = {(row.day, row.column): row.value for row in pd.read_csv(HERE / "nannyml_drift.csv").itertuples()}
    drift = table[table["figure"].isin(METHODS.values())]
    assert len(drift) == (12 + 10) * len(METHODS)
    for column, method in METHODS.items():
        kind: ColumnType = "numerical" if method == "wasserstein" else "categorical"
        for chunks, (reference, rows) in loans.items():
            expected = profile_of(reference[column], kind)
            unit = expected.std() if kind == "numerical" else 1 / np.sqrt(np.log(2))
            for row in drift[(drift["chunks"] == chunks) & (drift["column"] == column)].itertuples():
                current = profile_of(rows.loc[rows["chunk"] == row.first, column], kind)
                found = drift_score(expected, current, kind, method, 0.1).value
                assert found == pytest.approx(row.value, abs=1e-9), (row.first, column)
                if chunks == "day":
                    assert found * unit == pytest.approx(theirs[row.first, column], rel=1e-9), (row.first, column)


def test_evidentlys_figures_of_labels_are_ours(loans: Parted) -> None:
    table = pd.read_csv(HERE / "evidently.csv", dtype={"first": str})
    for chunks, (_, rows) in loans.items():
        of_chunks = table[(table["chunks"] == chunks) & table["figure"].isin(["roc_auc", "accuracy"])]
        decided = rows[DECISION].to_numpy() == 1
        found = {
            group.group: group.figures
            for group in grouped_classification_performance(
                rows[PREDICTION], rows[LABEL], group_rows(rows["chunk"]), decided=decided
            )
        }
        assert len(of_chunks) in (2 * 12, 2 * 10)
        for row in of_chunks.itertuples():
            assert found[str(row.first)][str(row.figure)] == pytest.approx(row.value, abs=1e-9), (row.first, row.figure)
