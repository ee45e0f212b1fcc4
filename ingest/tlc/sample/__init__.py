"""The sample source: generated, seeded, reproducible months with planted incidents.

`write_sample` makes a month, `load_incidents` lists what was planted (`incidents.yml`); the figures behind
the trips are in `calibration.yml`, measured from real months.
"""

from ingest.tlc.sample.incidents import Incident, load_incidents
from ingest.tlc.sample.months import (
    DEFAULT_SEED,
    GENERATOR_VERSION,
    ORIGIN,
    ORIGIN_METADATA_KEY,
    Vintage,
    sample_schema,
    write_sample,
)

__all__ = [
    "DEFAULT_SEED",
    "GENERATOR_VERSION",
    "ORIGIN",
    "ORIGIN_METADATA_KEY",
    "Incident",
    "Vintage",
    "load_incidents",
    "sample_schema",
    "write_sample",
]
