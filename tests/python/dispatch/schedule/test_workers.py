"""The threads that make calls."""

from __future__ import annotations

import threading

import pytest

from layercheck.dispatch.schedule.workers import CallAbandonedExit, _Worker


def test_an_abandoned_thread_ends_without_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)

    def serve(_: _Worker) -> None:
        raise CallAbandonedExit

    worker = _Worker(serve)
    worker.start()
    worker.join(60)
    assert not worker.is_alive()
    assert told == []
