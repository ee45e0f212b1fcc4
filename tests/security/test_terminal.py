"""Values of data give no orders: to a terminal, to a page, to what makes a page."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import ROOT
from core.errors import visible
from grafana.preview.asking import OpenDashboard
from grafana.preview.pages import write_pages
from warehouse.database import Connection

HOSTILE = "a\x1b]0;title\x07\x1b[2Jb\x9b31mc\u202ed\u2066e\x08f\rg\x7fh\u200bi\u2028j"
SHOWN = "a\\x1b]0;title\\x07\\x1b[2Jb\\x9b31mc\\u202ed\\u2066e\\x08f\\rg\\x7fh\\u200bi\\u2028j"

_TALK = """
import logging, sys
from pipeline import console
console.settle()
logging.basicConfig(level="DEBUG", stream=sys.stderr)
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
text = sys.argv[1]
console.tell(text)
console.tell_error(text)
results = console.result_console()
table = Table("column", title=text)
table.add_row(text)
table.add_row(Text(text))
results.print(table, Panel(text), text, style="bold")
logging.getLogger("x").warning("%s", text)
sys.stderr.write(text + "\\n")
with console.data() as out:
    out.write(text + "\\n")
if len(sys.argv) > 2:
    raise ValueError(text)
"""


def on_a_terminal(*words: str) -> str:
    """What a terminal gets of a command's stdout and stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        words,
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"COLUMNS": "200", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        read = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # all of the other end is closed
                break
            if not chunk:
                break
            read += chunk
        process.wait(timeout=60)
    os.close(ours)
    return read.decode()


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert visible(HOSTILE) == SHOWN
    read = on_a_terminal(sys.executable, "-c", _TALK, HOSTILE, "fail")
    assert read.count(SHOWN) >= 9, read
    for order in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\u2066", "\x07", "\x7f", "\x08", "\u200b", "\u2028"):
        assert order not in read
    assert "\x1b[1" in read, "rich's own colours"


def test_data_for_a_program_are_as_they_are() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _TALK, HOSTILE], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    *told, data, rest = ended.stdout.decode().split("\n")
    assert (data, rest) == (HOSTILE, "")
    assert HOSTILE not in "\n".join(told) + ended.stderr.decode()


def test_a_query_on_a_terminal_is_shown(empty_warehouse: Connection) -> None:
    read = on_a_terminal(sys.executable, "-m", "pipeline", "sql", "select e'a\\x1b[2Jb' as x")
    assert "a\\x1b[2Jb" in read
    assert "\x1b[2J" not in read


def test_a_value_with_a_dollar_is_no_macro() -> None:
    board = OpenDashboard(
        {"uid": "x", "templating": {"list": []}},
        "a",
        "b",
        {"group": "$10 to $20", "other": "${group}"},
        {"group": "$__x"},
    )
    assert board.expand("'${group}' ${other} ${group:text}") == "'$10 to $20' ${group} $__x"
    with pytest.raises(ValueError, match="left for Grafana"):
        board.expand("select $__interval, ${group}")


def test_pages_are_written_of_values_with_dollars_and_tags(monitored_warehouse: Connection, tmp_path: Path) -> None:
    value = "$5 to $25 ${day} $__timeFilter(x) <script>alert(1)</script> \\1 '"
    monitored_warehouse.execute("update marts.fct_segment_monitoring set segment_value = %s || segment_value", [value])
    (page,) = [path for path in write_pages(tmp_path) if path.stem == "segments"]
    text = page.read_text(encoding="utf-8")
    assert "$5 to $25 ${day} $__timeFilter(x)" in text
    assert "<script>alert(1)" not in text
