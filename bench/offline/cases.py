"""The cases of the suite."""

from __future__ import annotations

import os
from dataclasses import replace

from offline.data.adversarial_keys import PATTERNS
from offline.data.datasets import Mix
from offline.harness import features
from offline.harness.case import (
    OURS,
    Bar,
    Case,
    Contender,
    calls,
    crafted,
    plain,
    raw,
    text,
    with_memory_ready,
)

M = 1_000_000
PINNED = "" if hasattr(os, "sched_setaffinity") else "this system cannot keep a process on one core"
LAYERCHECK = Contender(OURS, "plan_layercheck")
PYTHON = Contender("Python re + dict", "plan_python")
POLARS = Contender("polars", "plan_polars")
PANDAS = Contender("pandas", "plan_pandas")
PYARROW = Contender("pyarrow", "plan_pyarrow")
DUCKDB = Contender("DuckDB", "plan_duckdb")
SHELL = Contender(
    "tr, sed, grep, sort -u",
    "plan_shell",
    note="sorted, without counts; it uses temporary files, and the memory shown is the interpreter's",
)
NUMPY = Contender("numpy unique", "plan_numpy", note="unique and first index only, no index of the rows")

FILE = Case(
    "text file to plan, 5 M dirty rows",
    "text_file",
    text(Mix(5 * M)),
    (LAYERCHECK, POLARS, PYARROW, PANDAS, DUCKDB, SHELL, PYTHON),
    (Bar(8, 15, "polars"), Bar(30, 50, "Python re + dict")),
    headline=True,
)
LIST = Case(
    "list of str to plan, 5 M dirty rows",
    "text_list",
    text(Mix(5 * M)),
    (LAYERCHECK, POLARS, PANDAS, PYTHON),
    (Bar(8, 15, "Python re + dict"),),
    headline=True,
)
COLUMNS = tuple(
    Case(
        f"{form.partition('_')[0]} column to plan, 5 M dirty rows",
        form,
        text(Mix(5 * M)),
        contenders,
        (Bar(6, 12, "polars"),),
        headline=True,
    )
    for form, contenders in (
        ("polars_column", (LAYERCHECK, POLARS)),
        (
            "pyarrow_column",
            (
                replace(LAYERCHECK, missing=features.arrow_columns()),
                replace(POLARS, note="on its own copy of the column"),
                PYARROW,
            ),
        ),
    )
)
RAW = Case(
    "raw 32-byte digests to plan, 5 M rows",
    "raw",
    raw(Mix(5 * M)),
    (LAYERCHECK, NUMPY),
    (Bar(25e6, 40e6, unit="rows/s"),),
    headline=True,
)
MIXES = tuple(
    Case(
        f"text file to plan, 1 M {'dirty' if dirty else 'clean'} rows, {duplicates:.0%} duplicates",
        "text_file",
        text(Mix(M, duplicates, dirty)),
        (LAYERCHECK, POLARS),
    )
    for dirty in (False, True)
    for duplicates in (0.0, 0.2, 0.5, 0.9)
)
SIZES = (
    *(
        Case(
            f"text file to plan, {rows // 1000} k dirty rows",
            "text_file",
            text(Mix(rows)),
            (LAYERCHECK, POLARS, PYTHON),
        )
        for rows in (10_000, 100_000)
    ),
    Case(
        "text file to plan, 10 M dirty rows", "text_file", text(Mix(10 * M)), (LAYERCHECK, POLARS), rounds=2
    ),
)
GROWTH = Case(
    "growth, text file to plan",
    "text_file",
    text(Mix(M)),
    tuple(
        Contender(f"{OURS}, {rows // M} M rows", "plan_layercheck", source=text(Mix(rows)))
        for rows in (M, 10 * M, 50 * M)
    ),
    agree=False,
    rounds=1,
)
CORES = Case(
    "one core and all, text file to plan, 5 M dirty rows",
    "text_file",
    text(Mix(5 * M)),
    tuple(
        replace(
            each,
            name=f"{each.name}, {'one core' if cores else 'all cores'}",
            cores=cores,
            missing=PINNED if cores else "",
        )
        for cores in (None, 1)
        for each in (LAYERCHECK, POLARS)
    ),
    rounds=2,
)
CRAFTED = Case(
    "crafted digests, raw, 1 M rows",
    "raw",
    crafted("random", 2**20),
    tuple(Contender(pattern, "plan_layercheck", source=crafted(pattern, 2**20)) for pattern in PATTERNS),
    (Bar(2, 1.2, unit="x slowest"),),
    agree=False,
)
# For files, lists and Arrow columns the design promises 64 bytes a unique digest beyond the input and 8 a
# row.
MEMORY = Bar(64, 48, unit="B a digest")
LOCK = tuple(
    Case(
        f"another Python thread meanwhile, {what}, {rows // M} M rows",
        form,
        text(Mix(rows)),
        (replace(LAYERCHECK, watch_lock=True), replace(PYTHON, watch_lock=True))[:contenders],
        (MEMORY,) if rows > M else (),
        rounds=1,
    )
    for what, form, rows, contenders in (
        ("list", "text_list", 10 * M, 1),
        ("file", "text_file", 10 * M, 1),
        ("Arrow column", "pyarrow_column", 10 * M, 1),
        ("list", "text_list", M, 2),
    )
)
BODY = Case(
    "100 digests to a request body",
    "body",
    plain(digests=100),
    (
        Contender(OURS, "protocol_layercheck"),
        Contender("orjson", "protocol_orjson", note="from ready texts"),
        Contender("json", "protocol_json", note="from ready texts"),
    ),
    (Bar(10e-6, 4e-6, unit="s"),),
    unit="call",
    headline=True,
)
MERGE = Case(
    "answer of 100 layers parsed and merged",
    "merge",
    plain(digests=100),
    (
        Contender(OURS, "protocol_layercheck"),
        Contender(f"{OURS}, json.loads and merge", "protocol_parsed", note="as with a caller's own client"),
        Contender("orjson", "protocol_orjson"),
        Contender("json", "protocol_json"),
    ),
    (Bar(20e-6, 8e-6, unit="s"),),
    unit="call",
    headline=True,
)
MANIFESTS = Case(
    "manifests of 30 layers verified and read",
    "manifests",
    plain(20_000, documents=20_000, layers=30),
    (
        Contender(OURS, "manifests_layercheck", cores=1),
        Contender("json + hashlib", "manifests_json", cores=1),
    ),
    (Bar(5, 10, "json + hashlib"),),
    unit="manifest",
)
HEX = Case(
    "raw digests to text, 1 M",
    "hex_encode",
    raw(Mix(M, duplicates=0.0, dirty=False)),
    (
        Contender(OURS, "hex_layercheck"),
        Contender("binascii", "hex_binascii"),
        Contender("bytes.hex", "hex_bytes"),
    ),
)
CALLS = Case(
    "calls, 32 in flight, 10 ms latency",
    "calls",
    calls(2000, 32),
    (Contender(OURS, "calls_layercheck"), Contender("boto3 + ThreadPoolExecutor", "calls_boto3")),
    (Bar(3, 10, "boto3 + ThreadPoolExecutor"), Bar(1000, 4000, unit="calls/s")),
    unit="call",
    headline=True,
)
IMPORT = Case(
    "interpreter that imports",
    "process",
    plain(statement="pass"),
    tuple(
        Contender(name, "process", source=plain(statement=statement))
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
    Case(
        f"report to {kind}, {rows // M} M rows",
        f"report_{kind}",
        text(Mix(rows)),
        (
            Contender(OURS, "report_layercheck", note="from the run's columns, synced to disk"),
            Contender("polars", "report_polars", note="from a ready table, not synced"),
            Contender("pandas", "report_pandas", note="from a ready table, not synced"),
        )[:peers],
        rounds=1 if rows > M else 2,
    )
    for rows, peers in ((M, 3), (10 * M, 2))
    for kind in ("csv", "jsonl", "parquet")
)

CASES: tuple[Case, ...] = (
    FILE,
    LIST,
    *COLUMNS,
    RAW,
    *map(with_memory_ready, (FILE, *COLUMNS, RAW)),
    BODY,
    MERGE,
    MANIFESTS,
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
