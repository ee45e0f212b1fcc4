"""Where a change comes from: the change of the mean loss by segment.

Losses with their groups go in; ranked rows come out; nothing is read or written here. Called by
python_metrics.performance.window_evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from python_metrics.segments.grouping import Grouping

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Contribution:
    """What one group adds to the change of the overall mean loss, in the unit of the loss.

    Attributes:
        group: its name; `missing` for rows without a value.
        weight_reference: its share of the reference's rows.
        weight_window: its share of the window's rows.
        loss_reference: its mean loss there; None where it has no rows.
        loss_window: its mean loss there; None where it has no rows.
        mix: by becoming a larger or smaller share of the rows.
        within: by becoming better or worse itself.
    """

    group: str
    weight_reference: float
    weight_window: float
    loss_reference: float | None
    loss_window: float | None
    mix: float
    within: float

    @property
    def total(self) -> float:
        return self.mix + self.within


def decompose_change(
    reference_group: Grouping, reference_loss: ArrayLike, window_group: Grouping, window_loss: ArrayLike
) -> tuple[Contribution, ...]:
    """Split the change of the overall mean loss into segment mix and change within segments.

    The symmetric form of Kitagawa (1955), Components of a difference between two rates, Journal of the American
    Statistical Association 50: with shares w, mean losses e and the reference's overall mean E0,

        mix = (w1 - w0) * ((e0 + e1) / 2 - E0)        within = (w0 + w1) / 2 * (e1 - e0)

    Over all groups mix + within adds up to E1 - E0, exactly. A group that is on one side only has no mean on the other;
    it is given its own mean there, so that all it adds is mix.

    Args:
        reference_group: the groups of the reference's n_reference rows.
        reference_loss: its loss, finite, shape (n_reference,).
        window_group: the groups of the window's n_window rows.
        window_loss: its loss, finite, shape (n_window,).

    Returns:
        One row per group, the largest |mix + within| first, ties by name; none where a side has no rows.

    Raises:
        ValueError: groups and losses differ in length, or a loss is not finite.
    """
    before, after = _checked(reference_loss, reference_group), _checked(window_loss, window_group)
    if not len(before) or not len(after):
        return ()
    names = sorted({*reference_group.names, *window_group.names})
    weight0, loss0 = _shares_and_means(reference_group, before, names)
    weight1, loss1 = _shares_and_means(window_group, after, names)
    known0, known1 = np.where(weight0 > 0, loss0, loss1), np.where(weight1 > 0, loss1, loss0)
    mix = (weight1 - weight0) * ((known0 + known1) / 2 - before.mean())
    within = (weight0 + weight1) / 2 * (known1 - known0)
    rows = [
        Contribution(
            name,
            float(weight0[place]),
            float(weight1[place]),
            float(loss0[place]) if weight0[place] > 0 else None,
            float(loss1[place]) if weight1[place] > 0 else None,
            float(mix[place]),
            float(within[place]),
        )
        for place, name in enumerate(names)
    ]
    return tuple(sorted(rows, key=lambda row: (-abs(row.total), row.group)))


def _checked(loss: ArrayLike, group: Grouping) -> NDArray[np.float64]:
    losses = np.asarray(loss, dtype=float)
    if losses.shape != group.codes.shape:
        raise ValueError(f"{group.codes.shape} groups and {losses.shape} losses were given: give one of each per row")
    if not np.isfinite(losses).all():
        raise ValueError("a loss is missing or infinite: leave out rows without a label")
    return losses


def _shares_and_means(
    group: Grouping, loss: NDArray[np.float64], names: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the rows and mean loss by name, 0 for a name that the rows do not have."""
    places = np.searchsorted(names, group.names)
    size = np.zeros(len(names))
    total = np.zeros(len(names))
    size[places] = group.counts()
    total[places] = np.bincount(group.codes, weights=loss, minlength=len(group.names))
    return size / len(loss), total / np.maximum(size, 1)
