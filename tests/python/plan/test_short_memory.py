"""With little address space left, a plan is right or a MemoryError, and the process goes on."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from peak_memory import PEAK_MB

MEGABYTES = (2, 8, 14, 20, 45, 200)
"""Address space that is left, from too little for a block to enough for the whole plan. glibc may map 64 MB
for the memory of a second thread, at a moment that depends on which thread is first."""

ROWS = 400_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc/self/statm")

SETUP = """
import resource, sys
from pathlib import Path
import layercheck as lc

ROWS = {rows}

def raw():
    import numpy as np
    return np.random.default_rng(7).integers(0, 256, (ROWS, 32), dtype=np.uint8)

def leave(megabytes):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20), resource.RLIM_INFINITY))

def free():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

lc.plan(["warm"]).row_index
"""

INPUTS = {
    "list": "rows = [each.tobytes().hex() for each in raw()]",
    "list with rejected rows": "rows = ['not a digest, but number %d' % each for each in range(ROWS)]",
    "generator": "rows = (each.tobytes().hex() for each in raw())",
    "numpy raw": "rows = raw()",
    "numpy S": "import numpy as np; rows = np.array([each.tobytes().hex() for each in raw()], dtype='S64')",
    "arrow": "import pyarrow as pa; rows = pa.array([each.tobytes().hex() for each in raw()])",
    "file": "rows = Path(sys.argv[1])",
    "gzip": "rows = Path(sys.argv[1] + '.gz')",
    "zstd": "rows = Path(sys.argv[1] + '.zst')",
    "csv": "rows = lc.read(sys.argv[1] + '.csv')",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows"
    chance = random.Random(7)
    text = "".join(f"{chance.randbytes(32).hex()}\n" for _ in range(ROWS)).encode()
    path.write_bytes(text)
    Path(f"{path}.csv").write_bytes(b"digest\n" + text)
    Path(f"{path}.gz").write_bytes(gzip.compress(text, 1))
    with pa.CompressedOutputStream(f"{path}.zst", "zstd") as packed:
        packed.write(text)
    return path


def run(script: str, *arguments: str, rows: int = ROWS) -> subprocess.CompletedProcess[str]:
    code = SETUP.format(rows=rows) + textwrap.dedent(script)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", INPUTS)
def test_a_plan_without_memory_is_a_memory_error(name: str, threads: int, file: Path) -> None:
    script = f"""
        for megabytes in {MEGABYTES}:
            {INPUTS[name]}
            leave(megabytes)
            try:
                plan = lc.plan(rows, threads={threads})
            except MemoryError as error:
                free()
                print("refused")
            else:
                free()
                assert plan.rows == ROWS and plan.unique + plan.invalid == ROWS, plan
                print("planned")
            plan = None
            assert lc.plan(["a" * 64]).unique == 1
    """
    ended = run(script, str(file))
    found = ended.stdout.split()
    assert ended.returncode == 0, (found, ended.returncode, ended.stderr[-1500:])
    assert found == sorted(found, reverse=True)
    assert set(found) == {"refused", "planned"}, found


def test_a_plan_needs_no_memory_for_digests_that_were_only_likely() -> None:
    """A seventh of the rows are new digests, so that a table for new digests in all rows is tried first."""
    script = """
        import numpy as np
        new = raw()[: ROWS // 7]
        rows = np.concatenate([new, np.broadcast_to(new[0], (ROWS - len(new), 32))])
        leave(125)
        plan = lc.plan(rows, threads=1)
        free()
        assert (plan.rows, plan.unique) == (ROWS, ROWS // 7), plan
    """
    ended = run(script, rows=6_000_000)
    assert ended.returncode == 0, ended.stderr[-1500:]


def test_a_file_of_long_lines_takes_no_more_memory_than_its_rows_need(tmp_path: Path) -> None:
    """By its length, the file of long lines could have four times as many rows."""
    chance = random.Random(7)
    texts = [chance.randbytes(32).hex() for _ in range(600_000)]
    peaks = []
    for name, others in (("short", ""), ("long", "," + "x" * 220)):
        path = tmp_path / f"{name}.csv"
        path.write_text("".join(["digest,name\n", *(f"{text}{others or ','}\n" for text in texts)]))
        script = PEAK_MB + textwrap.dedent("""
            plan = lc.plan(lc.read(sys.argv[1], column="digest"), threads=1)
            assert plan.unique == 600_000, plan
            print(peak_mb())
        """)
        ended = run(script, str(path))
        assert ended.returncode == 0, ended.stderr[-1500:]
        peaks.append(float(ended.stdout))
    short, long = peaks
    assert long < short + 8, peaks
