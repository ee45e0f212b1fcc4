"""The sentence that a run ends with: is all well?"""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest

from pipeline import summary
from pipeline.alerts import Alert


def alert(severity: Literal["warning", "critical"], *, is_acknowledged: bool = False) -> Alert:
    day = date(2022, 2, 8)
    return Alert(severity, "volume", "", "", "", day, day, True, 1, "few", is_acknowledged)


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ([], "All is well: no alert is open."),
        ([alert("warning")], "Somebody should look: 1 alert is open. `make check-alerts` lists them."),
        (
            [alert("critical"), alert("critical", is_acknowledged=True), alert("warning")],
            "Somebody should look: 3 alerts are open (2 critical, 1 acknowledged). `make check-alerts` lists them.",
        ),
    ],
)
def test_the_verdict_counts_what_is_open(monkeypatch: pytest.MonkeyPatch, alerts: list[Alert], words: str) -> None:
    monkeypatch.setattr(summary, "open_alerts", lambda: alerts)
    assert summary.verdict() == words
