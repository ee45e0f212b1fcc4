"""Reads the figures behind the sample source.

Goes in: `calibration.yml`. Comes out: one `Calibration` of numpy arrays, read once a process. Its
caller is `ingest.tlc.sample.trips`; what each figure means is written beside it in the yml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from config.yaml_file import read_yaml

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_FILE = Path(__file__).with_name("calibration.yml")


@dataclass(frozen=True)
class Dropoffs:
    """Where trips go from each pickup zone, nearest dropoff zone first.

    `order` (zones x zones) holds rows of the zone table; row `i` of `reached` (zones x zones) is `i` plus the
    cumulative share, so that one sorted search over the flattened matrix serves every pickup zone.
    """

    order: Rows
    reached: Array


@dataclass(frozen=True)
class Calibration:
    """All figures; names as in the yml. Times in minutes, distances in miles, amounts in dollars."""

    levels: Array
    sections: dict[str, dict[str, Array]]
    zones: dict[str, Array]
    miles: Array  # zones x zones: expected distance
    dropoffs: dict[str, Dropoffs]

    def figures(self, section: str, name: str) -> Array:
        return self.sections[section][name]

    def figure(self, section: str, name: str) -> float:
        return float(self.sections[section][name][0])


def _table(text: str) -> dict[str, Array]:
    header, *rows = text.splitlines()
    values = np.array([row.split() for row in rows], dtype=np.float64)
    return {name: values[:, column] for column, name in enumerate(header.split())}


def _gravity(miles: Array, pull: Array, reach: Array, edges: Array, pairs: dict[str, Array], zones: Array) -> Dropoffs:
    """Shares of the dropoff zones for each pickup zone: frequent pairs as counted, the rest by gravity."""
    weight = pull[None, :] * reach[np.digitize(miles, edges[1:-1])]
    start, end = np.searchsorted(zones, pairs["from"]), np.searchsorted(zones, pairs["to"])
    known = np.zeros_like(miles)
    known[start, end] = pairs["share"] / 1e4
    weight[start, end] = 0.0
    rest = np.maximum(1.0 - known.sum(axis=1), 0.0)
    share = known + weight * (rest / np.maximum(weight.sum(axis=1), 1e-12))[:, None]
    order = np.argsort(miles, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(share, order, axis=1), axis=1)
    reached /= reached[:, -1:]
    return Dropoffs(order, reached + np.arange(len(zones), dtype=np.float64)[:, None])


@cache
def load_calibration() -> Calibration:
    """The figures as arrays."""
    raw: dict[str, Any] = read_yaml(_FILE)
    zones = _table(raw["zones"])
    sections = {
        section: {name: np.atleast_1d(np.array(values, dtype=np.float64)) for name, values in content.items()}
        for section, content in raw.items()
        if isinstance(content, dict)
    }
    gravity = sections["gravity"]
    gap = np.hypot(zones["x"][:, None] - zones["x"], zones["y"][:, None] - zones["y"])
    miles = np.hypot(gap, gravity["floor"][0])
    dropoffs = {
        block: _gravity(
            miles, zones[pull], gravity[block], gravity["edges"], _table(raw[f"pairs_{block}"]), zones["zone"]
        )
        for block, pull in (("metered", "pull"), ("dispatched", "pull_dispatched"))
    }
    return Calibration(np.array(raw["levels"], dtype=np.float64), sections, zones, miles, dropoffs)
