"""Small data files of known content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table: `write("a.csv", frame)`, in the form that the name says, or a text as it is."""

    def file(name: str, content: pd.DataFrame | str | bytes, **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif name.endswith((".parquet", ".pq")):
            content.to_parquet(path, index=False)
        elif "json" in name:
            content.to_json(path, orient="records", lines=True, date_format="iso")
        else:
            content.to_csv(path, index=False, **options)
        return path

    return file


@pytest.fixture
def decided() -> pd.DataFrame:
    """Sixty days of decided loans, 100 a day; a column that is the label in disguise, and one that is constant."""
    random = np.random.default_rng(1)
    rows = 6_000
    probability = random.beta(2, 2, rows).round(2)
    repaid = random.random(rows) < probability
    return pd.DataFrame(
        {
            "loan_id": np.arange(rows) + 500,
            "decided_at": pd.Timestamp("2018-01-01") + pd.to_timedelta(np.arange(rows) * 864, unit="s"),
            "amount": random.normal(30_000, 5_000, rows),
            "months": random.integers(6, 22, rows),
            "salary_range": random.choice(["0 - 20K", "20K - 40K", "40K +"], rows),
            "refunded": np.where(repaid, "no", "yes"),
            "currency": "EUR",
            "y_pred_proba": probability,
            "y_pred": (probability >= 0.65).astype(int),
            "repaid": repaid.astype(int),
        }
    )


def large_file(path: Path, rows: int) -> Path:
    """A file whose columns are larger, unpacked, than the memory that a test allows."""
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select i as id, hash(i) / 1e15 as a, hash(i + 1) / 1e15 as b, hash(i + 2) / 1e15 as c, "
            f"'text-number-' || hash(i) as d, timestamp '2022-01-01' + to_seconds(i) as at "
            f"from range({rows}) t(i)) to '{path}' (format {path.suffix[1:]})"
        )
    return path
