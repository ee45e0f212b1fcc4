"""SQL of more than a line stands in .sql files; here it is read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

_QUERY_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(path: Path) -> dict[str, LiteralString]:
    """The named queries of an .sql file: each begins with a line `-- name: its_name`.

    The texts are the project's own files, never built from values, hence LiteralString.
    """
    parts = _QUERY_NAME.split(path.read_text(encoding="utf-8"))
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {name: cast(LiteralString, text.strip()) for name, text in pairs}
