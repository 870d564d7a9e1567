"""Test your own code with a local ECR endpoint: pytest examples/test_with_local_ecr.py.

`layers_to_push` stands for your code. It gets its client from outside, so that a test can hand in another.
"""

import pytest

import layercheck as lc
from layercheck.testing import Fault, LocalEcr

BASE, NEW = "sha256:" + "a0" * 32, "sha256:" + "b1" * 32


def layers_to_push(digests, repository, client):
    """Your code: the layers that an upload cannot skip."""
    report = lc.check(digests, repository, client=client)
    report.raise_for_failures()
    return report.digests("unavailable")


def test_layers_that_the_repository_has_are_not_pushed_again():
    with LocalEcr({"team/app": [BASE]}) as ecr:
        assert layers_to_push([BASE, NEW], "team/app", ecr.client()) == [NEW]


def test_throttling_costs_time_and_nothing_else():
    with LocalEcr({"team/app": [BASE]}, faults=[Fault("throttle", calls=(1, 3))]) as ecr:
        assert layers_to_push([BASE, NEW], "team/app", ecr.client()) == [NEW]
        assert ecr.counters.throttled == 3


def test_a_repository_that_does_not_exist_is_an_error():
    with LocalEcr() as ecr, pytest.raises(lc.RepositoryNotFoundError):
        layers_to_push([BASE], "team/app", ecr.client())
