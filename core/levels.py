"""How a value of a column is written as a level, in the warehouse and in Python: one text, whoever writes it.

Profiles, segments, bins, references, pages and incidents all name a value by this text, so that the same value is never
two. In the warehouse it is the function monitoring.level (warehouse/migrations); rows that come to Python are read by
`selected`, and what is left to write here is written by `level`. A test holds both equal, type by type.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
BOOLEAN = "boolean"
# Types without equality: their values cannot be counted.
UNCOUNTABLE = frozenset({"json", "xml", "point", "polygon"})
# Types that are read as they are: `level` knows them. Whatever else there is comes as its level.
_READ_AS_THEY_ARE = NUMBERS - {"numeric"} | {BOOLEAN}
# Whole numbers up to here are floats without loss.
LARGEST_EXACT = 2**53


def selected(column: str, data_type: str, relation: str = "") -> sql.Composable:
    """A column as it is selected for Python: numbers and booleans as they are, all else as its level.

    Args:
        data_type: Postgres' name of its type.
        relation: what the column is qualified with, where it is.
    """
    name = sql.Identifier(*filter(None, (relation, column)))
    if data_type in _READ_AS_THEY_ARE:
        return name
    return sql.SQL("monitoring.level({}) as {}").format(name, sql.Identifier(column))


def as_number(column: str, data_type: str) -> sql.Composable:
    """A column of numbers or booleans as what the warehouse can cast to a number."""
    name = sql.Identifier(column)
    return sql.SQL("cast({} as integer)").format(name) if data_type == BOOLEAN else name


def is_text(data_type: str) -> bool:
    """Whether values of this type are no numbers to an estimator: `selected` gives them as text."""
    return data_type not in _READ_AS_THEY_ARE


def level(value: object) -> str:
    """A value that is present as its level, as monitoring.level writes it.

    Booleans are true and false, whole numbers have no decimal point, other numbers are plain decimals without trailing
    zeros; 7 and 7.0 are one level.
    """
    import numpy as np

    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        # A single-precision number has fewer digits that count: its own text has them. Plus zero: no negative zero.
        text = format(Decimal(str(value + 0) if isinstance(value, np.float32) else repr(float(value) + 0.0)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def levels(values: pd.Series[Any]) -> pd.Series[Any]:
    """Each value as its level, missing ones and infinities as None."""
    import numpy as np
    import pandas as pd

    codes, found = pd.factorize(values.where(np.isfinite(values)) if values.dtype.kind == "f" else values)
    # The code of a missing value is -1, the last one.
    names = np.array([*map(level, np.asarray(found)), None], dtype=object)
    return pd.Series(names[codes], index=values.index, name=values.name, dtype=object)


def kept(values: pd.Series[Any]) -> pd.Series[Any]:
    """A categorical column as a reference keeps it: floats where they say each level, else the levels themselves."""
    return values.astype("float64") if _says_each_level(values) else levels(values)


def as_segment(values: pd.Series[Any]) -> pd.Series[Any]:
    """A column that rows are compared by as a reference keeps it: as it is where JSON can hold it."""
    return values if _says_each_level(values) else levels(values)


def _says_each_level(values: pd.Series[Any]) -> bool:
    """Whether a float holds each of its values, and gives the same level."""
    is_number = values.dtype.kind in "iu" or (values.dtype.kind == "f" and str(values.dtype) != "float32")
    return is_number and not bool((values.abs() > LARGEST_EXACT).any())
