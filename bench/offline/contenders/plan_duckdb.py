"""DuckDB: a group for each digest, ordered by its first row; the fastest of nine queries that we tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from offline.contenders.plan_pyarrow import answer as arrow_answer
from offline.harness.expected import Answer

Found = tuple[int, int, Any]

NUMBERED = """
    create temp table numbered as
    select row_number() over () as number, hex, regexp_full_match(hex, '[0-9a-f]{64}') as valid
    from (
        select case when starts_with(text, 'sha256:') then lower(substr(text, 8)) else lower(text) end as hex
        from read_csv(
            $path, header = false, columns = {'text': 'varchar'},
            delim = '\t', quote = '', escape = '', auto_detect = false
        )
    )
"""


def text_file(path: Path) -> Found:
    with duckdb.connect() as database:
        database.execute(NUMBERED, {"path": str(path)})
        [(rows, invalid)] = database.execute("select count(*), count_if(not valid) from numbered").fetchall()
        unique = database.sql("select hex from numbered where valid group by hex order by min(number)")
        return rows, invalid, unique.to_arrow_table()["hex"]


def answer(found: Found) -> Answer:
    return arrow_answer(found)
