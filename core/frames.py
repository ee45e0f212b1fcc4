"""A frame made of parts, so that Python's values of a part only are in memory at once.

Called by models_ml.load and python_metrics.store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Rows of a part: a thousand numbers each take half a gigabyte as Python's values.
PART_ROWS = 10_000


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of consecutive parts, at least one, with each column's type as that of all its values at once."""
    import pandas as pd

    first, *others = parts
    if not others:
        return first
    whole = pd.concat([first, *others], ignore_index=True)
    for place, kind in enumerate(whole.dtypes):
        if pd.api.types.is_object_dtype(kind):
            # A part without any value has another type than one with numbers.
            whole.isetitem(place, pd.Series(whole.iloc[:, place].tolist()).array)
    return whole
