"""Files of data, opened as one table: what cannot be read is named, whatever it is that cannot."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import BadFileError
from ingest.files.data_files import find_files
from ingest.files.table import opened


def test_a_footer_that_arrow_cannot_read_is_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "loans.parquet"
    pq.write_table(pa.table({"amount": [1.0, 2.0]}), path)
    content = path.read_bytes()
    schema = content.index(b"ARROW:schema") + len(b"ARROW:schema") + 20
    path.write_bytes(content[:schema] + b"??" + content[schema + 2 :])
    with pytest.raises(BadFileError, match=r"loans\.parquet cannot be read as parquet"), opened(find_files(path)):
        pass
