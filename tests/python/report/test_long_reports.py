"""Reports so long that several threads write and read them."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import polars as pl
import pytest

import layercheck as lc
from layercheck._core import Ledger

ROWS = 300_000
FORMATS = ["report.csv", "report.jsonl", "report.csv.gz", "report.jsonl.zst", "report.parquet"]


@pytest.fixture(scope="module")
def long_report() -> lc.Report:
    return report(ROWS)


def report(rows: int) -> lc.Report:
    digests = np.zeros((rows, 32), dtype=np.uint8)
    digests[:, :4] = np.arange(rows, dtype="<u4").view(np.uint8).reshape(rows, 4)
    ledger = Ledger(lc.plan(digests))
    for start in range(0, rows, 50_000):
        layer = {"layerAvailability": "AVAILABLE", "layerSize": start, "mediaType": 'a,"b"'}
        layers = [{"layerDigest": text(number), **layer} for number in range(start, start + 100)]
        ledger.merge(start, start + 100, {"layers": layers, "failures": []})
    return lc.Report(ledger.columns(), target=lc.Target("app"), stats=lc.RunStats())


def text(number: int) -> str:
    return "sha256:" + number.to_bytes(4, "little").hex().ljust(64, "0")


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_report_reads_back_whole(long_report: lc.Report, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    long_report.write(path)
    expected = long_report.to_polars().select("row", "digest", "size")
    read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[name.split(".")[1]]
    assert read(path).select("row", "digest", "size").equals(expected)  # type: ignore[operator]
    changes = lc.diff(long_report, path)
    assert changes.counts["unknown"] + changes.counts["same"] == ROWS


def test_one_core_and_all_cores_write_the_same_bytes(long_report: lc.Report, tmp_path: Path) -> None:
    cores = os.sched_getaffinity(0)
    if len(cores) == 1:
        pytest.skip("this machine has one core")
    for name in FORMATS:
        long_report.write(tmp_path / name)
    os.sched_setaffinity(0, {min(cores)})
    try:
        for name in FORMATS:
            long_report.write(tmp_path / f"one-core-{name}")
    finally:
        os.sched_setaffinity(0, cores)
    for name in FORMATS:
        assert (tmp_path / name).read_bytes() == (tmp_path / f"one-core-{name}").read_bytes(), name


def test_no_thread_outlives_a_write_or_a_comparison(long_report: lc.Report, tmp_path: Path) -> None:
    before = set(threads())
    for name in FORMATS:
        long_report.write(tmp_path / name)
        lc.diff(tmp_path / name, tmp_path / name)
    assert not [name for thread, name in threads().items() if thread not in before and "layercheck" in name]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layercheck-read")]


def threads() -> dict[str, str]:
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("this system does not list threads")
    return {task.name: (task / "comm").read_text().strip() for task in tasks.iterdir()}


class HandlerError(Exception):
    """Raised by the signal handler."""


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("name", ["report.jsonl", "report.csv.gz"])
def test_a_signal_handler_runs_before_the_file_is_whole(name: str, tmp_path: Path) -> None:
    long_report = report(10 * ROWS)
    path = tmp_path / name
    path.write_text("old")
    raised: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        (part,) = tmp_path.glob(".*.part")
        raised.append(part.stat().st_size)
        raise HandlerError

    old = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises(HandlerError):
            long_report.write(path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == [name]
    long_report.write(path)
    assert raised[0] < path.stat().st_size


def test_a_forked_child_writes_a_long_report_while_its_parent_does(tmp_path: Path) -> None:
    code = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from test_long_reports import report
made = report(600_000)
thread = threading.Thread(target=made.write, args=("parent.jsonl",))
thread.start()
child = os.fork()
if child == 0:
    made.write("child.jsonl")
    os._exit(0)
thread.join()
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(Path(__file__).parent)], cwd=tmp_path, check=True
    )
    assert (tmp_path / "child.jsonl").read_bytes() == (tmp_path / "parent.jsonl").read_bytes()


def test_a_gzipped_report_is_one_member_with_the_checksum_of_its_text(
    long_report: lc.Report, tmp_path: Path
) -> None:
    long_report.write(tmp_path / "report.csv")
    long_report.write(tmp_path / "report.csv.gz")
    packed = (tmp_path / "report.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "report.csv").read_bytes()
    with pytest.raises(EOFError):
        gzip.decompress(packed[:-1])


def test_an_error_of_a_batch_reaches_who_reads_ahead() -> None:
    from layercheck.report.read_ahead import MANY_ROWS, one_ahead

    def batches() -> Iterator[Any]:
        yield from range(3)
        raise LookupError("batch 3")

    with pytest.raises(LookupError, match="batch 3"):
        list(one_ahead(batches(), MANY_ROWS))
    assert list(one_ahead(iter(range(5)), MANY_ROWS)) == list(range(5))


SHORT = """
    import os, resource, signal, sys
    from pathlib import Path
    import numpy as np
    import layercheck as lc
    from layercheck._core import Ledger

    def report(rows):
        columns = Ledger(lc.plan(rows, threads=1)).columns()
        return lc.Report(columns, target=lc.Target("app"), stats=lc.RunStats())

    def raw(count):
        rows = np.zeros((count, 32), np.uint8)
        rows[:, :4] = np.arange(count, dtype="<u4").view(np.uint8).reshape(count, 4)
        return report(rows)
"""


def run(program: str, *arguments: object) -> str:
    """What the program writes to standard output, in a process of its own."""
    source = textwrap.dedent(SHORT) + textwrap.dedent(program)
    command = [sys.executable, "-c", source, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc/self/statm")
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.csv.gz", "r.jsonl.zst"])
@pytest.mark.parametrize("rows", ["rejected", "digests"])
def test_a_report_that_gets_no_memory_raises_and_leaves_no_file(name: str, rows: str, tmp_path: Path) -> None:
    program = """
        long = report(["\\0" * 300] * 40_000) if sys.argv[2] == "rejected" else raw(40_000)
        path = Path(sys.argv[1])
        long.table()
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for megabytes in (1, 4, 24, 48):
            path.unlink(missing_ok=True)
            resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20), resource.RLIM_INFINITY))
            try:
                long.write(path)
                print(sorted(each.name for each in path.parent.iterdir()) == [path.name])
            except MemoryError:
                print(not list(path.parent.iterdir()))
    """
    assert run(program, tmp_path / name, rows).split() == ["True"] * 4


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="limits of a user's threads")
@pytest.mark.parametrize("name", FORMATS)
def test_a_system_that_gives_no_threads_gets_the_report_from_one(name: str) -> None:
    program = """
        import pyarrow.parquet
        long = raw(300_000)
        if os.getuid() == 0:  # the limit does not hold for root
            os.setuid(65534)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        long.write(sys.argv[1])
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / name
        run(program, path)
        read = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[name.split(".")[1]]
        assert read(path).height == ROWS  # type: ignore[operator]


def test_ctrl_c_while_the_reading_thread_starts_leaves_nothing_that_keeps_the_process(tmp_path: Path) -> None:
    program = """
        from layercheck import daemon_thread
        import pyarrow.parquet
        wait = daemon_thread._BoundedEvent.wait

        def interrupted(self, timeout=None):
            if timeout is None:
                os.kill(os.getpid(), signal.SIGINT)
            return wait(self, timeout)

        daemon_thread._BoundedEvent.wait = interrupted
        try:
            raw(300_000).write(sys.argv[1])
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert run(program, tmp_path / "r.parquet") == "interrupted\n"
    assert not list(tmp_path.iterdir())
