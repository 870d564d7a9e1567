"""One small Ray on this machine, where the network is nothing but loopback."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

import pytest

from audited import ENVIRONMENT
from on_ray.loopback_only import interfaces, is_alone
from on_ray.small_ray import start_ray

if not is_alone():
    sys.stderr.write(
        f"\n{'!' * 100}\nSKIPPED: Ray listens on every interface, and there are {sorted(interfaces())}.\n"
        f"Run these tests by `make test-ray`.\n{'!' * 100}\n"
    )
    pytest.skip("Ray needs a network namespace with nothing but loopback", allow_module_level=True)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what Ray says about its own code."""
    for kind in ("DeprecationWarning", "FutureWarning", "ray.util.annotations.RayDeprecationWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{kind}:ray.*")


@pytest.fixture(scope="session")
def ray_folder() -> Iterator[str]:
    """Where Ray keeps its sockets and logs."""
    folder = tempfile.mkdtemp(prefix="lc-ray-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(ray_folder: str) -> Iterator[None]:
    """Ray for all tests of this run; they end actors and leave the rest whole."""
    kept = dict(os.environ)
    os.environ.update({**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)})
    start_ray(ray_folder)
    yield
    import ray

    ray.shutdown()
    os.environ.clear()
    os.environ.update(kept)
