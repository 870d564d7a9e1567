"""Importing layercheck is fast, and warns about a debug build."""

from __future__ import annotations

import subprocess
import sys

import pytest

import layercheck as lc

HEAVY = [
    "boto3",
    "botocore",
    "numpy",
    "click",
    "jinja2",
    "rich",
    "pyarrow",
    "pandas",
    "polars",
    "tqdm",
    "asyncio",
]


# Modules of the standard library that take milliseconds to import and that a plan does not need.
SLOW = ["concurrent.futures", "dataclasses", "inspect", "logging", "pathlib", "tempfile", "urllib.parse"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("layercheck", HEAVY + SLOW), ("layercheck.testing", HEAVY), ("layercheck.spark", [*HEAVY, "pyspark"])],
    ids=str,
)
def test_import_loads_no_heavy_library(module: str, heavy: list[str]) -> None:
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
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
    # The native module reports the profile; the test replaces only the report.
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


def test_a_lazily_imported_name_is_the_same_object_and_listed() -> None:
    code = (
        "import sys, layercheck as lc\n"
        "print('layercheck.dispatch' in sys.modules, set(lc.__all__) <= set(dir(lc)))\n"
        "from layercheck.dispatch import check\n"
        "print(lc.check is check, lc.check is lc.check, callable(lc.plan), callable(lc.read))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True", "True", "True", "True"]


@pytest.mark.parametrize(
    "first",
    [
        "planning",
        "inputs.files",
        "comparison",
        "report",
        "dispatch",
        "types",
        "verdict",
        "errors",
        "cli",
        "push",
    ],
)
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    code = (
        f"import layercheck.{first}\n"
        "import layercheck as lc\n"
        "print([name for name in lc.__all__ if type(getattr(lc, name)).__name__ == 'module'])\n"
        "print(lc.plan(['ab' * 32]).rows)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "1"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'layercheck' has no attribute 'chekc'"):
        lc.chekc  # noqa: B018
