"""Where the zones lie and which zones trips go to, fitted from trips; used by its neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

REACH = (0, 0.9, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6.5, 8, 10, 13, 17, 25, 99)  # bands of expected miles
GAP_FLOOR = 0.8  # expected miles within one zone

Array = npt.NDArray[np.float64]


def zone_positions(trips: pd.DataFrame) -> pd.DataFrame:
    """Zones on a flat map in miles (columns x, y): sqrt(gap² + floor²) fits the pairs' median distances."""
    good = trips[trips["trip_distance"].between(0.2, 40) & (trips["PULocationID"] != trips["DOLocationID"])]
    low, high = (
        good[["PULocationID", "DOLocationID"]].min(axis=1),
        good[["PULocationID", "DOLocationID"]].max(axis=1),
    )
    pairs = good.groupby([low, high])["trip_distance"].agg(["median", "size"])
    zones = np.unique(trips[["PULocationID", "DOLocationID"]])
    first = np.searchsorted(zones, pairs.index.get_level_values(0))
    second = np.searchsorted(zones, pairs.index.get_level_values(1))
    miles = np.maximum(pairs["median"].to_numpy(), GAP_FLOOR)
    weight = np.minimum(pairs["size"].to_numpy(), 30.0) / miles

    def stress(flat: Array) -> tuple[float, Array]:
        place = flat.reshape(-1, 2)
        gap = place[first] - place[second]
        modelled = np.sqrt((gap**2).sum(axis=1) + GAP_FLOOR**2)
        off = modelled - miles
        pull = (2 * weight * off / modelled)[:, None] * gap
        slope = np.zeros_like(place)
        np.add.at(slope, first, pull)
        np.add.at(slope, second, -pull)
        return float((weight * off**2).sum()), slope.ravel()

    results = []
    for seed in range(12):
        start = np.random.default_rng(seed).normal(0, 6, 2 * len(zones))
        results.append(minimize(stress, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000}))
    best = min(results, key=lambda result: float(result.fun))
    return pd.DataFrame(best.x.reshape(-1, 2), index=zones, columns=["x", "y"])


def expected_miles(place: pd.DataFrame) -> Array:
    """Zones x zones matrix of expected trip distances in miles."""
    gap = place.to_numpy()[:, None, :] - place.to_numpy()[None, :, :]
    return np.asarray(np.sqrt((gap**2).sum(axis=2) + GAP_FLOOR**2))


def gravity(
    trips: pd.DataFrame, zones: Array, miles: Array, kept: int
) -> tuple[Array, Array, list[tuple[int, int, float]]]:
    """Pull of each dropoff zone, factor of each REACH band, the frequent pairs' shares of their pickup zone.

    Proportional fitting on three margins (pickups, dropoffs, distance bands); the pairs furthest from that fit
    are written down as they are and left out of it.
    """
    count = np.zeros_like(miles)
    np.add.at(
        count,
        (np.searchsorted(zones, trips["PULocationID"]), np.searchsorted(zones, trips["DOLocationID"])),
        1,
    )
    band = np.digitize(miles, REACH[1:-1])
    free = np.ones_like(miles)
    for _ in range(2):
        rest = count * free
        pickup, pull, reach = rest.sum(axis=1), rest.sum(axis=0), np.ones(len(REACH) - 1)
        for _ in range(200):
            weights = pull[None, :] * reach[band] * free
            share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
            fitted = pickup[:, None] * share
            pull = pull * rest.sum(axis=0) / np.maximum(fitted.sum(axis=0), 1e-9)
            ratio = np.bincount(band.ravel(), rest.ravel(), len(reach))
            reach = reach * ratio / np.maximum(np.bincount(band.ravel(), fitted.ravel(), len(reach)), 1e-9)
            pull, reach = pull / pull.sum(), reach / reach.max()
        if free.all():
            order = np.argsort(-np.abs(count - fitted), axis=None)[:kept]
            free.flat[order] = 0
    totals = count.sum(axis=1)
    chosen = sorted(zip(*np.nonzero(free == 0), strict=True))
    pairs = [(int(zones[a]), int(zones[b]), float(count[a, b] / totals[a])) for a, b in chosen if totals[a]]
    return pull, reach, pairs
