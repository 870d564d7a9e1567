"""Every race of the suite, a line or two each."""

from __future__ import annotations

import os
from dataclasses import replace

from offline.data.adversarial_keys import PATTERNS
from offline.data.datasets import Mix
from offline.harness import features
from offline.harness.case import OURS, Bar, Contestant, Race, calls, crafted, plain, raw, text

M = 1_000_000
PINNED = "" if hasattr(os, "sched_setaffinity") else "this system keeps no process to one core"
US = Contestant(OURS, "plan_layercheck")
PYTHON = Contestant("Python re + dict", "plan_python")
POLARS = Contestant("polars", "plan_polars")
PANDAS = Contestant("pandas", "plan_pandas")
PYARROW = Contestant("pyarrow", "plan_pyarrow")
DUCKDB = Contestant("DuckDB", "plan_duckdb")
SHELL = Contestant(
    "tr, sed, grep, sort -u",
    "plan_shell",
    note="sorted, no counts; it spills to files, the memory shown is the interpreter's",
)
NUMPY = Contestant("numpy unique", "plan_numpy", note="unique and first index only, no index per row")

FILE = Race(
    "text file to plan, 5 M dirty rows",
    "text_file",
    text(Mix(5 * M)),
    (US, POLARS, PYARROW, PANDAS, DUCKDB, SHELL, PYTHON),
    (Bar(5, 15, "polars"), Bar(20, 50, "Python re + dict")),
    headline=True,
)
LIST = Race(
    "list of str to plan, 5 M dirty rows",
    "text_list",
    text(Mix(5 * M)),
    (US, POLARS, PANDAS, PYTHON),
    (Bar(8, 15, "Python re + dict"),),
    headline=True,
)
COLUMNS = tuple(
    Race(
        f"{form.partition('_')[0]} column to plan, 5 M dirty rows",
        form,
        text(Mix(5 * M)),
        contestants,
        (Bar(5, 15, "polars"),),
        headline=True,
    )
    for form, contestants in (
        ("polars_column", (US, POLARS)),
        (
            "pyarrow_column",
            (
                replace(US, missing=features.arrow_columns()),
                replace(POLARS, note="on its own copy of the column"),
                PYARROW,
            ),
        ),
    )
)
RAW = Race(
    "raw 32-byte digests to plan, 5 M rows",
    "raw",
    raw(Mix(5 * M)),
    (US, NUMPY),
    (Bar(10e6, 40e6, unit="rows/s"),),
    headline=True,
)
MIXES = tuple(
    Race(
        f"text file to plan, 1 M {'dirty' if dirty else 'clean'} rows, {duplicates:.0%} duplicates",
        "text_file",
        text(Mix(M, duplicates, dirty)),
        (US, POLARS),
    )
    for dirty in (False, True)
    for duplicates in (0.0, 0.2, 0.5, 0.9)
)
SIZES = (
    *(
        Race(
            f"text file to plan, {rows // 1000} k dirty rows",
            "text_file",
            text(Mix(rows)),
            (US, POLARS, PYTHON),
        )
        for rows in (10_000, 100_000)
    ),
    Race("text file to plan, 10 M dirty rows", "text_file", text(Mix(10 * M)), (US, POLARS), rounds=2),
)
GROWTH = Race(
    "growth, text file to plan",
    "text_file",
    text(Mix(M)),
    tuple(
        Contestant(f"{OURS}, {rows // M} M rows", "plan_layercheck", source=text(Mix(rows)))
        for rows in (M, 10 * M, 50 * M)
    ),
    agree=False,
    rounds=1,
)
CORES = Race(
    "one core and all, text file to plan, 5 M dirty rows",
    "text_file",
    text(Mix(5 * M)),
    tuple(
        replace(
            who,
            name=f"{who.name}, {'one core' if cores else 'all cores'}",
            cores=cores,
            missing=PINNED if cores else "",
        )
        for cores in (None, 1)
        for who in (US, POLARS)
    ),
    rounds=2,
)
CRAFTED = Race(
    "crafted digests, raw, 1 M rows",
    "raw",
    crafted("random", 2**20),
    tuple(Contestant(pattern, "plan_layercheck", source=crafted(pattern, 2**20)) for pattern in PATTERNS),
    (Bar(2, 1.2, unit="x slowest"),),
    agree=False,
)
# 64 bytes for each unique digest beyond the input and 8 a row: promised for files, lists and Arrow columns.
MEMORY = Bar(64, 48, unit="B a digest")
LOCK = tuple(
    Race(
        f"another Python thread meanwhile, {what}, {rows // M} M rows",
        form,
        text(Mix(rows)),
        (replace(US, watch_lock=True), replace(PYTHON, watch_lock=True))[:contestants],
        (MEMORY,) if rows > M else (),
        rounds=1,
    )
    for what, form, rows, contestants in (
        ("list", "text_list", 10 * M, 1),
        ("file", "text_file", 10 * M, 1),
        ("Arrow column", "pyarrow_column", 10 * M, 1),
        ("list", "text_list", M, 2),
    )
)
BODY = Race(
    "100 digests to a request body",
    "body",
    plain(digests=100),
    (
        Contestant(OURS, "protocol_layercheck"),
        Contestant("orjson", "protocol_orjson", note="from texts that are ready"),
        Contestant("json", "protocol_json", note="from texts that are ready"),
    ),
    (Bar(10e-6, 4e-6, unit="s"),),
    unit="call",
    headline=True,
)
MERGE = Race(
    "answer of 100 layers parsed and merged",
    "merge",
    plain(digests=100),
    (
        Contestant(OURS, "protocol_layercheck"),
        Contestant(f"{OURS}, json.loads and merge", "protocol_parsed", note="as with a caller's own client"),
        Contestant("orjson", "protocol_orjson"),
        Contestant("json", "protocol_json"),
    ),
    (Bar(20e-6, 8e-6, unit="s"),),
    unit="call",
    headline=True,
)
HEX = Race(
    "raw digests to text, 1 M",
    "hex_encode",
    raw(Mix(M, duplicates=0.0, dirty=False)),
    (
        Contestant(OURS, "hex_layercheck"),
        Contestant("binascii", "hex_binascii"),
        Contestant("bytes.hex", "hex_bytes"),
    ),
)
CALLS = Race(
    "calls, 32 in flight, 10 ms latency",
    "calls",
    calls(2000, 32),
    (Contestant(OURS, "calls_layercheck"), Contestant("boto3 + ThreadPoolExecutor", "calls_boto3")),
    (Bar(3, 10, "boto3 + ThreadPoolExecutor"), Bar(1000, 4000, unit="calls/s")),
    unit="call",
    headline=True,
)
IMPORT = Race(
    "interpreter that imports",
    "process",
    plain(statement="pass"),
    tuple(
        Contestant(name, "process", source=plain(statement=statement))
        for name, statement in (
            (OURS, "import layercheck"),
            ("nothing", "pass"),
            ("numpy", "import numpy"),
            ("boto3", "import boto3"),
        )
    ),
    (Bar(0.03, 0.03, "nothing", unit="s more than"),),
    agree=False,
    unit="process",
)
REPORTS = tuple(
    Race(
        f"report to {kind}, {rows // M} M rows",
        f"report_{kind}",
        text(Mix(rows)),
        (
            Contestant(OURS, "report_layercheck", note="from the run's columns, synced to disk"),
            Contestant("polars", "report_polars", note="from a table that is ready, not synced"),
            Contestant("pandas", "report_pandas", note="from a table that is ready, not synced"),
        )[:peers],
        rounds=1 if rows > M else 2,
    )
    for rows, peers in ((M, 3), (10 * M, 2))
    for kind in ("csv", "jsonl", "parquet")
)

RACES: tuple[Race, ...] = (
    FILE,
    LIST,
    *COLUMNS,
    RAW,
    BODY,
    MERGE,
    CALLS,
    IMPORT,
    *SIZES,
    *MIXES,
    GROWTH,
    CORES,
    CRAFTED,
    HEX,
    *REPORTS,
    *LOCK,
)
