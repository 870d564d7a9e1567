"""The pytest plugin, used by a test suite of its own in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

GUIDE = Path(__file__).parents[3] / "docs/guide/testing.md"

SUITE = """
import boto3
import pytest
import layercheck as lc

LAYER = "sha256:" + "a0" * 32


def test_each_test_has_an_empty_endpoint(local_ecr):
    assert local_ecr.repositories == []
    local_ecr.put("app", [LAYER])


def test_of_its_own(local_ecr):
    assert local_ecr.repositories == []


@pytest.mark.parametrize("service", ["ecr", "ecr-public"])
def test_clients_of_the_tested_code_reach_it(local_ecr, service):
    local_ecr.put("app", [LAYER])
    answer = boto3.client(service).batch_check_layer_availability(repositoryName="app", layerDigests=[LAYER])
    assert answer["layers"][0]["layerAvailability"] == "AVAILABLE"
    assert local_ecr.counters.calls == 1


@pytest.mark.local_ecr({"app": [LAYER]}, tls=True, region_name="eu-west-1")
def test_the_marker_gives_its_arguments(local_ecr):
    assert lc.check([LAYER], "app").counts["available"] == 1
    assert local_ecr.endpoint_url.startswith("https://")


def test_without_the_fixture_the_environment_is_as_before():
    import os

    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_ENDPOINT_URL_ECR" not in os.environ
"""


def run(folder: Path, suite: str) -> str:
    (folder / "test_suite.py").write_text(suite)
    options = ["-q", "--strict-markers", "-p", "no:cacheprovider"]
    # Named twice, a plugin is an error, so it is named here only where the installed package does not.
    if not entry_points(group="pytest11", name="layercheck"):
        options += ["-p", "layercheck.testing.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *options, "test_suite.py"]
    # What a developer's shell has, and what would lead the clients to another account or to an error.
    environment = {**os.environ, "AWS_PROFILE": "work", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_fixture_serves_a_suite(tmp_path: Path) -> None:
    assert "6 passed" in run(tmp_path, SUITE)


def test_the_example_of_the_guide_runs(tmp_path: Path) -> None:
    example = GUIDE.read_text().partition("## In pytest")[2].partition("```python\n")[2].partition("```")[0]
    assert "2 passed" in run(tmp_path, example)


def test_pytest_finds_the_plugin_of_an_installed_layercheck() -> None:
    (found,) = entry_points(group="pytest11", name="layercheck")
    assert found.value == "layercheck.testing.pytest_plugin"


def test_an_unknown_operation_is_told_which_are_served(tmp_path: Path) -> None:
    suite = """
import boto3, pytest

def test_other_operations(local_ecr):
    with pytest.raises(Exception) as caught:
        boto3.client("ecr").describe_registry()
    assert "the operations BatchCheckLayerAvailability, BatchGetImage, " in str(caught.value)
    assert 'POST / "AmazonEC2ContainerRegistry_V20150921.DescribeRegistry"' in str(caught.value)
"""
    assert "1 passed" in run(tmp_path, suite)
