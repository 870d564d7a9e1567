"""The limits of a layout: what is at a limit is read in bounded memory, and what is beyond is refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import layercheck as lc
from peak_memory import PEAK_MB

from . import million

MOST_MB = 700
"""Memory for a million documents, with Python itself. Some 400 MB were measured."""

_MEASURED = f"""{PEAK_MB}
import sys
import layercheck as lc
layout = lc.read_layout(sys.argv[1])
print(len(layout.missing) if sys.argv[2] == "lacking" else layout.complete, repr(layout))
print(round(peak_mb()))
"""


def write(path: Path, pieces: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


def test_a_million_documents_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a", million.documents(million.MOST_DOCUMENTS, present=False))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, path, "lacking"], capture_output=True, text=True, check=True
    )
    found, peak_mb = done.stdout.splitlines()
    indexes = -(-million.MOST_DOCUMENTS // 45_001)
    assert found.split()[0] == str(million.MOST_DOCUMENTS - indexes)
    assert f"{indexes} images" in found
    assert int(peak_mb) < MOST_MB


def test_one_document_more_is_refused_by_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a", million.documents(million.MOST_DOCUMENTS + 1, present=False))
    said = r"a: more than 1000000 indexes and manifests, which is the most of one layout; split it"
    with pytest.raises(lc.LayoutError, match=said):
        lc.read_layout(path)
    with pytest.raises(lc.LayoutError, match=said):
        lc.push_plan(path, "team/app", dry_run=True)
    with pytest.raises(ValueError, match=said):
        lc.plan(path)


def test_twenty_thousand_documents_are_read_and_planned(tmp_path: Path) -> None:
    path = write(tmp_path / "a", million.documents(20_000, present=True))
    layout = lc.read_layout(path)
    assert (len(layout.images), layout.complete) == (1, True)
    assert lc.plan(path).rows == 0
    plan = lc.push_plan(layout, "team/app", dry_run=True)
    assert sum(plan.manifest_counts.values()) == 20_000


def layers(number: int) -> list[str]:
    return [hashlib.sha256(b"%d" % at).hexdigest() for at in range(number)]


def test_a_document_of_4_mib_is_read_and_a_longer_one_is_not(tmp_path: Path) -> None:
    names = layers(40_000)
    whole = write(tmp_path / "a", million.document(million.padded_to(million.MOST_BYTES, names)))
    assert len(lc.read_layout(whole).blobs) == 40_000
    assert lc.plan(whole).unique == 40_000
    plan = lc.push_plan(whole, "team/app", dry_run=True)
    assert (plan.counts["undecided"], plan.blocked) == (40_000, ())
    longer = write(tmp_path / "b", million.document(million.padded_to(million.MOST_BYTES + 1, names)))
    (problem,) = lc.read_layout(longer).problems
    assert "larger than the 4 MiB of a manifest" in problem
    with pytest.raises(ValueError, match="larger than the 4 MiB of a manifest; so the layers of 1 manifest"):
        lc.plan(longer)
    assert any("at most 4 MiB" in why for why in lc.push_plan(longer, "team/app", dry_run=True).blocked)


def test_a_document_of_100_000_parts_is_read_and_one_of_more_is_not(tmp_path: Path) -> None:
    whole = write(tmp_path / "a", million.document(million.of_parts(million.MOST_PARTS)))
    layout = lc.read_layout(whole)
    assert (layout.images[0].damaged, layout.images[0].state) == (million.MOST_PARTS, "present")
    assert len(layout.problems) == 1_000
    assert lc.plan(whole).rows == million.MOST_PARTS
    blocked = lc.push_plan(whole, "team/app", dry_run=True).blocked
    assert any("100,000 of its parts have another digest" in why for why in blocked)
    more = write(tmp_path / "b", million.document(million.of_parts(million.MOST_PARTS + 1)))
    (problem,) = lc.read_layout(more).problems
    assert "100,000" in problem
    with pytest.raises(ValueError, match="100,000"):
        lc.plan(more)


def test_images_that_share_very_many_documents_are_refused(tmp_path: Path) -> None:
    """A few megabytes would make a table of tens of millions of lines."""
    shared, packed = million.blob(million.index_of([f"{number:064x}" for number in range(40_000)]))
    tops = [
        million.blob(
            b'{"schemaVersion":2,"number":%d,"manifests":[{"digest":"sha256:%s"}]}'
            % (number, shared.encode())
        )
        for number in range(600)
    ]
    path = write(
        tmp_path / "a", [packed, *(each for _, each in tops), *million.end([name for name, _ in tops])]
    )
    with pytest.raises(lc.LayoutError, match="its images name documents and blobs more than 20000000 times"):
        lc.read_layout(path)
