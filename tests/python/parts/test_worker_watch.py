"""A cluster without workers: an error at the start, one warning in mid-run."""

from __future__ import annotations

import pytest

import layercheck as lc
from layercheck.parts.worker_watch import WorkerWatch


def test_a_run_does_not_begin_without_workers_and_goes_on_without_them() -> None:
    watch = WorkerWatch("the cluster has no workers", "start some")
    with pytest.raises(lc.LayercheckError, match="no workers; start some, and run the same again"):
        watch.slots(0)
    assert [watch.slots(count) for count in (4, 0, 2)] == [4, 1, 2]


def test_a_run_that_has_a_result_has_begun() -> None:
    watch = WorkerWatch("the cluster has no workers", "start some")
    watch.answered()
    assert watch.slots(0) == 1


def test_each_loss_of_all_workers_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = WorkerWatch("the cluster has no workers", "start some")
    said = []
    for count in (1, 0, 0, 0, 3, 0, 0):
        for _ in range(10):
            watch.waited(lambda count=count: count)  # type: ignore[misc]
        said.append(len(caplog.messages))
    assert said == [0, 1, 1, 1, 1, 2, 2]
    assert set(caplog.messages) == {"the cluster has no workers; the run waits until there are some"}


def test_workers_that_cannot_be_counted_end_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def count() -> int:
        raise OSError("the connection was closed")

    watch = WorkerWatch("the cluster has no workers", "start some")
    for _ in range(30):
        watch.waited(count)
    assert caplog.messages == []
