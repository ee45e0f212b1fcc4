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
