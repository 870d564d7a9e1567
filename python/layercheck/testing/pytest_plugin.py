"""The pytest plugin: the fixture `local_ecr`. pytest loads it by itself where layercheck is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from layercheck.testing.local_ecr import LocalEcr

_MARKER = "local_ecr(repositories=(), **options): arguments of layercheck.testing.LocalEcr for `local_ecr`"


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def local_ecr(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEcr]:
    """A local ECR endpoint, a new one for each test: `layercheck.testing.LocalEcr`.

    Every boto3 client for `ecr` and `ecr-public` that the test makes, and every layercheck check, reaches
    this endpoint and no account: the fixture sets the endpoint, credentials and the region in the
    environment. The marker `local_ecr` gives the arguments of `LocalEcr`.

    Examples:
        >>> import layercheck as lc
        >>> def test_a_pushed_layer_is_found(local_ecr):  # doctest: +SKIP
        ...     local_ecr.put("app", ["sha256:" + "aa" * 32])
        ...     assert lc.check(["sha256:" + "aa" * 32], "app").counts["available"] == 1
        >>> @pytest.mark.local_ecr({"app": []}, latency_ms=20)  # doctest: +SKIP
        ... def test_my_program_is_patient(local_ecr): ...
    """
    from layercheck.testing.local_ecr import LocalEcr  # here, so that other tests do not wait for it

    marker = request.node.get_closest_marker("local_ecr")
    arguments, options = (marker.args, marker.kwargs) if marker else ((), {})
    with LocalEcr(*arguments, **options) as ecr:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
            monkeypatch.delenv(name, raising=False)
        region = str(options.get("region_name") or "us-east-1")
        settings = {
            "AWS_ENDPOINT_URL_ECR": ecr.endpoint_url,
            "AWS_ENDPOINT_URL_ECR_PUBLIC": ecr.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
        }
        if ecr.ca_bundle is not None:
            settings["AWS_CA_BUNDLE"] = ecr.ca_bundle
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield ecr
