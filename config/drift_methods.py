"""The drift methods that are offered, by Evidently's names, and which columns each can score."""

from __future__ import annotations

from typing import Literal

ColumnType = Literal["numerical", "categorical"]
# Methods of Evidently that are offered, with the kinds of column each can score. The first group are
# distances (a high score drifts), the second p-values (a low one does).
DISTANCES: dict[str, tuple[ColumnType, ...]] = {
    "wasserstein": ("numerical",),
    "jensenshannon": ("numerical", "categorical"),
    "psi": ("numerical", "categorical"),
    "hellinger": ("numerical", "categorical"),
    "kl_div": ("numerical", "categorical"),
    "ed": ("numerical",),
}
P_VALUES: dict[str, tuple[ColumnType, ...]] = {
    "ks": ("numerical",),
    "chisquare": ("categorical",),
    "t_test": ("numerical",),
    "mannw": ("numerical",),
    "anderson": ("numerical",),
    "cramer_von_mises": ("numerical",),
}
METHODS = DISTANCES | P_VALUES


def check_method(method: str, column_type: str) -> None:
    """Raises:
    ValueError: the method cannot score columns of that type.
    """
    if column_type not in METHODS.get(method, ()):
        valid = ", ".join(name for name, types in METHODS.items() if column_type in types)
        raise ValueError(
            f"the drift method '{method}' cannot score {column_type} columns: use one of {valid}"
            if valid
            else f"drift belongs to numerical, categorical and boolean columns, this one is {column_type}"
        )
