"""Texts that try to be more than a name, for tests of everything that takes one."""

from __future__ import annotations

HOSTILE = (
    '"; drop table raw.green_trips; --',
    "'; drop table raw.green_trips; --",
    "x'); delete from raw.files; --",
    '") as x; truncate monitoring.runs; --',
    "$$; drop schema raw cascade; $$",
    "{{ run_query('drop table raw.green_trips') }}",
    "%s %(name)s %%",
    "{} {name} {0}",
    "$1 $2",
    "\\'; drop table raw.green_trips; --",
    "a\nb\r\n'; drop table raw.green_trips; --",
    "\u202egnp.exe \u0000-less ünïcödé 表 🚕".replace("\u0000", ""),
    "/* " + "x" * 5000,
)
