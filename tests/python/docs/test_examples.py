"""The examples run as they stand, against a local endpoint instead of AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from layercheck.testing import LocalEcr

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
OF_ENGINES = {f"{engine}_{what}.py" for engine in ("dask", "ray", "spark") for what in ("audit", "images")}
"""These need an engine, so `make test-engines` runs them."""
HELD, GONE = "sha256:" + "a0" * 32, "sha256:" + "b1" * 32


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr({"team/app": [HELD]}) as server:
        yield server


def run(ecr: LocalEcr, *arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """An example, which finds the endpoint and its credentials where boto3 looks for them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    found = {
        "AWS_ENDPOINT_URL": ecr.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **found},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_checking_a_file_writes_the_report_and_shows_what_is_missing(ecr: LocalEcr, tmp_path: Path) -> None:
    (tmp_path / "digests.txt").write_text(f"{HELD}\n{GONE}\n{GONE}\n")
    arguments = [str(EXAMPLES / "check_file.py"), "team/app", "digests.txt", "report.csv"]
    done = run(ecr, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "unavailable             2 rows" in done.stdout
    assert done.stdout.endswith(f"\n{GONE}\n")
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 4
    assert run(ecr, *arguments, cwd=tmp_path).stdout == done.stdout
    assert ecr.counters.calls == 1


@pytest.mark.parametrize(
    ("layers", "repository", "code", "told"),
    [
        pytest.param([HELD], "team/app", 0, "", id="all there"),
        pytest.param([HELD, GONE], "team/app", 1, f"unavailable: {GONE}", id="one missing"),
        pytest.param([HELD, "latest"], "team/app", 1, "", id="one that is not a digest"),
        pytest.param([HELD], "team/nothing", 2, "unknown: repository", id="no such repository"),
        pytest.param(None, "team/app", 2, "unknown: this is an index", id="an index"),
    ],
)
def test_the_gate_is_open_only_if_all_layers_are_there(
    ecr: LocalEcr, tmp_path: Path, layers: Sequence[str] | None, repository: str, code: int, told: str
) -> None:
    manifest: dict[str, object] = {"manifests": []}
    if layers is not None:
        foreign = {"digest": GONE, "urls": ["https://example.com/layer"]}
        manifest = {"config": {"digest": HELD}, "layers": [*({"digest": each} for each in layers), foreign]}
    done = run(ecr, str(EXAMPLES / "ci_gate.py"), repository, cwd=tmp_path, stdin=json.dumps(manifest))
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_the_gate_without_a_repository_is_not_an_answer(ecr: LocalEcr, tmp_path: Path) -> None:
    done = run(ecr, str(EXAMPLES / "ci_gate.py"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Exit codes: 0 all are there; 1 some are not; 2 unknown" in done.stderr


def test_the_example_of_a_test_passes(ecr: LocalEcr, tmp_path: Path) -> None:
    done = run(
        ecr,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(EXAMPLES / "test_with_local_ecr.py"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_every_example_is_tested_here() -> None:
    text = Path(__file__).read_text()
    scripts = [path.name for path in EXAMPLES.glob("*.py")]
    here = [name for name in scripts if name not in OF_ENGINES]
    assert len(here) == 3
    assert [name for name in here if f'"{name}"' not in text] == []


def test_every_example_of_an_engine_is_tested_with_that_engine() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "engines").rglob("test_example*.py"))
    there = [path.name for path in EXAMPLES.glob("*.py") if path.name in OF_ENGINES]
    assert [name for name in there if f'"{name}"' not in tests] == []
