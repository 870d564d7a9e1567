"""The paces of the questions beside the layer check, which plans and checks of images share."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import layercheck as lc
from layercheck.testing import LocalEcr

from .layouts import Layout, layer

CALLS_PER_SECOND = 10


def test_plans_and_checks_of_images_at_once_share_the_pace_of_an_operation(layout: Layout) -> None:
    layout.image([layer("app")], name="v1")
    with LocalEcr(["team/app"]) as ecr, ThreadPoolExecutor(6) as threads:
        ecr.put_oci_layout("team/app", layout.folder)
        place = {"session": ecr.session(), "endpoint_url": ecr.endpoint_url}

        def plan() -> bool:
            return lc.push_plan(layout.folder, "team/app", tag="v1", **place).nothing_to_do  # type: ignore[arg-type]

        def images() -> bool:
            return lc.check_images("team/app", **place).complete  # type: ignore[arg-type]

        began = time.monotonic()
        done = [threads.submit(each) for each in (plan, images, plan, images, plan, plan)]
        assert all(each.result() for each in done)
        # A slow machine takes longer. Calls that do not share a pace take less.
        seconds = time.monotonic() - began
        calls = ecr.counters.operations["DescribeImages"]
    assert calls >= 10
    assert seconds >= (calls - 1) / CALLS_PER_SECOND


def test_each_operation_has_a_pace_of_its_own(layout: Layout) -> None:
    """A throttled operation waits, and the others keep their rate."""
    from layercheck.dispatch.rate.lanes import join_lane
    from layercheck.limits import Limits
    from layercheck.testing import Fault

    layout.image([layer("app")], name="v1")
    with LocalEcr(["team/app"]) as ecr:
        ecr.put_oci_layout("team/app", layout.folder)
        client = ecr.client()
        ecr.set_faults([Fault("throttle", calls=(1, 3), operations=("DescribeImages",))])
        made = lc.push_plan(layout.folder, "team/app", tag="v1", client=client)
        assert made.nothing_to_do
        throttled, other = (
            join_lane(client, made.target, 10.0, Limits(), operation)
            for operation in ("DescribeImages", "DescribeRepositories")
        )
    assert throttled.pacer.is_adapted
    assert not other.pacer.is_adapted
