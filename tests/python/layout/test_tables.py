"""The tables of a layout, its files, its views, and its pickles."""

from __future__ import annotations

import copy
import csv
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from layout.archives import LAYER, MANIFEST, Oci, digest_of, named, packed_layer

ONE, TWO = packed_layer("one"), packed_layer("two")
TABLES = ["images", "platforms", "blobs", "rows"]


@pytest.fixture(scope="module")
def layout() -> lc.Layout:
    oci = Oci()
    amd = oci.image(ONE, TWO, platform={"os": "linux", "architecture": "amd64"})
    arm = oci.image(ONE, architecture="arm64", platform={"os": "linux", "architecture": "arm64"})
    index = oci.list(amd, arm)
    gone = {"mediaType": MANIFEST, "digest": "sha256:" + "ab" * 32, "size": 7}
    oci.index({**index, **named("v1")}, {**index, **named("=evil\x1b[2J")}, gone)
    del oci.files["blobs/" + digest_of(TWO).replace(":", "/")]
    return lc.read_layout(io.BytesIO(oci.archive()))


def lines(layout: lc.Layout, table: Any) -> list[dict[str, Any]]:
    return layout.table(table).lines(0, 1_000)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_the_same_in_every_library(table: Any, layout: lc.Layout) -> None:
    expected = lines(layout, table)
    assert expected
    assert layout.to_arrow(table).to_pylist() == expected
    assert layout.to_polars(table).to_dicts() == expected
    frame = layout.to_pandas(table)
    assert list(frame.columns) == list(expected[0])
    assert len(frame) == len(layout.table(table)) == len(expected)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".arrow", ".csv"])
def test_a_written_table_reads_back(table: Any, suffix: str, layout: lc.Layout, tmp_path: Path) -> None:
    import polars as pl

    path = tmp_path / f"table{suffix}"
    layout.write(path, table=table)
    expected = lines(layout, table)
    if suffix == ".csv":
        with path.open(newline="") as file:
            read = list(csv.DictReader(file))
        assert [list(row) for row in read] == [list(row) for row in expected]
        assert [row.get("digest") for row in read] == [row["digest"] or "" for row in expected]
        return
    if suffix.startswith(".jsonl"):
        content = path.read_bytes()
        if suffix.endswith(".zst"):
            import pyarrow as pa

            content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
        elif suffix.endswith(".gz"):
            import gzip

            content = gzip.decompress(content)
        assert [json.loads(line) for line in content.splitlines()] == expected
        return
    frame = pl.read_parquet(path) if suffix == ".parquet" else pl.read_ipc(path)
    assert frame.to_dicts() == expected


@pytest.mark.parametrize("table", ["images", "platforms", "blobs", "rows"])
def test_any_part_of_a_long_table_has_its_lines(table: Any) -> None:
    oci = Oci()
    images = [oci.image(packed_layer(str(number))) for number in range(1_100)]
    oci.index(*({**image, **named(f"v{number}")} for number, image in enumerate(images)))
    found = lc.read_layout(io.BytesIO(oci.archive())).table(table)
    lines = found.lines(0, len(found))
    assert len(lines) >= 1_100
    for start in (0, 1, 1_023, 1_024, 1_025, 1_099, 1_100, 5_000):
        for stop in (start, start + 1, start + 1_030):
            assert found.lines(start, stop) == lines[start:stop]


def test_a_list_in_csv_tells_spaces_from_its_own(tmp_path: Path) -> None:
    oci = Oci()
    image = oci.image(ONE)
    oci.index({**image, **named("a b")}, {**image, **named("c")})
    lc.read_layout(io.BytesIO(oci.archive())).write(tmp_path / "t.csv")
    assert {"a\\u0020b", "c"} <= set((tmp_path / "t.csv").read_text().replace(",", " ").split())


def test_text_from_outside_starts_no_formula_and_no_escape(layout: lc.Layout, tmp_path: Path) -> None:
    for suffix in (".csv", ".jsonl"):
        layout.write(tmp_path / f"t{suffix}")
        content = (tmp_path / f"t{suffix}").read_text()
        assert "\x1b" not in content
    assert "\\u001b[2J" in content


def test_the_row_of_the_table_is_the_row_of_the_plan(layout: lc.Layout) -> None:
    rows, plan = lines(layout, "rows"), lc.plan(layout)
    assert [row["row"] for row in rows] == list(range(plan.rows))
    digests = [plan.digests[index].tobytes().hex() for index in plan.row_index]
    assert [row["digest"] for row in rows] == ["sha256:" + digest for digest in digests]
    assert [(row["image"], row["platform"], row["role"], row["layer"]) for row in rows] == [
        ("v1", "linux/amd64", "config", None),
        ("v1", "linux/amd64", "layer", 1),
        ("v1", "linux/amd64", "layer", 2),
        ("v1", "linux/arm64", "config", None),
        ("v1", "linux/arm64", "layer", 1),
    ]
    assert [row["state"] for row in rows][2] == "lacking"


def test_objects_say_what_the_tables_say(layout: lc.Layout) -> None:
    from dataclasses import asdict

    for name in ("images", "platforms", "blobs"):
        objects = [asdict(each) for each in getattr(layout, name)]
        assert objects == [
            {key: tuple(value) if isinstance(value, list) else value for key, value in line.items()}
            for line in lines(layout, name)
        ]


def test_an_unknown_table_is_refused(layout: lc.Layout) -> None:
    with pytest.raises(ValueError, match="expected one of: images, platforms, blobs, rows"):
        layout.table("layers")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot tell a format"):
        layout.write("x.txt")


def test_a_layout_pickles_and_copies(layout: lc.Layout) -> None:
    again = pickle.loads(pickle.dumps(layout))  # noqa: S301 - made here
    for other in (again, copy.copy(layout), copy.deepcopy(layout)):
        assert [lines(other, table) for table in TABLES] == [lines(layout, table) for table in TABLES]
        assert (other.problems, other.notes, other.form) == (layout.problems, layout.notes, layout.form)
        assert (other.source, repr(other)) == (layout.source, repr(layout))
    with pytest.raises(TypeError, match="view"):
        pickle.dumps(layout.table("blobs"))


@pytest.mark.parametrize("stored", [b"", b"{}", b"[]", b"\xff"])
def test_other_bytes_are_no_pickled_layout(stored: bytes, layout: lc.Layout) -> None:
    from layercheck import _core

    with pytest.raises(ValueError, match="not a pickled Layout"):
        _core.layout_of_bytes(stored)
    reduced: Any = layout._layout.__reduce__()
    make, (whole,) = reduced
    hostile = whole.replace(b'"document":0', b'"document":99')
    assert hostile != whole
    with pytest.raises(ValueError, match="not a pickled Layout"):
        make(hostile)


def test_the_repr_is_short_and_says_what_matters(layout: lc.Layout) -> None:
    assert repr(layout) == "<Layout of an OCI archive: 2 images, 4 blobs, 589 B, 2 missing>"


def test_the_view_in_a_notebook_escapes_what_comes_from_outside(layout: lc.Layout) -> None:
    oci = Oci()
    oci.index({**oci.image(ONE), **named("<script>alert(1)</script>")})
    page = lc.read_layout(io.BytesIO(oci.archive()))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    page = layout._repr_html_()
    assert "linux/amd64" in page
    assert "named, but not in the layout" in page


def test_sums_count_a_blob_once() -> None:
    oci = Oci()
    layer = oci.blob(ONE, LAYER)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": [layer, layer]}
    oci.index(oci.document(manifest))
    layout = lc.read_layout(io.BytesIO(oci.archive()))
    assert (layout.images[0].blobs, layout.images[0].size) == (1, len(ONE))
    assert (layout.blobs[0].role, layout.platforms[0].layers) == ("both", 2)
    assert (lc.plan(layout).rows, lc.plan(layout).unique) == (3, 1)
