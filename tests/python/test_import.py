"""Importing layercheck is cheap and says so when the build is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

import layercheck as lc

HEAVY = ["boto3", "botocore", "numpy", "click", "rich", "pyarrow", "pandas", "polars", "tqdm", "asyncio"]


@pytest.mark.parametrize("module", ["layercheck", "layercheck.testing"])
def test_import_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_planning_text_loads_no_numpy() -> None:
    code = "import sys, layercheck as lc; lc.plan(['ab' * 32])[0]; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_build_info_tells_version_profile_and_kernel() -> None:
    info = lc.build_info()
    assert info["version"] == lc.__version__
    assert info["profile"] == "release", "the tests run against a release build"
    assert info["kernel"]


def test_importing_a_debug_build_warns() -> None:
    # The profile is the native module's; only what it reports is replaced here.
    code = (
        "import layercheck._core as core, sys, warnings\n"
        "info = core.build_info()\n"
        "core.build_info = lambda: {**info, 'profile': 'debug'}\n"
        "del sys.modules['layercheck']\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    import layercheck\n"
        "print([str(warning.message) for warning in caught])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "debug build" in done.stdout


def test_everything_in_all_exists() -> None:
    missing = [name for name in lc.__all__ if not hasattr(lc, name)]
    assert missing == []
