"""A store of manifests: each image is read once in its life."""

from __future__ import annotations

from pathlib import Path

import pytest

import layercheck as lc
from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, check, manifest, put, verdicts

RULE = ImageRule(300, layers=3, broken=4, indexes=10)


def test_no_image_is_read_twice(tmp_path: Path) -> None:
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        first = check(ecr, manifests=tmp_path / "kept")
        read = ecr.counters.operations["BatchGetImage"]
        second = check(ecr, manifests=tmp_path / "kept")
        assert ecr.counters.operations["BatchGetImage"] == read
        assert second.stats.manifests_known == 300
        assert "BatchGetImage" not in second.stats.calls
        assert verdicts(first) == verdicts(second)
        assert not any("pull time" in note for note in second.notes)
        put(ecr, manifest("new"), "new")
        check(ecr, manifests=tmp_path / "kept")
        assert ecr.counters.manifests == 301


def test_images_that_the_store_lacks_fill_their_calls(tmp_path: Path) -> None:
    with LocalEcr({}) as ecr:
        for number in range(500):
            put(ecr, manifest(f"a{number}"), f"{'old' if number % 2 else 'new'}-{number}")
        check(ecr, tags=["old-*"], manifests=tmp_path / "kept")
        ecr.reset()
        report = check(ecr, manifests=tmp_path / "kept")
        assert report.counts["complete"] == 500
        assert report.stats.manifests_known == 250
        assert ecr.counters.operations["BatchGetImage"] == 3


def test_what_was_not_verified_is_not_kept(tmp_path: Path) -> None:
    fault = Fault("wrong_manifest", share=0.5, operations=("BatchGetImage",), calls=(1, 6))
    with LocalEcr({REPOSITORY: ImageRule(100, layers=2)}, faults=[fault]) as ecr:
        first = check(ecr, manifests=tmp_path / "kept")
        assert first.counts["unreadable"]
        ecr.set_faults([])
        assert check(ecr, manifests=tmp_path / "kept").counts["complete"] == 100


def test_a_file_that_is_not_a_store_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"something else" * 100)
    with LocalEcr({REPOSITORY: RULE}) as ecr:
        with pytest.raises(lc.ManifestStoreError, match="not a manifest store"):
            check(ecr, manifests=tmp_path / "other")
        assert not ecr.calls
