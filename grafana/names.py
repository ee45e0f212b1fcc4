"""Names that addresses are made of: the dashboards' uids, and the rows as a whole among the columns.

Needs nothing, so that the preview, which runs without Grafana's builders, knows them too.
"""

from __future__ import annotations

FRONT_PAGE, COLUMN, DATA_QUALITY, PIPELINE_HEALTH, COMPARE, PERFORMANCE, SEGMENTS, CUSTOM_METRICS = (
    "model-monitoring",
    "column",
    "data-quality",
    "pipeline-health",
    "compare-models",
    "performance",
    "segments",
    "custom-metrics",
)
# The rows as a whole among the columns: how many they are, how many are copies.
TABLE = "(table)"
