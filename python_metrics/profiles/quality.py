"""Quality figures of one column in one window: missing share, distinct values, moments, quantiles."""

from __future__ import annotations

from python_metrics.profiles.profiles import Profile

QUANTILES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
NUMERICAL_STATISTICS = ("min", "max", "mean", "std", *QUANTILES)


def profile_statistics(profile: Profile) -> dict[str, float | None]:
    """Figures by metric name; None where the window has no value to take them of.

    Moments and quantiles are given for numerical columns only. The standard deviation is that of the population
    (ddof 0), as in Evidently's normed distances; quantiles are linear between the two neighbours (numpy's default,
    Hyndman and Fan's type 7).
    """
    figures: dict[str, float | None] = {
        "missing_count": float(profile.n_missing),
        "missing_share": profile.missing_share,
        "distinct_count": float(profile.n_distinct),
    }
    if profile.type == "categorical":
        return figures
    if not profile.n_present:
        return figures | dict.fromkeys(NUMERICAL_STATISTICS)
    return figures | {
        "min": profile.minimum,
        "max": profile.maximum,
        "mean": profile.mean,
        "std": profile.std(),
        **dict(zip(QUANTILES, profile.quantiles(list(QUANTILES.values())).tolist(), strict=True)),
    }
