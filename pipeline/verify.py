"""`make verify`: are the drift scores of this warehouse what Evidently gives for the same rows?

Every day and column of a month is scored again by Evidently's own registered tests, on the profiles spelled out row by
row, and on the rows themselves. The largest differences go into monitoring.metric_values (layer `verification`), where
the page Pipeline health shows them. Called by pipeline.cli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
