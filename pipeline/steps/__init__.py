"""The steps of a run, each in a module of its own, and their order. Called by pipeline.runner."""

from __future__ import annotations

from pipeline.steps.alarms import Alarms
from pipeline.steps.builds import Marts, Profiles, Transform
from pipeline.steps.ingest import Ingest
from pipeline.steps.labels import TripLabelling
from pipeline.steps.metrics import Metrics
from pipeline.steps.performance import Performance
from pipeline.steps.score import Score
from pipeline.steps.step import Step
from pipeline.steps.train import Train

STEPS: tuple[Step, ...] = (
    Ingest(),
    Transform(),
    Train(),
    Score(),
    Profiles(),
    TripLabelling(),
    Metrics(),
    Performance(),
    Alarms(),
    Marts(),
)
