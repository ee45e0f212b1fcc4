"""Where the labels of a target come from, and which are valid."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from config.config_values import Name, Strict

LabelSource = Literal["rows", "feed"]
LabelDays = Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ValidRange(Strict):
    """The labels that are evaluated, bounds included; without a bound there is none on that side."""

    min: Finite | None = None
    max: Finite | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ValidRange:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} lies above max {self.max:g}")
        return self

    @property
    def least(self) -> float:
        return -math.inf if self.min is None else self.min

    @property
    def most(self) -> float:
        return math.inf if self.max is None else self.max


class Labels(Strict):
    """Where the labels of a target come from.

    `rows`: the target is a column of the rows themselves; it counts as known `delay_days` +- `jitter_days` after the
    time in the column `ends_at`; where `may_come_later`, a row without one is not wrong, its label has not come yet,
    and may come in a file.
    `feed`: labels come in files only; with `ends_at` none is evaluated that was observed before that time.
    """

    source: LabelSource
    delay_days: LabelDays = 3.0
    jitter_days: LabelDays = 0.0
    ends_at: Name | None = None
    may_come_later: StrictBool = False
    valid: ValidRange = ValidRange()

    @property
    def takes_feed(self) -> bool:
        """Whether labels come in files: all of them, or those that the rows do not tell yet."""
        return self.source == "feed" or self.may_come_later

    @model_validator(mode="after")
    def _fits_its_source(self) -> Labels:
        if self.source == "rows" and self.ends_at is None:
            raise ValueError("source rows needs ends_at, the column with the row's end")
        if self.source == "feed" and {"delay_days", "jitter_days"} & self.model_fields_set:
            raise ValueError("delay_days and jitter_days belong to source rows: a feed says itself when each came")
        return self
