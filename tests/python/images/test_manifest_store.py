"""The file that keeps what manifests say."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import layercheck as lc
from layercheck.images.manifest_store import VERSION, ManifestStore

DIGESTS = [f"sha256:{number:064x}" for number in range(1_200)]


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "manifests.db"
    with ManifestStore(path) as store:
        store.put({digest: digest.encode() for digest in DIGESTS[:1_000]})
        store.put({DIGESTS[0]: b"again", DIGESTS[1_100]: b""})
    with ManifestStore(path) as store:
        found = store.get(DIGESTS)
        assert len(store) == len(found) == 1_000
        assert found[DIGESTS[0]] == b"again"
        assert found[DIGESTS[999]] == DIGESTS[999].encode()


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "manifests.db"
    path.touch()
    with ManifestStore(path) as store:
        assert store.get(DIGESTS) == {}


def _text(path: Path) -> None:
    path.write_text("not a database, but a text that is long enough to be read as one\n" * 50)


def _journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE meta (key, value)")


def _newer(path: Path) -> None:
    ManifestStore(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")


def _view(path: Path) -> None:
    ManifestStore(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE manifests")
        connection.execute("CREATE VIEW manifests AS SELECT 1 AS digest, 2 AS parts")


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_text, _journal, _newer, _view, _folder])
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, make: object) -> None:
    path = tmp_path / "manifests.db"
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(lc.ManifestStoreError) as caught:
        ManifestStore(path)
    assert "choose another file" in str(caught.value) or "check the file" in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


FILL = """
import sys
from layercheck.images.manifest_store import ManifestStore
with ManifestStore(sys.argv[1]) as store:
    for at in range(int(sys.argv[2]), 1_200, 4):
        store.put({f"sha256:{at:064x}": b"parts"})
"""


def test_processes_share_a_store(tmp_path: Path) -> None:
    path = tmp_path / "manifests.db"
    processes = [subprocess.Popen([sys.executable, "-c", FILL, path, str(part)]) for part in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    with ManifestStore(path) as store:
        assert len(store) == len(DIGESTS)
